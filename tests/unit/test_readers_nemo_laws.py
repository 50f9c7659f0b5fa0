"""Laws of the microservice's results: whatever stands where numbers may stand, none of them is lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from nemo_results import READER, assert_nothing_lost, distinct, kept_numbers, skipped, source, write

NAMES = st.text(max_size=4) | st.sampled_from(["total", "pass@1", "acc,none", "acc_stderr,none", "a", "a.b", "a_n"])
ODD = st.sampled_from([None, True, math.nan, math.inf, -math.inf, "N/A", "", "text", {}, []])
PLACES = st.floats(0, 1) | st.integers(-5, 5) | ODD
NESTED = st.recursive(
    PLACES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
NUMBERS = st.dictionaries(NAMES, PLACES, max_size=4)
SCORE = st.fixed_dictionaries(
    {},
    optional={"metric": NAMES, "score": NESTED, "num_shots": st.integers(0, 5) | ODD, "stderr": PLACES, "low": PLACES},
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "value": NESTED,
        "stats": st.dictionaries(st.sampled_from(["stderr", "count", "sum", "a"]), PLACES) | PLACES,
    },
)
ENTRIES = st.dictionaries(
    NAMES,
    st.fixed_dictionaries(
        {
            "metrics": st.dictionaries(
                NAMES, st.fixed_dictionaries({"scores": st.dictionaries(NAMES, ENTRY | PLACES, max_size=2)}), max_size=2
            )
        },
        optional={"groups": NESTED, "size": PLACES},
    ),
    max_size=3,
)
CONTENTS = {
    "beir/beir.json": st.fixed_dictionaries(
        {"NDCG@1": st.just(0.5)},
        optional={
            "a": NESTED,
            "b": NESTED,
            "per_query": st.dictionaries(NAMES, NUMBERS | NESTED, max_size=3) | st.lists(NUMBERS),
        },
    ),
    "bigbench/aggregate_scores.json": st.lists(
        st.fixed_dictionaries(
            {"task_name": NAMES}, optional={"scores": st.lists(SCORE | PLACES, max_size=3), "x": NESTED}
        )
        | PLACES,
        max_size=4,
    ),
    "bigcode_latest/bigcode-aggregate_scores.json": st.lists(
        st.dictionaries(NAMES, NUMBERS | NESTED, max_size=2).flatmap(
            lambda tasks: st.fixed_dictionaries({}, optional={"config": NUMBERS | NESTED}).map(
                lambda more: {**tasks, **more}
            )
        ),
        max_size=4,
    ),
    "custom_eval/aggregate_scores.json": st.dictionaries(
        NAMES, st.dictionaries(NAMES, NUMBERS | NESTED, max_size=3) | PLACES, max_size=3
    ),
    "lm_eval_harness/lm-harness-x.json": st.fixed_dictionaries(
        {"results": st.dictionaries(NAMES, NUMBERS | NESTED, max_size=3)},
        optional={
            "groups": st.dictionaries(NAMES, NUMBERS | NESTED, max_size=2) | PLACES,
            "n-samples": st.dictionaries(
                NAMES, st.fixed_dictionaries({}, optional={"original": PLACES, "effective": PLACES})
            ),
            "n-shot": NUMBERS | PLACES,
            "versions": NUMBERS,
            "higher_is_better": st.dictionaries(NAMES, NESTED, max_size=2),
            "config": NUMBERS,
        },
    ),
    "multilingual/aggregate_scores.json": st.lists(
        st.fixed_dictionaries({"task_name": NAMES, "scores": st.lists(SCORE)}), max_size=3
    ),
    "similarity_metrics/results.json": st.fixed_dictionaries({"tasks": ENTRIES | PLACES, "groups": ENTRIES | PLACES}),
    "content_safety/aggregate_scores.json": NESTED,
}


@pytest.mark.parametrize("path", CONTENTS)
def test_every_number_of_a_document_is_kept(tmp_path_factory, path):
    """Numbers, nulls, NaN and texts in any place a number may have: no number is lost, no name stands twice."""

    @settings(max_examples=25, deadline=None)
    @given(CONTENTS[path].map(distinct))
    def check(content):
        found = write(folder, path, content)
        READER.sniff(found)
        try:
            bundle = READER.read(found)
        except InputError:
            return
        assert_nothing_lost(content, bundle)

    folder = tmp_path_factory.mktemp("law")
    check()


CELLS = st.integers(0, 99).map(float) | st.sampled_from(["", "N/A", "-", "word", "nan"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["total", "a", "q", ""]), CELLS, CELLS, CELLS).map(list)), st.integers(2, 4))
def test_every_number_of_a_table_is_kept(tmp_path_factory, rows, width):
    """The same for MtBench's rows, wherever ``total`` stands and however many columns there are."""
    content = distinct([row[:width] for row in rows])
    text = "\n".join(",".join(map(str, row)) for row in content)
    file = tmp_path_factory.mktemp("law") / "mtbench.csv"
    file.write_text(text)
    try:
        bundle = READER.read(source(file))
    except InputError:
        return
    numbers = {cell for row in content for cell in row[1:] if isinstance(cell, float)}
    assert numbers <= kept_numbers(bundle), (text, skipped(bundle))


def test_a_word_in_a_scores_place_does_not_swallow_its_shots(tmp_path):
    """A word is a setting, which has no step to bear the number of shots: that is kept as a number."""
    scores = [{"score": 7000.5}, {"num_shots": 5001, "score": "text"}]
    content = [{"task_name": "a", "scores": scores}]
    bundle = READER.read(write(tmp_path, "multilingual/aggregate_scores.json", content))
    assert_nothing_lost(content, bundle)
    assert bundle.params["0.scores.1.score"] == "text"
    assert {metric.name: metric.value for metric in bundle.tasks[0].metrics}["score_num_shots"] == 5001
