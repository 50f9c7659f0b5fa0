"""Questions out of a real endpoint: what it is asked, and what becomes of good, weak and bad answers."""

from __future__ import annotations

import asyncio

import pytest

from evaltrail.core.document import Chunk
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.generation import GenerationPlan
from evaltrail.generation.estimate import estimate
from evaltrail.generation.generate import generate
from generating import LIMITS, generated
from question_endpoint import Mind, QuestionEndpoint, facts

CHUNKS = facts(12)
"""Six windows of two chunks, each with six facts."""
ASKED = 18
"""Three questions each."""


def outcome(found):
    """What has to be the same whoever came first."""
    return found.questions, found.rejected, found.shortfall


def from_mind(*, chunks=CHUNKS, plan=None, **mind):
    """What comes of a plan with a model of some mind, and the endpoint that it was asked at."""
    with QuestionEndpoint(Mind(**mind)) as endpoint:
        return generated(endpoint.url, chunks, **(plan or {})), endpoint


def test_a_window_is_one_request_and_a_question_two():
    """6 windows x 3 questions = 6 + 18 + 18 requests; every question is cited, and has every gate's score."""
    found, endpoint = from_mind()
    assert (found.accepted, found.requested, found.shortfall, found.rejected) == (ASKED, ASKED, {}, ())
    assert endpoint.asked == {"write": 6, "answer": 18, "alone": 18}
    assert (found.calls, found.new_calls) == (42, 42)
    assert (found.prompt_tokens, found.completion_tokens) == (endpoint.prompt_tokens, endpoint.completion_tokens)
    assert found.windows == ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12))
    assert len({question.id for question in found.questions}) == ASKED
    for question in found.questions:
        first = question.relevant_chunks[0]
        assert first[question.evidence_start : question.evidence_end] == question.evidence
        assert set(question.gates) == {
            "self_contained",
            "evidence",
            "answerable",
            "closed_book",
            "round_trip",
            "duplicate",
        }


def test_requests_carry_the_text_verbatim_and_a_schema_in_plain_words():
    """What closes a fence cannot be written beforehand; the request without the window holds none of it."""
    odd = Chunk(
        number=1, text='The Elm hall has 107 clocks. "{}" \u00e4\u4e2d <<<a b>>> {count}\n\ttab  two', source="a"
    )
    with QuestionEndpoint() as endpoint:
        generated(endpoint.url, (odd,), questions_per_window=1, generation={"max_tokens": 99})
        write, *checks = endpoint.bodies
    asked = write["messages"][1]["content"]
    assert odd.text in asked
    item = write["response_format"]["json_schema"]["schema"]["properties"]["questions"]["items"]["properties"]
    assert set(item) == {"type", "question", "answer", "evidence"}
    texts = [body["messages"][1]["content"] for body in checks]
    assert [odd.text in text for text in sorted(texts, key=len)] == [False, True]
    assert all("107" not in text for text in texts if odd.text not in text)
    schema = checks[0]["response_format"]["json_schema"]["schema"]["properties"]
    assert set(schema) == {"verdict", "answer"}
    assert {body["max_tokens"] for body in endpoint.bodies} == {99}


def test_each_type_comes_out_exactly_as_often_as_it_is_asked_for():
    """Over all windows; what cannot be answered says so and quotes nothing."""
    types = {"simple": 7, "numeric": 4, "unanswerable": 5, "multi_hop": 1}
    found, endpoint = from_mind(plan={"types": types})
    counts = {kind: sum(question.type == kind for question in found.questions) for kind in types}
    assert (counts, found.shortfall) == (types, {})
    assert endpoint.asked["alone"] == 12
    for question in found.questions:
        if question.type == "unanswerable":
            assert (question.response, question.evidence, question.evidence_start) == ("unanswerable", "", None)
            assert question.gates["answerable"] == 1.0


@pytest.mark.parametrize(
    ("mind", "accepted", "reason"),
    [
        ({"prose": 1.0}, 0, "unreadable"),
        ({"broken": 1.0}, 0, "unreadable"),
        ({"duplicates": 1.0}, 0, "duplicate"),
        ({"unanswerable": 1.0}, 0, "answerable"),
        ({"misquoted": 1.0}, 0, "evidence"),
        ({"leaks": 1.0}, 0, "closed_book"),
        ({"status": 500}, 0, "http_500"),
        ({"shape": lambda items: items[0]}, ASKED, ""),
        ({"shape": lambda items: items}, ASKED, ""),
        ({"shape": lambda items: {"questions": items[:2]}}, ASKED, ""),
        ({"shape": lambda items: {"questions": items * 2}}, ASKED, ""),
        ({"schema": "refused"}, ASKED, ""),
        ({"schema": "refused", "tools": "refused"}, ASKED, ""),
        ({"schema": "ignored", "tools": "ignored"}, ASKED, ""),
    ],
    ids=lambda value: f"{len(value)} traits" if isinstance(value, dict) else str(value),
)
def test_a_weak_model_comes_to_exact_counts_or_an_explained_shortfall(mind, accepted, reason):
    """What it does badly is told by reason, question by question, and what is missing adds up."""
    found, _ = from_mind(**mind)
    assert found.accepted == accepted
    assert sum(found.shortfall.values()) == found.missing == ASKED - accepted
    if reason:
        assert reason in found.shortfall
        assert reason in found.rejected_by_reason
        assert all(each.detail for each in found.rejected)


def test_what_is_missing_is_asked_for_again():
    """A model that errs on half of the windows is told in later rounds what it wrote, and comes to more."""
    once, first = from_mind(plan={"rounds": 1}, leaks=0.4)
    often, endpoint = from_mind(plan={"rounds": 3}, leaks=0.4)
    assert once.accepted < often.accepted <= ASKED
    assert set(once.rejected_by_reason) == {"closed_book"}
    again = [body["messages"][1]["content"] for body in endpoint.bodies[len(first.bodies) :]]
    assert any("This is request 2 about this text" in text for text in again)
    assert sum(often.shortfall.values()) == often.missing


def test_the_same_answers_give_the_same_questions_whoever_comes_first():
    """One at a time or many at once, however long each takes."""
    mind = Mind(duplicates=0.2, leaks=0.3, misquoted=0.3)
    with QuestionEndpoint(mind, jitter_s=0.02) as endpoint:
        many = generated(endpoint.url, CHUNKS, concurrency=16)
    with QuestionEndpoint(mind) as endpoint:
        one = generated(endpoint.url, CHUNKS, concurrency=1)
    assert outcome(many) == outcome(one)
    assert 0 < many.accepted < ASKED


@pytest.mark.parametrize("budget", [0, 1500, 4000, 9000])
def test_a_budget_is_never_passed(budget):
    """By the endpoint's own count; what it did not reach is told."""
    found, endpoint = from_mind(plan={"budget_tokens": budget})
    assert endpoint.prompt_tokens + endpoint.completion_tokens <= budget
    assert (found.accepted > 0) == (budget > 1000)
    assert found.shortfall == {"budget": found.missing}


def test_an_estimate_comes_near_to_the_truth_without_a_request():
    """Calls to the last one, tokens within a quarter; with prices the cost."""
    plan = GenerationPlan(
        window_size=2, types={"simple": 10, "unanswerable": 8}, price_prompt=2.0, price_completion=8.0
    )
    guessed = estimate(plan, CHUNKS, concurrency=16, latency_s=0.5)
    found, endpoint = from_mind(plan={"types": plan.types, "price_prompt": 2.0, "price_completion": 8.0})
    assert guessed.calls == found.calls == len(endpoint.bodies)
    assert guessed.prompt_tokens == pytest.approx(found.prompt_tokens, rel=0.25)
    assert guessed.completion_tokens == pytest.approx(found.completion_tokens, rel=0.25)
    assert guessed.cost == pytest.approx(found.cost, rel=0.25)
    assert guessed.seconds == 0.5 * 3
    assert estimate(GenerationPlan(generator="cloze"), CHUNKS, concurrency=16).calls == 0


def test_without_a_model_nothing_is_asked():
    """The gates that need one have no score, and a type that cannot be made is told."""
    plan = {"generator": "cloze", "types": {"numeric": 9, "simple": 3, "multi_hop": 2}}
    found = generated("", CHUNKS, **plan)
    assert (found.accepted, found.calls, found.shortfall) == (12, 0, {"type_not_offered": 2})
    assert all({"answerable", "closed_book"}.isdisjoint(question.gates) for question in found.questions)
    assert outcome(found) == outcome(generated("", CHUNKS, **plan))


def test_personas_ask_in_turn():
    """Who asks is told to the model and stands beside the question."""
    found, endpoint = from_mind(plan={"personas": ("a pilot", "a nurse")})
    assert {question.persona for question in found.questions if question.window == 1} == {"a pilot"}
    assert {question.persona for question in found.questions if question.window == 2} == {"a nurse"}
    assert any("a pilot" in body["messages"][1]["content"] for body in endpoint.bodies)


@pytest.mark.parametrize(
    ("chunks", "plan", "shortfall"),
    [
        ((), {"types": {"simple": 4}}, {"no_windows": 4}),
        ((Chunk(number=1, text=" \n", source="a"),), {}, {"no_text": 3}),
        ((), {}, {}),
    ],
)
def test_nothing_is_asked_about_nothing(chunks, plan, shortfall):
    """No window, or one without a word."""
    found, endpoint = from_mind(chunks=chunks, plan=plan)
    assert (found.shortfall, found.calls, endpoint.bodies) == (shortfall, 0, [])


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"types": {"simpel": 3}}, "unknown_type"),
        ({"types": {"simple": -1}}, "bad_count"),
        ({"window_size": 0, "generator": "cloze"}, "bad_window"),
        ({"budget_tokens": -1}, "bad_count"),
        ({"rounds": 0}, "bad_count"),
        ({"questions_per_window": 0}, "bad_count"),
        ({}, "no_model"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(plan, code):
    """With the name of the setting, before anything is asked."""
    with pytest.raises(InputError) as refused:
        generated("", CHUNKS, **plan)
    assert refused.value.code == code


def test_an_endpoint_that_gives_out_ends_the_run():
    """No further request is begun, and no half result is handed out."""
    with QuestionEndpoint(gives_out_after=10) as endpoint:
        with pytest.raises(EndpointError):
            generated(endpoint.url, CHUNKS, concurrency=4)
        assert len(endpoint.bodies) <= 14


def test_progress_tells_tokens_and_what_is_in_flight():
    """While it runs, and at the end as it is then; a silence is told too."""
    told = []
    with QuestionEndpoint(latency_s=0.15) as endpoint:
        found = generated(endpoint.url, CHUNKS, on_progress=told.append)
    assert (told[-1].done, told[-1].total, told[-1].in_flight) == (ASKED, ASKED, 0)
    assert told[-1].tokens == found.prompt_tokens + found.completion_tokens
    assert max(each.in_flight for each in told) > 1
    assert [each.tokens for each in told] == sorted(each.tokens for each in told)


def test_a_model_may_be_anything_that_answers():
    """The run needs the protocol, not an endpoint."""
    plan = GenerationPlan(window_size=2, generator="cloze")
    found = asyncio.run(generate(plan, CHUNKS, None, limits=LIMITS, answers=None, on_progress=lambda _: None))
    assert found.requested == ASKED


def test_more_than_one_request_can_bring_is_asked_for_in_several():
    """Sixty questions of one window: three requests of 25 at most, all of them first attempts."""
    (long,) = facts(1, each=70)
    plan = {"questions_per_window": 60, "rounds": 1}
    found, endpoint = from_mind(chunks=(long,), plan=plan)
    assert (found.accepted, found.shortfall, endpoint.asked["write"]) == (60, {}, 3)
    assert estimate(GenerationPlan(**plan), (long,), concurrency=16).calls == found.calls
