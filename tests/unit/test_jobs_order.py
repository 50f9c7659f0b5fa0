"""What may be handed in, and how values are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from child import run_child
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.jobs.encoding import from_text, moment, moment_if, to_text
from evaltrail.jobs.failure import failure_from_text, failure_of, failure_to_text
from evaltrail.jobs.lateness import timed_out
from evaltrail.jobs.order import NewJob, NewUnit, check_order

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"units": ()}, "units"),
        ({"units": (NewUnit(is_last=True), NewUnit(is_last=True))}, "units"),
        ({"units": (NewUnit(max_attempts=0),)}, "units.max_attempts"),
        ({"units": (NewUnit(endpoint="x" * 501),)}, "units.endpoint"),
        ({"units": (NewUnit(),) * 100_001}, "units"),
        ({"priority": 101}, "priority"),
        ({"name": "nul\0"}, "name"),
        ({"name": "torn \ud800"}, "name"),
        ({"kind": ""}, "kind"),
        ({"queue": ""}, "queue"),
        ({"idempotency_key": "k" * 501}, "idempotency_key"),
        ({"kind": "k" * 101}, "kind"),
        ({"id": "../../elsewhere"}, "id"),
        ({"id": "0123456789abcdef0"}, "id"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
        ({"timeout_s": float("inf")}, "timeout_s"),
        ({"labels": {"": "v"}}, "labels"),
        ({"labels": {"k": "v" * 501}}, "labels.k"),
        ({"labels": {"\N{SNOWMAN}" * 200: "\N{GRINNING FACE}" * 500}}, "labels." + "\N{SNOWMAN}" * 80),
        ({"labels": {"k": "nul\0"}}, "labels.k"),
        ({"labels": {str(number): "" for number in range(201)}}, "labels"),
    ],
)
def test_what_no_queue_could_keep_is_refused(changes, where):
    """The field is named before anything is written."""
    with pytest.raises(InputError) as caught:
        check_order(NewJob(**{"kind": "evaluate", "spec": {}, "units": (NewUnit(),), **changes}))
    assert caught.value.where == where


def test_labels_and_a_time_out_are_taken():
    """A label's value may be empty; hours are no limit."""
    check_order(NewJob(kind="k", spec={}, units=(NewUnit(),), labels={"tag:a": "", "b": "c"}, timeout_s=86_400.0))


@pytest.mark.parametrize(
    ("timeout_s", "words"), [(3600, "60 minutes"), (60, "1 minute "), (90, "1.5 minutes"), (864_000, "14400 minutes")]
)
def test_a_unit_without_time_says_how_long_it_had(timeout_s, words):
    """In minutes, as it was asked for, and how to go on."""
    failure = timed_out("feed", timeout_s)
    assert failure.code == "timed_out"
    assert words in failure.message
    assert "jobs retry feed" in failure.hint


@given(JSON)
def test_json_comes_back_as_it_was(value):
    """As ASCII without NUL, which every database keeps."""
    text = to_text(value)
    assert from_text(text) == value
    assert text.isascii()
    assert "\0" not in text


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object(), {"deep": float("inf")}])
def test_what_is_no_json_is_refused(value):
    """NaN least of all: PostgreSQL and clients read it differently."""
    with pytest.raises(InputError, match="JSON"):
        to_text(value, "spec")


def test_read_only_mappings_are_json_too():
    """Values of the core are read-only."""
    assert from_text(to_text({"a": MappingProxyType({"b": (1, 2)})})) == {"a": {"b": [1, 2]}}
    assert from_text(None) is None


def test_times_are_aware():
    """Microseconds since 1970, UTC."""
    assert moment(1_500_000) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert moment_if(None) is None
    assert moment_if(0) == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_failure_is_an_error_as_a_value():
    """Code, message, next step and place survive the table."""
    failure = failure_of(EndpointError("gone", hint="start it", where="http://host"))
    assert failure_from_text(failure_to_text(failure)) == failure
    assert (failure.code, failure.where) == ("endpoint", "http://host")
    assert failure_from_text(None) is None


def test_the_values_of_the_queue_load_no_database():
    """Who only speaks of jobs (a command, a page) does not wait for sqlalchemy."""
    rooms = "account, claim, encoding, failure, order, states"
    child = run_child(f"from evaltrail.jobs import {rooms}\nimport sys\nprint('sqlalchemy' in sys.modules)")
    assert child.stdout.strip() == "False", child.stderr


def test_commands_load_no_database():
    """`run` and `ls` begin without the 0.2 s that sqlalchemy takes."""
    child = run_child(
        """
        import evaltrail.cli.main, evaltrail.service.evaluation.prepare, evaltrail.service.history.evaluations, sys
        print("sqlalchemy" in sys.modules)
        """
    )
    assert child.stdout.strip() == "False", child.stderr
