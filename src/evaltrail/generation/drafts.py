"""Drafts: what a writer of questions sees, and what it hands in before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.core.document import Chunk
from evaltrail.core.question import Difficulty, QuestionType
from evaltrail.generation.windows import Window

UNANSWERABLE = "unanswerable"
"""The response of a question that its passage does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A window with what stands in it."""

    window: Window
    chunks: tuple[Chunk, ...]
    """In the order of the upload; not empty."""

    @property
    def text(self) -> str:
        """The chunks' texts as they are, an empty line between two."""
        return "\n\n".join(chunk.text for chunk in self.chunks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A question with its answer as a writer hands it in: nothing of it is checked."""

    query: str
    response: str
    evidence: str = ""
    """The words of the passage that hold the answer, as the writer quotes them; empty where it quotes none."""
    type: QuestionType = "simple"
    difficulty: Difficulty = "medium"
    persona: str = ""
