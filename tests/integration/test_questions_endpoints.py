"""Data sets of questions against endpoints over the wire: each mode, retrieval, judges, and what is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EndpointError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import prepare
from judge_server import JudgeServer, Said
from question_sets import CHUNKS, QUESTIONS, keep_questions
from rag_mind import think
from retrieving_server import RetrievingServer

FAST = RequestLimits(timeout_s=10, max_retries=0)
OTHERS = ("The cafe in the hall of mirrors serves tea and plum cake to guests.",)


def mind(text):
    """A judge that compares words where statements or verdicts are wanted, and gives 4 of 5 by any rubric."""
    try:
        return think(text)
    except KeyError:
        return {"rationale": "by its words", "score": 4}


@pytest.fixture
def run(tmp_path):
    """A function that evaluates a data set in a mode; nothing is delivered."""
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path / "home")}, dotenv=None)
    kept = {}

    def ran(server, mode, *, questions=QUESTIONS, judge=None, reuse=False, concurrency=4, **params):
        key = len(questions)
        if key not in kept:
            kept[key] = keep_questions(settings.question_sets_folder, questions)
        version = kept[key]
        named = {"judge": f"{judge.url}#judge-1"} if judge else {}
        request = EvaluationRequest(
            tasks=(f"dataset:{version.dataset_id}",),
            target=ModelTarget(id="m-1", url=server.url),
            limits=replace(FAST, concurrency=concurrency),
            params={"mode": mode, **named, **params},
            reuse_answers=reuse,
        )
        return evaluate(Order(request=request, delivery=None, allow_unscored=1.0), settings)

    return ran


def asked(server):
    """The user turns that were sent, in the order of the alphabet."""
    return sorted(body["messages"][-1]["content"] for body in server.bodies)


def test_closed_book_shows_the_question_and_no_passage(run):
    """What the model knows by itself is measured without any of the document's words."""
    with JudgeServer(lambda _: "unanswerable") as server:
        result = run(server, "closed_book")
        sent = asked(server)
    assert len(sent) == len(QUESTIONS)
    assert not any(chunk in text for chunk in CHUNKS for text in sent)
    assert result.metrics["orlen/token_f1"].value == 1 / len(QUESTIONS)


def test_oracle_context_shows_the_chunks_that_hold_the_answer_and_no_others(run):
    """Each question stands below its own chunk, verbatim."""
    with JudgeServer(lambda _: "1874") as server:
        run(server, "oracle_context")
        sent = asked(server)
    for each in QUESTIONS:
        (text,) = (text for text in sent if each.query in text)
        assert [chunk for chunk in CHUNKS if chunk in text] == list(each.relevant_chunks)


def test_noisy_context_shows_distractors_in_an_order_that_stays(run):
    """Other chunks of the documents stand around a question's own; the same seed shows the same."""
    with JudgeServer(lambda _: "1874") as server:
        run(server, "noisy_context", distractors=2)
        first = asked(server)
        server.bodies.clear()
        run(server, "noisy_context", distractors=2)
        again = asked(server)
    assert first == again
    assert all(sum(chunk in text for chunk in CHUNKS) == 3 for text in first)
    assert all(next(each for each in QUESTIONS if each.query in text).relevant_chunks[0] in text for text in first)


@pytest.mark.parametrize(
    "tells",
    [
        lambda found: {"contexts": list(found)},
        lambda found: {"retrieved_contexts": [{"text": text, "score": 0.5} for text in found]},
        lambda found: {"context": {"citations": [{"content": text, "url": "http://x"} for text in found]}},
        lambda found: {"sources": [{"page_content": text} for text in found]},
    ],
    ids=["texts", "objects", "nested", "sources"],
)
def test_a_system_is_sent_the_question_alone_and_its_passages_are_kept(run, tells):
    """Wherever an answer tells the passages that it was made from, samples have them, and retrieval is scored."""
    with RetrievingServer([*CHUNKS, *OTHERS], tells=tells) as server:
        result = run(server, "rag_endpoint")
        sent = asked(server)
    assert sent == sorted(each.query for each in QUESTIONS)
    for sample in result.samples["orlen"]:
        assert list(sample.contexts) == server.found(str(sample.attributes["query"]))
    recall, precision = (result.metrics[f"orlen/{name}"] for name in ("chunk_recall", "chunk_precision"))
    assert (recall.value, recall.n, precision.value) == (1.0, 4, 0.5)
    assert recall.unscored == {"no_relevant": 1}


def test_retrieval_is_not_scored_where_none_happened(run):
    """Passages that we show ourselves say nothing about a system's retrieval."""
    with JudgeServer(mind) as judge, JudgeServer(lambda _: "1874") as server:
        result = run(server, "oracle_context", judge=judge)
    names = {name.removeprefix("orlen/") for name in result.metrics if name.count("/") == 1}
    assert names == {"token_f1", "rougeL", "exact_match", "answer_correctness", "answer_relevancy", "faithfulness"}


def test_judged_metrics_are_shares_and_see_the_bare_question(run):
    """All five stand in [0, 1]; what a judge grades is the question, not the prompt around it."""
    with JudgeServer(mind) as judge, RetrievingServer([*CHUNKS, *OTHERS]) as server:
        result = run(server, "rag_endpoint", judge=judge)
        told = ["\n".join(turn["content"] for turn in body["messages"]) for body in judge.bodies]
    five = ("answer_correctness", "answer_relevancy", "faithfulness", "context_precision", "context_recall")
    values = {name: result.metrics[f"orlen/{name}"] for name in five}
    assert all(each.n and each.value is not None and 0 <= each.value <= 1 for each in values.values()), values
    assert values["answer_correctness"].value == 0.75
    assert values["context_recall"].unscored == {"unanswerable": 1}
    assert not any("Answer the question" in text for text in told)


def test_a_closed_book_is_not_asked_to_be_faithful(run):
    """Without passages there is nothing to be faithful to."""
    with JudgeServer(mind) as judge, JudgeServer(lambda _: "1874") as server:
        result = run(server, "closed_book", judge=judge)
    assert {"orlen/answer_correctness", "orlen/answer_relevancy"} <= set(result.metrics)
    assert "orlen/faithfulness" not in result.metrics


def test_saying_that_there_is_no_answer_is_right_where_there_is_none_and_no_judge_is_paid_for_it(run):
    """An abstention is the right answer to an unanswerable question, and faithful everywhere."""
    with JudgeServer(mind) as judge, JudgeServer(lambda _: "The passages do not mention it.") as server:
        result = run(server, "oracle_context", judge=judge, questions=QUESTIONS[-1:])
        assert judge.bodies == []
    values = {name: metric.value for name, metric in result.metrics.items() if name.count("/") == 1}
    judged = ("answer_correctness", "answer_relevancy", "faithfulness")
    assert values == dict.fromkeys((f"orlen/{name}" for name in ("token_f1", "rougeL", "exact_match", *judged)), 1.0)


def test_stored_answers_bring_their_passages_along(run):
    """With reused answers nothing is asked, and retrieval is scored as it was."""
    with RetrievingServer([*CHUNKS, *OTHERS]) as server:
        first = run(server, "rag_endpoint")
        server.bodies.clear()
        again = run(server, "rag_endpoint", reuse=True)
        assert server.bodies == []
    assert again.metrics["orlen/chunk_precision"].value == first.metrics["orlen/chunk_precision"].value


def test_what_was_answered_before_a_cut_is_not_asked_again(run):
    """The same order goes on where an endpoint gave out: the same evaluation, and only what is missing is sent."""
    refused = Said(status=401, error="no such key")
    with JudgeServer(lambda text: refused if "gate" in text.rpartition("Question:")[2] else "1874") as server:
        with pytest.raises(EndpointError) as cut:
            run(server, "oracle_context", concurrency=1)
        server.rule = lambda _: "1874"
        before = len(server.bodies)
        result = run(server, "oracle_context", concurrency=1)
        assert result.evaluation_id == cut.value.evaluation_id
        assert before == 4
        assert len(server.bodies) - before == 2


def test_a_judge_that_an_order_brings_judges_wherever_it_is_carried_out(tmp_path):
    """A worker whose own variables name no judge still finds the metrics that were accepted."""
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path)}, dotenv=None)
    version = keep_questions(settings.question_sets_folder)
    target = ModelTarget(id="m-1", url="http://127.0.0.1:1/v1")
    order = Order(request=EvaluationRequest(tasks=(f"dataset:{version.dataset_id}",), target=target), delivery=None)
    accepted = prepare(order, replace(settings, judge="http://127.0.0.1:1/v1#judge-1"))
    assert [grading.judge.name for grading in accepted.gradings[0]] == [
        *("answer_correctness", "answer_relevancy", "faithfulness")
    ]
    assert prepare(order, settings).gradings == ((),)
