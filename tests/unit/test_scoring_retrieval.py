"""ndcg, recall, precision, map and mrr against trec_eval's own code, and by hand."""

from __future__ import annotations

import json
import math

import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.retrieval import average_precision, ndcg, precision, recall, reciprocal_rank

IDS = [f"d{i}" for i in range(12)]
rankings = st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=12)
judgements = st.dictionaries(st.sampled_from(IDS), st.integers(-1, 3), min_size=1).filter(
    lambda gains: max(gains.values()) > 0
)


def scored(metric, output, *reference):
    return metric.score(Sample(id="s", index=0, output=output, reference=reference))


def trec_eval(measure, ranking, gains):
    """What trec_eval says of one query."""
    run = {"q": {name: float(len(ranking) - rank) for rank, name in enumerate(ranking)}}
    wanted = measure.replace("_cut_", "_cut.").replace("recall_", "recall.").replace("P_", "P.")
    return pytrec_eval.RelevanceEvaluator({"q": gains}, {wanted}).evaluate(run)["q"][measure]


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        (ndcg(), "ndcg"),
        (ndcg(k=5), "ndcg_cut_5"),
        (recall(k=5), "recall_5"),
        (recall(), "set_recall"),
        (precision(k=5), "P_5"),
        (precision(), "set_P"),
        (average_precision(), "map"),
        (average_precision(k=5), "map_cut_5"),
        (reciprocal_rank(), "recip_rank"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.name,
)
@given(ranking=rankings, gains=judgements)
def test_they_are_trec_evals(metric, measure, ranking, gains):
    """Any ranking against any judgements gives trec_eval's figure."""
    ours = scored(metric, json.dumps(ranking), json.dumps(gains)).value
    assert ours == pytest.approx(trec_eval(measure, ranking, gains), abs=1e-9)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (ndcg(), (2 + 1 / math.log2(4)) / (2 + 1 / math.log2(3) + 1 / math.log2(4))),
        (ndcg(k=1), 1.0),
        (recall(k=2), 1 / 3),
        (precision(k=4), 2 / 4),
        (average_precision(), (1 + 2 / 3) / 3),
        (reciprocal_rank(), 1.0),
        (reciprocal_rank(k=1), 1.0),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_by_hand(metric, value):
    """a and c of a, c, e are found at ranks 1 and 3 of three; a has gain 2."""
    assert scored(metric, "a\nb\nc", '{"a": 2, "c": 1, "e": 1, "b": 0}').value == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    "output", ['["a", "b", "7"]', '["a","b",7]', "a\n\n b \n7\n", '```json\n["a", "b", 7]\n```', "```\na\nb\n7\n```"]
)
def test_a_ranking_is_a_json_array_or_one_id_a_line(output):
    """Every spelling of the same list gives the same score."""
    assert scored(average_precision(), output, "7").value == pytest.approx(1 / 3)


@pytest.mark.parametrize("references", [("a", "b"), ('["a", "b"]',), ('{"a": 1, "b": 1, "c": 0}',), (" a ", "b", "")])
def test_the_relevant_ids_are_a_list_or_an_object(references):
    """A list field, a JSON array and a JSON object of gains mean the same ids."""
    assert scored(recall(), "b\nc", *references).value == 0.5


def test_an_id_named_again_keeps_its_rank_and_finds_nothing():
    """Saying the right id often does not help."""
    assert scored(recall(k=3), "a\na\nb", "a", "b").value == 1.0
    assert scored(precision(k=2), "a\na", "a", "b").value == 0.5
    assert scored(ndcg(), "a\na\na", "a").value == 1.0


@pytest.mark.parametrize("metric", [ndcg(), recall(), precision(), average_precision(), reciprocal_rank()])
def test_nothing_found_is_zero_and_nothing_to_find_is_no_score(metric):
    """An empty or unreadable list is the model's failure; a sample without relevant ids is ours."""
    assert scored(metric, "", "a").value == 0.0
    assert scored(metric, '{"a": 1}', "a").value == 0.0
    assert scored(metric, "[a", "a").value == 0.0
    assert scored(metric, "a", '{"a": 0, "b": -1}').reason == "no_relevant"
    assert scored(metric, "a", "[]").reason == "no_relevant"
    assert scored(metric, "a").reason == "no_reference"
    assert scored(metric, None, "a").reason == "no_output"
    assert scored(metric, "a" * 4_000_001, "a").reason == "too_long"


@pytest.mark.parametrize(
    "reference",
    [
        '{"a": "much"}',
        '{"a": null}',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": 1' + "0" * 400 + "}",
        "{a: 1}",
        "[1",
        "[" * 9999,
    ],
)
def test_an_unreadable_reference_is_no_score(reference):
    """Gains are finite numbers, and what begins like JSON must be JSON."""
    assert scored(ndcg(), "a", reference).reason == "bad_reference"


def test_the_cut_may_stand_in_the_name():
    """ndcg@10 is ndcg with k = 10, and bears that name either way."""
    made = make_metrics(["ndcg@10", {"ndcg": {"k": 5}}, "ndcg", "mrr@3"])
    assert [metric.name for metric in made] == ["ndcg@10", "ndcg@5", "ndcg", "mrr@3"]
    assert scored(made[3], "x\ny\nz\na", "a").value == 0.0
    assert scored(made[2], "x\ny\nz\na", "a").value > 0.0


@pytest.mark.parametrize(
    ("specs", "code"),
    [
        (["ndcg@0"], "bad_option"),
        ([{"ndcg": {"k": 0}}], "bad_option"),
        ([{"ndcg@5": {"k": 5}}], "bad_option"),
        (["ndcg@x"], "unknown_metric"),
        (["bleu@4"], "unknown_option"),
        (["ndcg@5", {"ndcg": {"k": 5}}], "duplicate_metric"),
    ],
)
def test_a_wrong_cut_is_bad_input(specs, code):
    """A cut is a number from 1 on, said once, of a metric that has one."""
    with pytest.raises(InputError) as caught:
        make_metrics(specs)
    assert caught.value.code == code
