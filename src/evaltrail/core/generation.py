"""Generation: how questions are to be made of documents, what that would cost, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.question import Question, QuestionType, Rejected
from evaltrail.core.values import Json

WindowScope = Literal["upload", "document"]
"""Windows over the whole upload in order (seed 003), or never across a file's end."""
GeneratorName = Literal["llm", "cloze"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a question has to reach at each gate, in [0, 1]; 0 = the gate is not asked."""

    self_contained: float = 1.0
    evidence: float = 1.0
    answerable: float = 0.5
    """How far an answer from the window has to agree with the reference."""
    closed_book: float = 0.5
    """An answer without the window that agrees so far with the reference is one too many. 0 = not asked."""
    round_trip: float = 0.2
    """1 / rank of its own window when all are searched for the question: among the first five."""
    duplicate: float = 0.8
    """Two questions that are alike so far are one. 0 = not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPlan:
    """How questions are to be made; with the documents and the model it decides every byte that comes out."""

    generator: GeneratorName = "llm"
    window_size: int = 4
    """Chunks."""
    window_step: int = 2
    """Chunks from one window's begin to the next one's."""
    window_scope: WindowScope = "upload"
    questions_per_window: int = 3
    """Where no types are named: so many ``simple`` ones."""
    types: Mapping[QuestionType, int] = field(default_factory=dict)
    """How many of each type over all windows; empty = see ``questions_per_window``."""
    thresholds: Thresholds = Thresholds()
    rounds: int = 3
    """How often windows are asked for what is still missing."""
    seed: int = 0
    budget_tokens: int | None = None
    """Prompt and completion together; None = no end."""
    generation: Mapping[str, Json] = field(default_factory=dict)
    """Settings that go into every request as they are."""
    price_prompt: float | None = None
    """Of a million tokens of prompts."""
    price_completion: float | None = None
    """Of a million tokens of answers."""
    personas: tuple[str, ...] = ()
    """Who asks, in turn; empty = nobody in particular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a generation would take; nothing was asked to know it."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    """None where no prices are known."""
    seconds: float | None
    """At the latency that is assumed and the concurrency that is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What came of a generation."""

    questions: tuple[Question, ...]
    rejected: tuple[Rejected, ...]
    windows: tuple[tuple[int, int], ...]
    """First and last chunk of each, from 1."""
    unused_chunks: tuple[int, ...]
    """Numbers of those that no window holds."""
    requested: int
    shortfall: Mapping[str, int] = field(default_factory=dict)
    """Why questions are missing: reason to how many; empty where none is."""
    calls: int = 0
    """Requests that were sent for it, in this run and in earlier ones of the same."""
    new_calls: int = 0
    """Of these in this run."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0

    @property
    def accepted(self) -> int:
        """Questions."""
        return len(self.questions)

    @property
    def rejected_by_reason(self) -> dict[str, int]:
        """Reason to how many were rejected for it."""
        found: dict[str, int] = {}
        for each in self.rejected:
            found[each.reason] = found.get(each.reason, 0) + 1
        return found

    @property
    def missing(self) -> int:
        """Questions that were asked for and are not there."""
        return max(0, self.requested - self.accepted)
