"""Questions as columns of a table: the seed's three first, then ours (documents.md, "What comes out")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from evaltrail.core.ids import digest
from evaltrail.core.question import Question
from evaltrail.core.values import Json

SEED_COLUMNS = ("query", "relevant_chunks", "response")
COLUMNS = (
    *SEED_COLUMNS,
    *("id", "type", "difficulty", "source", "page", "chunk_ids"),
    *("evidence", "evidence_start", "evidence_end", "persona", "window"),
)
GATE = "gate_"
"""Begin of the columns with the gates' scores."""

Value = str | int | float | None | tuple[str, ...] | tuple[int, ...]
"""What a column may say of a question."""
_ENCODE = msgspec.json.Encoder().encode


def content_id(query: str, response: str, relevant_chunks: Sequence[str], *, copy: int = 0) -> str:
    """The id of a question that was given none: 16 hex digits of what it says.

    Args:
        query: the question.
        response: its answer.
        relevant_chunks: what it is answered from.
        copy: 0; of a second one that says the same 1, and so on.
    """
    said: list[Json] = [query, response, list(relevant_chunks)]
    return digest([*said, copy] if copy else said)[:16]


def gate_columns(questions: Iterable[Question]) -> tuple[str, ...]:
    """The columns of the gates that any of the questions has a score of, in the order of the alphabet."""
    return tuple(sorted({f"{GATE}{_whole(name)}" for question in questions for name in question.gates}))


def values_of(question: Question) -> dict[str, Value]:
    """Each column with its value; a gate without a score has none.

    Half characters, which no file can hold, become question marks.
    """
    own = {column: _written(getattr(question, column)) for column in COLUMNS}
    return own | {f"{GATE}{_whole(name)}": float(score) for name, score in sorted(question.gates.items())}


def texts_of(question: Question) -> dict[str, str]:
    """Each column as a cell's text: lists as JSON, numbers so that they are read again, nothing for no value."""
    return {column: _text(value) for column, value in values_of(question).items()}


def _text(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return _ENCODE(value).decode() if isinstance(value, tuple) else repr(value)


def _written(value: Value) -> Value:
    if isinstance(value, str):
        return _whole(value)
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return tuple(_whole(str(each)) for each in value)
    return value


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
