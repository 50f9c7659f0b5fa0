"""How a job's state follows from those of its units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.jobs.states import ENDED, ended_state

UNIT_ENDS = st.frozensets(st.sampled_from(["done", "failed", "cancelled"]))
LAST_ENDS = st.sampled_from([None, "done", "failed", "cancelled"])
VERDICTS = st.sampled_from(["", "completed", "partially_failed", "failed"])


@pytest.mark.parametrize(
    ("others", "last", "state"),
    [
        ({"done"}, None, "completed"),
        ({"done"}, "done", "completed"),
        (set(), "done", "completed"),
        ({"done", "failed"}, "done", "partially_failed"),
        ({"failed"}, "done", "failed"),
        ({"failed"}, None, "failed"),
        ({"done"}, "failed", "failed"),
        (set(), "failed", "failed"),
    ],
)
def test_a_job_ends_as_its_units_did(others, last, state):
    """All done: completed; some: partially failed; none, or nothing delivered: failed."""
    assert ended_state(frozenset(others), last, is_cancelling=False) == state


@pytest.mark.parametrize(
    ("others", "verdict", "state"),
    [
        ({"done"}, "partially_failed", "partially_failed"),
        ({"done"}, "failed", "failed"),
        ({"done", "failed"}, "completed", "partially_failed"),
    ],
)
def test_the_graver_of_units_and_verdict_counts(others, verdict, state):
    """The last unit has seen the samples; it may say worse than the units tell, never better."""
    assert ended_state(frozenset(others), "done", is_cancelling=False, verdict=verdict) == state


def test_a_cancelled_job_whose_units_were_all_done_is_completed():
    """Whoever cancelled it came too late; unless its last unit says that it only put things in order."""
    assert ended_state(frozenset({"done"}), "done", is_cancelling=True) == "completed"
    assert ended_state(frozenset({"done"}), "done", is_cancelling=True, verdict="cancelled") == "cancelled"
    assert ended_state(frozenset({"done", "failed"}), "cancelled", is_cancelling=True) == "cancelled"
    assert ended_state(frozenset({"done", "failed"}), "done", is_cancelling=True) == "partially_failed"


@given(UNIT_ENDS, LAST_ENDS, st.booleans(), VERDICTS)
def test_every_end_is_an_end(others, last, is_cancelling, verdict):
    """Whatever the units came to, the job has ended, and is completed only where all of them were done."""
    state = ended_state(others, last, is_cancelling=is_cancelling, verdict=verdict)
    assert state in ENDED
    if state == "completed":
        assert others | {last} <= {"done", None}
