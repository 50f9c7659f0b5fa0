"""Checking: a draft goes through the gates that look at it alone and comes out as a question, or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evaltrail.core.generation import Thresholds
from evaltrail.core.ids import digest
from evaltrail.core.question import Difficulty, Question
from evaltrail.generation.asking.answering import Answering, answerable, closed_book
from evaltrail.generation.asking.reply_form import Reply
from evaltrail.generation.asking.together import together
from evaltrail.generation.asking.writer import one_line_of, plain_reason
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.sieve.evidence import Span, find_evidence
from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.round_trip import WindowIndex
from evaltrail.generation.sieve.self_contained import self_contained
from evaltrail.scoring.judging.verdict import Verdict

INCOMPLETE = "incomplete"
"""Reason of a question without words, or without an answer."""
TOO_LONG = "too_long"
_MOST_QUERY_CHARACTERS, _MOST_RESPONSE_CHARACTERS = 2000, 10_000
_ID_DIGITS = 16
_FIRST = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A question with what the gates found."""

    question: Question
    reason: str = ""
    """Empty where it passed them; else the first that stopped it, or why a gate has no answer."""
    detail: str = ""

    def rejected(self, reason: str, detail: str = "") -> Checked:
        """The same question, stopped."""
        return replace(self, reason=reason, detail=detail)


@dataclass(slots=True)
class _Course:
    """How far a draft has come."""

    thresholds: Mapping[str, float]
    scores: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    detail: str = ""

    def asks(self, name: str) -> bool:
        """Whether a gate is to be asked."""
        return self.thresholds[name] > 0.0

    def take(self, name: str, gated: Gated) -> bool:
        """Notes a gate's score; whether the draft goes on."""
        self.scores[name] = gated.score
        if not gated.passed and not self.reason:
            self.reason, self.detail = name, gated.detail
        return gated.passed

    def fail(self, reason: str, detail: str = "") -> None:
        """Notes why a draft cannot be judged."""
        if not self.reason:
            self.reason, self.detail = reason, detail


class Checker:
    """Sends drafts through the gates; those that cost nothing come first.

    Args:
        thresholds: what a draft has to reach.
        index: of all windows.
        answering: who answers for the gates that ask a model; None = these gates are not asked.
    """

    def __init__(self, thresholds: Thresholds, index: WindowIndex, answering: Answering | None) -> None:
        self._thresholds = {
            name: getattr(thresholds, name)
            for name in ("self_contained", "evidence", "answerable", "closed_book", "round_trip")
        }
        self._index = index
        self._answering = answering

    async def check(self, draft: Draft, passage: Passage) -> Checked:
        """The question that a draft becomes, passed or not.

        Raises:
            EndpointError: every further draft would fail too.
        """
        course = _Course(self._thresholds)
        span = self._look(draft, passage, course)
        if not course.reason and self._answering is not None:
            await self._ask(draft, passage, course, self._answering)
        question = question_of(draft, passage, span, course.scores)
        return Checked(question=question, reason=course.reason, detail=course.detail)

    def _look(self, draft: Draft, passage: Passage, course: _Course) -> Span | None:
        """The gates without a model; where the evidence stands."""
        if not draft.query or not draft.response:
            course.fail(INCOMPLETE, "it has no answer" if draft.query else "it has no words")
            return None
        if len(draft.query) > _MOST_QUERY_CHARACTERS or len(draft.response) > _MOST_RESPONSE_CHARACTERS:
            course.fail(TOO_LONG, f"{len(draft.query):,} characters, its answer {len(draft.response):,}")
            return None
        if course.asks("self_contained") and not course.take("self_contained", self_contained(draft.query)):
            return None
        if draft.type == "unanswerable":
            return None  # a search for what no window says may find any of them
        found = find_evidence(draft, passage, threshold=self._thresholds["evidence"])
        if course.asks("evidence") and not course.take("evidence", found.gated):
            return found.span
        if course.asks("round_trip"):
            threshold = self._thresholds["round_trip"]
            course.take("round_trip", self._index.round_trip(draft.query, passage.window, threshold=threshold))
        return found.span

    async def _ask(self, draft: Draft, passage: Passage, course: _Course, answering: Answering) -> None:
        """The gates with a model, both at the same time."""
        names, work = [], []
        if course.asks("answerable"):
            names.append("answerable")
            work.append(answering.from_passage(draft.query, passage))
        if course.asks("closed_book") and draft.type != "unanswerable":
            names.append("closed_book")
            work.append(answering.alone(draft.query))
        for name, verdict in zip(names, await together(work), strict=True):
            self._judge(name, verdict, draft, course)

    def _judge(self, name: str, verdict: Verdict[Reply], draft: Draft, course: _Course) -> None:
        if verdict.value is not None:
            judge = answerable if name == "answerable" else closed_book
            course.take(name, judge(draft, verdict.value, self._thresholds[name]))
        elif verdict.reason == "judge_refusal" and name == "closed_book":
            course.take(name, Gated(score=0.0, passed=True))  # who will not answer has not answered
        else:
            course.fail(plain_reason(verdict.reason), f"{name}: {one_line_of(verdict.raw)}")


def question_of(draft: Draft, passage: Passage, span: Span | None, scores: Mapping[str, float]) -> Question:
    """The question that a draft becomes, cited: the chunk with the evidence first, then the window's others."""
    first = span.chunk if span else 0
    cited = passage.chunks[first]
    chunks = (cited, *passage.chunks[:first], *passage.chunks[first + 1 :])
    return Question(
        id=digest([draft.query, draft.response, [chunk.text for chunk in passage.chunks]])[:_ID_DIGITS],
        query=draft.query,
        response=draft.response,
        relevant_chunks=tuple(chunk.text for chunk in chunks),
        type=draft.type,
        difficulty=_difficulty(draft, scores),
        source=cited.source,
        page=cited.page,
        chunk_ids=tuple(chunk.number for chunk in chunks),
        evidence=cited.text[span.start : span.end] if span else "",
        evidence_start=span.start if span else None,
        evidence_end=span.end if span else None,
        persona=draft.persona,
        window=passage.window.number,
        gates={name: round(score, 6) for name, score in scores.items()},
    )


def _difficulty(draft: Draft, scores: Mapping[str, float]) -> Difficulty:
    """By the steps that an answer takes: out of one sentence or out of several, and how well that one is found."""
    if draft.type in {"multi_hop", "unanswerable"}:
        return "hard"
    is_found = scores.get("round_trip", _FIRST) >= _FIRST
    if draft.type == "reasoning":
        return "medium" if is_found else "hard"
    return "easy" if is_found else "medium"
