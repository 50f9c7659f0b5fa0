"""Entries: every number once, under a unique name, and no secret anywhere."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.destinations.files.entry import entries_of
from exported_entries import SCORE, bundle_of, entry_of, job_of, task_of


def columns(entry):
    return {name: value for metric in entry.metrics for name, value in metric.columns()}


def test_a_metric_brings_along_what_is_known_beside_it():
    """Standard error, interval and counts; what nobody knows has no column."""
    assert columns(entry_of(SCORE, MetricValue(name="bare", value=1.0))) == {
        "score": 0.625,
        "score_stderr": 0.25,
        "score_ci_low": 0.1,
        "score_ci_high": 0.9,
        "score_n": 4,
        "score_n_unscored": 1,
        "bare": 1.0,
    }


def test_names_say_task_and_groups_and_usage_counts_too():
    """As MLflow has them: the task stands before a metric unless the producer's own names tell tasks apart."""
    task = task_of(MetricValue(name="f1", value=0.5, group=("a", "b")), prefix=None, usage={"requests": 7.0})
    (entry,) = entries_of(bundle_of(task), job_of())
    assert columns(entry) == {"mmlu/a/b/f1": 0.5, "mmlu/requests": 7.0}


def test_the_benchmark_is_the_task_where_the_producer_has_a_word_for_it():
    """As the launcher's own exporter names it: `mmlu`, not `simple_evals.mmlu`."""
    (entry,) = entries_of(bundle_of(task_of(name="simple_evals.mmlu"), tags={"benchmark": "mmlu"}), job_of())
    assert (entry.task, entry.result.name) == ("mmlu", "simple_evals.mmlu")


def test_a_task_each_is_an_entry_of_an_evaluation_with_several():
    """What its reader left out is told once."""
    bundle = bundle_of(task_of(name="a"), task_of(name="b"), skipped=(Skipped(what="x", why="y"),))
    entries = entries_of(bundle, job_of(None))
    assert [(entry.task, len(entry.skipped)) for entry in entries] == [("a", 1), ("b", 0)]


def test_what_is_no_number_is_told_and_never_written():
    """No NaN, no infinity, no number beyond all floats."""
    values = (None, math.nan, math.inf, 10**400)
    entry = entry_of(*(MetricValue(name=f"m{place}", value=value) for place, value in enumerate(values)))
    assert columns(entry) == {}
    assert [item.what for item in entry.skipped] == [f"metric m{place}" for place in range(4)]
    assert [metric.name for metric in entry.metrics] == ["m0", "m1", "m2", "m3"]


def test_a_wanted_metric_is_found_by_its_name_or_by_what_stands_beside_it():
    """And brings all of it; how many were left out is told."""
    task = task_of(SCORE, MetricValue(name="other", value=1.0))
    for wanted in ("score", "score_stderr"):
        (entry,) = entries_of(bundle_of(task), job_of(), lambda name, wanted=wanted: name == wanted)
        assert columns(entry).keys() == columns(entry_of(SCORE)).keys()
        assert entry.skipped == (Skipped(what="1 metrics", why="not among those asked for"),)


def test_secrets_are_hidden_in_everything_but_names():
    """In settings, errors and notes, wherever they stand."""
    task = task_of(SCORE, config={"extra.note": "uses plum-otter-99 here", "n": 3}, error="refused plum-otter-99")
    bundle = bundle_of(
        task,
        params={"note": "plum-otter-99"},
        skipped=(Skipped(what="x", why="odd: plum-otter-99"),),
        secrets=frozenset({"plum-otter-99"}),
    )
    (entry,) = entries_of(bundle, job_of())
    assert "plum-otter-99" not in repr(entry)
    assert entry.result.config == {"extra.note": "uses *** here", "n": 3}


_NAMES = st.sampled_from(["a", "a_n", "a_stderr", "a_2", "b", "a_n_unscored"])
_METRICS = st.builds(
    MetricValue,
    name=_NAMES,
    value=st.floats(0, 1) | st.none(),
    n=st.integers(0, 9) | st.none(),
    stderr=st.floats(0, 1) | st.none(),
    step=st.integers(0, 3),
)


@given(st.lists(_METRICS, min_size=1, max_size=12))
def test_no_number_ever_hides_another(metrics):
    """Every column has one value, whatever the names; as many as there are numbers."""
    entry = entry_of(*metrics)
    named = [name for metric in entry.metrics for name, _ in metric.columns()]
    assert len(named) == len(set(named))
    known = sum(value is not None for metric in metrics for value in (metric.value, metric.stderr, metric.n))
    unscored = sum(metric.n_unscored is not None for metric in entry.metrics)
    assert len(named) == known + unscored
