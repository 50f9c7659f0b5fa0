"""The retrieval judges and the pairwise one over the wire."""

from __future__ import annotations

import re

import pytest

from evaltrail.scoring.judging.pairwise import PairwiseJudge
from evaltrail.scoring.judging.rag import AnswerRelevancy, ContextPrecision, ContextRecall, Faithfulness
from judge_server import JudgeServer
from judging import judge_all, judge_one, sample

STATEMENTS = {"statements": ["Paris is a city.", "Paris is the capital of France.", "Paris has ten people."]}


def verdicts(*values):
    return {"verdicts": [{"number": n, "reason": "r", "verdict": v} for n, v in enumerate(values, 1)]}


def two_steps(first, second):
    """The first answer to a request for statements, the second to the one for verdicts."""
    return lambda text: second if "\n1. " in text else first


@pytest.mark.parametrize("judge", [Faithfulness(), ContextRecall()])
def test_a_share_of_statements_is_counted(judge):
    """Two questions: the statements, then one verdict on each."""
    with JudgeServer(two_steps(STATEMENTS, verdicts(1, 1, 0))) as server:
        score = judge_one(judge, server.url)
    assert score.value == pytest.approx(2 / 3)
    assert "0: Paris has ten people." in score.rationale
    assert (len(server.bodies), score.usage.attempts) == (2, 2)
    assert "Berlin is the capital of Germany." in server.bodies[1]["messages"][1]["content"]


def test_a_text_that_states_nothing_is_unscored():
    """A share of nothing is no number."""
    with JudgeServer(lambda _: {"statements": []}) as server:
        score = judge_one(Faithfulness(), server.url, sample("I do not know."))
    assert (score.value, score.reason) == (None, "no_statements")


@pytest.mark.parametrize("answer", [verdicts(1, 1), {"verdicts": [1, 2, 0]}, {"verdicts": "all fine"}, "all fine"])
def test_verdicts_that_do_not_fit_the_statements_are_unreadable(answer):
    """Two verdicts for three statements are no two thirds."""
    with JudgeServer(two_steps(STATEMENTS, answer)) as server:
        score = judge_one(Faithfulness(), server.url)
    assert (score.value, score.reason) == (None, "judge_unreadable")
    assert score.raw


@pytest.mark.parametrize(
    ("useful", "value"), [((1, 0), 1.0), ((0, 1), 0.5), ((1, 1), 1.0), ((0, 0), 0.0)]
)  # fmt: skip
def test_context_precision_is_the_mean_of_precision_at_useful_places(useful, value):
    """One question a context."""
    with JudgeServer(lambda text: verdicts(useful["Berlin is" in text])) as server:
        score = judge_one(ContextPrecision(), server.url)
    assert score.value == pytest.approx(value)
    assert len(server.bodies) == 2


def test_answer_relevancy_is_the_mean_cosine_of_guessed_questions():
    """The question itself has the vector (1, 0), a guess (0.6, 0.8): cosine 0.6."""
    with JudgeServer(
        lambda _: {"question": "Which city?", "noncommittal": 0},
        vectors=lambda text: [1.0, 0.0] if "capital" in text else [0.6, 0.8],
    ) as server:
        score = judge_one(AnswerRelevancy(embeddings="small"), server.url)
    assert score.value == pytest.approx(0.6)
    assert {body["seed"] for body in server.bodies[:3]} == {0, 1, 2}
    assert (server.bodies[3]["model"], len(server.bodies[3]["input"])) == ("small", 4)


def test_an_answer_that_evades_has_no_relevancy():
    """0, without a look at the vectors."""
    with JudgeServer(lambda _: {"question": "?", "noncommittal": 1}) as server:
        score = judge_one(AnswerRelevancy(), server.url, sample("It depends."))
    assert score.value == 0.0
    assert len(server.bodies) == 3


def test_an_endpoint_without_embeddings_is_asked_for_them_once():
    """Unscored, and the reason is told; further samples do not try again."""
    with JudgeServer(lambda _: {"question": "Which city?", "noncommittal": 0}) as server:
        scores = judge_all(AnswerRelevancy(strictness=1), server.url, [sample(), sample()])
    assert [score.reason for score in scores] == ["no_embeddings"] * 2
    assert "404" in scores[0].raw
    assert sum("input" in body for body in server.bodies) == 1


@pytest.mark.parametrize(
    ("change", "judges", "reason"),
    [
        ({"contexts": ()}, [Faithfulness(), ContextRecall(), ContextPrecision()], "no_contexts"),
        ({"reference": ()}, [ContextRecall(), ContextPrecision(), PairwiseJudge()], "no_reference"),
        ({"input": " "}, [AnswerRelevancy()], "no_input"),
    ],
)
def test_what_a_judge_needs_is_looked_for_first(change, judges, reason):
    """Nothing is asked about a sample that cannot be judged."""
    with JudgeServer(lambda _: STATEMENTS) as server:
        assert [judge_one(judge, server.url, sample(**change)).reason for judge in judges] == [reason] * len(judges)
        assert server.bodies == []


def prefers(wanted):
    """A judge that likes whichever answer holds a word."""

    def rule(text):
        first = re.search(r"<<<(\w+) answer_A\n(.*?)\n\1>>>", text, re.DOTALL)
        return {"rationale": "", "score": "A" if wanted in first[2] else "B"}

    return rule


@pytest.mark.parametrize(("wanted", "value"), [("Lutetia", 1.0), ("Paris", 0.0)])
def test_a_preference_that_holds_in_both_orders_counts(wanted, value):
    """The output is shown first and second."""
    with JudgeServer(prefers(wanted)) as server:
        score = judge_one(PairwiseJudge(), server.url, sample("Lutetia"))
    assert (score.value, score.votes) == (value, (value, value))
    assert len(server.bodies) == 2


def test_a_preference_for_a_place_is_a_tie():
    """Whoever always takes the first one has said nothing about the answers."""
    with JudgeServer(lambda _: {"rationale": "", "score": "A"}) as server:
        score = judge_one(PairwiseJudge(), server.url, sample("Lutetia"))
    assert (score.value, score.votes) == (0.5, (1.0, 0.0))


def test_the_same_text_twice_is_a_tie_that_costs_nothing():
    """There is nothing to prefer."""
    with JudgeServer(prefers("x")) as server:
        score = judge_one(PairwiseJudge(), server.url)
        assert (score.value, server.bodies) == (0.5, [])


def test_one_unreadable_order_leaves_the_pair_unscored():
    """Half a comparison is none."""
    with JudgeServer(lambda text: "hm" if "Lutetia" in text.split("answer_B")[0] else {"score": "tie"}) as server:
        score = judge_one(PairwiseJudge(baseline="other"), server.url, sample("Lutetia", attributes={"other": "Rome"}))
    assert (score.value, score.reason) == (None, "judge_unreadable")
