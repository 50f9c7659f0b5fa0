"""What words say of how many questions there are to be of each type: ``TYPE=N``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.question import QUESTION_TYPES, QuestionType

_MOST = 1_000_000


def read_types(words: Sequence[str]) -> dict[QuestionType, int]:
    """How many questions of each type.

    Args:
        words: ``simple=40``; several may stand in one word with commas between.

    Raises:
        InputError: a word is no pair, names no type, or a type twice, or its number is none.
    """
    found: dict[QuestionType, int] = {}
    for name, number in _pairs(words):
        kind = _type(name)
        if kind in found:
            raise InputError(f"the type {kind!r} is given twice", code="usage", where="--types", hint="keep one")
        if not number.isdecimal() or not 0 < int(number) <= _MOST:
            raise InputError(
                f"{number!r:.40} is no number of questions",
                code="bad_type",
                where="--types",
                hint=f"write {kind}=N with N from 1 on",
            )
        found[kind] = int(number)
    return found


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word in (part.strip() for each in words for part in each.split(",")):
        if word:
            name, _, value = word.partition("=")
            yield name.strip(), value.strip()


def _type(name: str) -> QuestionType:
    wanted = name.lower().replace("-", "_")
    for kind in QUESTION_TYPES:
        if kind == wanted:
            return kind
    raise InputError(
        f"there is no type of question {name!r:.60}",
        code="unknown_type",
        where="--types",
        hint=nearest(wanted, QUESTION_TYPES) or f"known: {', '.join(QUESTION_TYPES)}",
    )
