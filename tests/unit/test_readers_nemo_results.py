"""Numbers of results.yml: each under its name or listed, whatever the document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.readers.leaves import leaves
from evaltrail.readers.nemo_launcher.results import moment, read_results, read_runtime
from evaltrail.readers.notes import Notes

NUMBERS = st.integers(-5, 5) | st.floats()
SCALARS = NUMBERS | st.none() | st.booleans() | st.sampled_from(["n/a", "0.5", "text", "1e-05", ".nan"])
NAMES = st.sampled_from(["a", "b", "a_b", "pass@1", "score", "micro", "task"])
STATS = st.dictionaries(st.sampled_from(["stderr", "count", "stddev", "min"]), SCALARS, max_size=4)
SCORES = st.fixed_dictionaries({}, optional={"value": SCALARS, "stats": STATS | SCALARS, "other": SCALARS}) | SCALARS
METRICS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries({}, optional={"scores": st.dictionaries(NAMES, SCORES, max_size=3), "stats": STATS})
    | SCALARS,
    max_size=3,
)
ENTRIES = st.recursive(
    st.fixed_dictionaries({}, optional={"metrics": METRICS | st.none(), "alias": SCALARS}) | SCALARS,
    lambda inner: st.fixed_dictionaries(
        {"groups": st.dictionaries(NAMES, inner, max_size=3) | st.none()}, optional={"metrics": METRICS}
    ),
    max_leaves=4,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "groups": st.dictionaries(NAMES, ENTRIES, max_size=3) | SCALARS,
        "tasks": st.dictionaries(NAMES, ENTRIES, max_size=3) | SCALARS,
        "more": SCALARS | st.lists(SCALARS, max_size=3),
    },
)


def metrics_of(results, notes=None) -> dict[str, tuple]:
    found = read_results(results, notes or Notes(), where="results.yml").metrics
    assert len({metric.name for metric in found}) == len(found)
    return {metric.name: (metric.value, metric.stderr, metric.n) for metric in found}


def scores(**values) -> dict:
    return {"metrics": {"score": {"scores": {name: {"value": value} for name, value in values.items()}}}}


def numbers_in(document) -> set[float]:
    return {
        float(leaf)
        for _, leaf in leaves(document)
        if isinstance(leaf, int | float) and not isinstance(leaf, bool) and math.isfinite(leaf)
    }


def test_names_are_those_of_the_launcher():
    """Group or task, metric, score; a score called like its metric is left out; names stay raw."""
    results = {
        "groups": {"mmlu": scores(micro=0.6, macro=0.7)},
        "tasks": {
            "stem": scores(micro=0.5),
            "he": {"metrics": {"pass@1": {"scores": {"pass@1": {"value": 1}}}}},
        },
    }
    assert list(metrics_of(results)) == ["mmlu_score_micro", "mmlu_score_macro", "stem_score_micro", "he_pass@1"]


def test_groups_may_be_nested_to_any_depth():
    """Every level above a metric is part of its name."""
    nested = scores(micro=0.1)
    for name in ("c", "b"):
        nested = {"groups": {name: nested}, **scores(micro=0.2)}
    found = metrics_of({"groups": {"a": nested, "z": {"groups": None, "metrics": None}}})
    assert {name: value for name, (value, _, _) in found.items()} == {
        "a_score_micro": 0.2,
        "a_b_score_micro": 0.2,
        "a_b_c_score_micro": 0.1,
    }


def test_statistics_stand_beside_their_score():
    """The standard error and the count belong to the value, the others are metrics of their own."""
    stats = {"stderr": "1e-05", "count": 164.0, "stddev": 0.3, "sum_squared": 7}
    one = {"metrics": {"m": {"scores": {"s": {"value": 0.5, "stats": stats}}}}}
    assert metrics_of({"tasks": {"t": one}}) == {
        "t_m_s": (0.5, 1e-05, 164),
        "t_m_s_stddev": (0.3, None, None),
        "t_m_s_sum_squared": (7, None, None),
    }


def test_equal_entries_are_one_metric_and_different_ones_are_both_kept():
    """The same entry often stands in groups and tasks; a later, different value says where it is from."""
    results = {"groups": {"g": scores(micro=0.5, macro=0.1)}, "tasks": {"g": scores(micro=0.5, macro=0.2)}}
    assert {name: value for name, (value, _, _) in metrics_of(results).items()} == {
        "g_score_micro": 0.5,
        "g_score_macro": 0.1,
        "g_score_macro_task": 0.2,
    }


def test_equal_values_with_different_errors_are_both_kept():
    """A merge must not lose a standard error; one that is missing is taken over."""
    entry = {"metrics": {"m": {"scores": {"s": {"value": 1, "stats": {"stderr": 0.1}}}}}}
    other = {"metrics": {"m": {"scores": {"s": {"value": 1, "stats": {"stderr": 0.2, "count": 9}}}}}}
    bare = {"metrics": {"m": {"scores": {"s": {"value": 1}}}}}
    assert metrics_of({"groups": {"t": entry}, "tasks": {"t": other}}) == {
        "t_m_s": (1, 0.1, None),
        "t_m_s_task": (1, 0.2, 9),
    }
    assert metrics_of({"groups": {"t": bare}, "tasks": {"t": other}}) == {"t_m_s": (1, 0.2, 9)}


@pytest.mark.parametrize(
    ("score", "why"),
    [
        ({"value": None}, "it is null"),
        ({"value": math.nan}, "nan is not a finite number"),
        ({"value": math.inf}, "inf is not a finite number"),
        ({"value": "N/A"}, "'N/A' is no number"),
        ({"value": True}, "True is no number"),
        ({"stats": {}}, "it has no value"),
        (None, "it is null"),
    ],
)
def test_a_bad_value_is_listed_and_the_rest_is_kept(score, why):
    """One value that is null, missing or no number never stops the others."""
    notes = Notes()
    both = {"metrics": {"m": {"scores": {"bad": score, "good": {"value": 1}}}}}
    assert list(metrics_of({"tasks": {"t": both}}, notes)) == ["t_m_good"]
    (note,) = notes.skipped
    assert note.what.startswith("results.yml: results.tasks.t.metrics.m.scores.bad")
    assert note.why == why


def test_statistics_of_a_missing_value_are_kept():
    """Without a value to stand beside, error and count are metrics of their own."""
    score = {"value": None, "stats": {"stderr": 0.1, "count": 3, "min": None}}
    notes = Notes()
    found = metrics_of({"tasks": {"t": {"metrics": {"m": {"scores": {"s": score}}}}}}, notes)
    assert found == {"t_m_s_stderr": (0.1, None, None), "t_m_s_count": (3, None, None)}
    assert len(notes.skipped) == 2


@settings(max_examples=200, deadline=None)
@given(DOCUMENTS | SCALARS)
def test_every_number_is_a_metric_and_everything_else_is_told(results):
    """Numbers are values, errors or counts of uniquely named metrics; texts are kept or listed; nothing is fatal."""
    notes = Notes()
    found = read_results(results, notes, where="results.yml")
    kept = {
        float(number)
        for metric in found.metrics
        for number in (metric.value, metric.stderr, metric.n)
        if number is not None
    }
    assert numbers_in(results) <= kept
    assert len({metric.name for metric in found.metrics}) == len(found.metrics)
    if isinstance(results, Mapping) and "more" in results:
        told = {note.what for note in notes.skipped} | {f"results.yml: {path}" for path in found.texts}
        odd = [path for path, leaf in leaves(results["more"]) if leaf is None or isinstance(leaf, bool)]
        assert {".".join(("results.yml: results.more", *path)) for path in odd} <= told


def test_runtime_figures_bear_their_section_only_where_names_meet():
    """Every number is told; texts are kept but for the times and the description; null is listed."""
    notes = Notes()
    document = {
        "response_stats": {"description": "d", "count": 3, "status_codes": {"200": 3}, "avg_latency_ms": 1.5},
        "evaluation": {"count": 4, "runtime_seconds": 9, "start_time": "x", "token_usage": None, "mode": "fast"},
    }
    found = read_runtime(document, notes, where="f.json")
    assert {metric.name: metric.value for metric in found.metrics} == {
        "response_stats_count": 3,
        "status_codes_200": 3,
        "avg_latency_ms": 1.5,
        "evaluation_count": 4,
        "runtime_seconds": 9,
    }
    assert {metric.group for metric in found.metrics} == {("runtime",)}
    assert not any(metric.is_grade for metric in found.metrics)
    assert found.texts == {"runtime.evaluation.mode": "fast"}
    assert [(note.what, note.why) for note in notes.skipped] == [("f.json: evaluation.token_usage", "it is null")]


@settings(max_examples=50, deadline=None)
@given(st.recursive(SCALARS, lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=3)))
def test_no_runtime_figure_is_lost(document):
    """Whatever the file holds, its numbers are there under names of their own."""
    found = read_runtime(document, Notes(), where="f.json").metrics
    assert numbers_in(document) <= {metric.value for metric in found}
    assert len({metric.name for metric in found}) == len(found)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-12-19T11:27:33", datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)),
        ("2025-12-19T11:27:33.%fZ", datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)),
        ("2025-12-19T13:27:33+02:00", datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)),
        (1766143653, datetime(2025, 12, 19, 11, 27, 33, tzinfo=UTC)),
        ("soon", None),
        (math.nan, None),
        (10**30, None),
        (True, None),
        (None, None),
    ],
)
def test_times_are_utc_where_they_name_no_zone(value, expected):
    """ISO 8601 or Unix seconds; some versions leave %f where microseconds belong."""
    assert moment(value) == expected
