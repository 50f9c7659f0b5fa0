"""QuestionSource: the questions of a stored data set as records, with the passages that a mode shows beside each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from typing import TypeVar

import msgspec

from evaltrail.core.decoding import decoder
from evaltrail.core.errors import InputError
from evaltrail.core.question import Question
from evaltrail.providers.datasets import Record, RecordSource
from evaltrail.providers.questions.mode import Mode
from evaltrail.providers.questions.passages import text_of

Line = TypeVar("Line")

QUESTIONS_FILE = "questions.jsonl"
"""The file of a version's folder that is read: one question a line."""
UNKNOWN = "unknown"
"""Slice of the questions that do not say how difficult they are, or where they are from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSource(RecordSource):
    """The questions of one version, one record each; the passages of a question are the same at every reading."""

    mode: Mode
    pool: tuple[str, ...] = ()
    """Passages of the same documents, each once, of which distractors are taken."""
    distractors: int = 0
    """Passages a question, at most, that stand beside its own."""
    seed: int = 0
    """Of the choice and the order of passages."""

    def __iter__(self) -> Iterator[Record]:
        """The records, one at a time.

        Raises:
            InputError: a line cannot be read; says which.
        """
        for where, question in read_questions(self.files[0]):
            yield Record(where, self._fields(question))

    def _fields(self, question: Question) -> dict[str, object]:
        return {
            "id": question.id,
            "query": question.query,
            "response": question.response,
            "contexts": self._contexts(question),
            "relevant_chunks": _sought(question),
            "type": question.type,
            "difficulty": question.difficulty or UNKNOWN,
            "source": question.source or UNKNOWN,
            "page": question.page,
            "window": question.window,
            "group": "" if question.window is None else f"window {question.window}",
        }

    def _contexts(self, question: Question) -> list[str]:
        own = list(question.relevant_chunks)
        if self.mode == "oracle_context":
            return own
        if self.mode != "noisy_context":
            return []
        order = Random(f"{self.seed} {question.id}")  # noqa: S311  a repeatable choice, not a secret
        drawn = order.sample(self.pool, min(len(self.pool), self.distractors + len(own)))
        others = [text for text in drawn if text not in own][: self.distractors]
        shown = [*own, *others]
        order.shuffle(shown)
        return shown


def _sought(question: Question) -> list[str]:
    """The passages that a retrieval has to find: those that hold the evidence, and all where that is not known.

    Of a question that takes several passages together the evidence names but one: all of its window count.
    """
    holding = [text for text in question.relevant_chunks if question.evidence and question.evidence in text]
    return holding if holding and question.type != "multi_hop" else list(question.relevant_chunks)


def read_questions(file: Path) -> Iterator[tuple[str, Question]]:
    """The questions of a version's JSON lines, each with its place, such as ``questions.jsonl:3``.

    Raises:
        InputError: the file or a line cannot be read.
    """
    return _lines(file, decoder(Question).decode)


def passages_of(folder: Path, *, told_in: Path | None = None) -> tuple[str, ...]:
    """The passages of a version's documents, each once, in their order; without a file those of its questions alone.

    Args:
        folder: of the version.
        told_in: a file with all of them.

    Raises:
        InputError: a file or a line cannot be read.
    """
    own = (text for _, question in read_questions(folder / QUESTIONS_FILE) for text in question.relevant_chunks)
    told = () if told_in is None else (text for _, text in _lines(told_in, text_of))
    return tuple(dict.fromkeys(chain(told, own)))


def _lines(file: Path, decode: Callable[[bytes], Line]) -> Iterator[tuple[str, Line]]:
    place = str(file)
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                place = f"{file}:{number}"
                yield f"{file.name}:{number}", decode(line)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) else error
        hint = "upload or generate the data set anew"
        message = f"the stored questions cannot be read: {told}"
        raise InputError(message, code="broken_dataset", where=place, hint=hint) from error
