"""Question: a question with its answer, where that is written, and what the gates found; or why it was rejected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

QuestionType = Literal["simple", "reasoning", "numeric", "multi_hop", "unanswerable"]
Difficulty = Literal["easy", "medium", "hard"]
QUESTION_TYPES: tuple[QuestionType, ...] = get_args(QuestionType)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One pair of a data set."""

    id: str
    """16 hex digits of what it was first made of; it stays through edits, which are matched by it."""
    query: str
    response: str
    """The reference answer; of an unanswerable question the words that say so."""
    relevant_chunks: tuple[str, ...]
    """Texts of the chunks of its window that it is answered from; the one with the evidence first."""
    type: QuestionType = "simple"
    difficulty: Difficulty | Literal[""] = ""
    source: str = ""
    """Name of the file, as its owner wrote it."""
    page: int | None = None
    chunk_ids: tuple[int, ...] = ()
    """Numbers of ``relevant_chunks`` in the upload, from 1, in their order."""
    evidence: str = ""
    """Verbatim from the first of ``relevant_chunks``; empty for an unanswerable question."""
    evidence_start: int | None = None
    """First character of the evidence in the first of ``relevant_chunks``."""
    evidence_end: int | None = None
    """Behind its last character."""
    persona: str = ""
    window: int | None = None
    """Number of the window that it was made of, from 1."""
    gates: Mapping[str, float] = field(default_factory=dict)
    """Gate to its score in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A question that was not taken, or an answer of a model that held none."""

    question: Question
    """As far as it came."""
    reason: str
    """Name of the gate, or why there is no question: ``unreadable``, ``refused``..."""
    detail: str = ""
    """One line for people."""
