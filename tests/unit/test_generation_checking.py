"""The gates that ask a model, and how a question cites its window."""

from __future__ import annotations

import asyncio

import pytest

from evaltrail.core.document import Chunk
from evaltrail.core.generation import Thresholds
from evaltrail.generation.asking.answering import answerable, closed_book
from evaltrail.generation.asking.reply_form import Reply
from evaltrail.generation.checking import Checker, question_of
from evaltrail.generation.drafts import UNANSWERABLE, Draft, Passage
from evaltrail.generation.sieve.evidence import Span
from evaltrail.generation.sieve.round_trip import WindowIndex
from evaltrail.generation.windows import Window

CHUNKS = tuple(
    Chunk(number=number, text=text, source="rivers.pdf", page=number)
    for number, text in enumerate(("Ada wrote it.", "The Elbe is 1,094 km long.", "The Oder is shorter."), 3)
)
PASSAGE = Passage(window=Window(number=2, first=3, last=5), chunks=CHUNKS)
DRAFT = Draft(query="How long is the Elbe?", response="1,094 km", evidence="The Elbe is 1,094 km long.", type="numeric")
NOT_THERE = Draft(query="How deep is the Elbe?", response=UNANSWERABLE, type="unanswerable")
NO_REPLY = Reply(is_answered=False, answer="")


def said(answer):
    return Reply(is_answered=True, answer=answer)


@pytest.mark.parametrize(
    ("draft", "reply", "score"),
    [
        (DRAFT, said("1094 km"), 1.0),
        (DRAFT, said("35 m"), 0.0),
        (DRAFT, NO_REPLY, 0.0),
        (DRAFT, said(""), 1.0),
        (NOT_THERE, NO_REPLY, 1.0),
        (NOT_THERE, said("35 m"), 0.0),
    ],
)
def test_a_question_has_to_be_answered_alike_from_its_window(draft, reply, score):
    """One that cannot be answered must not be: there the gate is turned round."""
    gated = answerable(draft, reply, 0.5)
    assert (gated.score, gated.passed) == (score, score >= 0.5)
    assert bool(gated.detail) == (not gated.passed)


@pytest.mark.parametrize(
    ("reply", "passed"),
    [
        (NO_REPLY, True),
        (said("35 m"), True),
        (said("1,094 km"), False),
        (Reply(is_answered=False, answer="1,094 km"), False),
        (said(""), False),
    ],
)
def test_a_question_must_not_be_answered_alike_without_its_window(reply, passed):
    """Whoever gives the right answer knew it, whatever verdict stands beside it."""
    gated = closed_book(DRAFT, reply, 0.5)
    assert gated.passed is passed
    assert bool(gated.detail) is not passed


def test_a_question_cites_its_evidence_to_the_character():
    """The chunk with the evidence first, then the others of the window in their order."""
    question = question_of(DRAFT, PASSAGE, Span(chunk=1, start=0, end=26), {})
    first = question.relevant_chunks[0]
    assert first[question.evidence_start : question.evidence_end] == question.evidence == DRAFT.evidence
    assert (question.chunk_ids, question.page, question.source) == ((4, 3, 5), 4, "rivers.pdf")
    assert question.relevant_chunks[1:] == (CHUNKS[0].text, CHUNKS[2].text)
    assert (len(question.id), question.window) == (16, 2)


def checked(draft, **thresholds):
    checker = Checker(Thresholds(**thresholds), WindowIndex([PASSAGE]), None)
    return asyncio.run(checker.check(draft, PASSAGE))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"query": ""}, "incomplete"),
        ({"response": ""}, "incomplete"),
        ({"query": "How long is it, " * 200}, "too_long"),
        ({"query": "According to the passage, how long is the Elbe?"}, "self_contained"),
        ({"evidence": "The Elbe is a long river."}, "evidence"),
        ({"query": "Who painted bananas?"}, "round_trip"),
    ],
)
def test_the_first_gate_that_stops_a_draft_is_its_reason(changes, reason):
    """Without a model the gates that need one are left out."""
    fields = {"query": DRAFT.query, "response": DRAFT.response, "evidence": DRAFT.evidence, "type": "numeric"}
    found = checked(Draft(**{**fields, **changes}))
    assert found.reason == reason
    assert bool(found.detail) is bool(reason)
    assert set(found.question.gates) <= {"self_contained", "evidence", "round_trip"}


def test_a_gate_without_a_threshold_is_not_asked():
    """It has no score then, and the evidence is cited all the same."""
    found = checked(DRAFT, self_contained=0.0, evidence=0.0, round_trip=0.0)
    assert (found.reason, found.question.gates, found.question.evidence) == ("", {}, DRAFT.evidence)


def test_an_unanswerable_draft_needs_no_evidence():
    """Nor is it searched for: what no window says may be near to any of them."""
    found = checked(NOT_THERE)
    assert (found.reason, found.question.evidence_start) == ("", None)
    assert found.question.gates == {"self_contained": 1.0}
