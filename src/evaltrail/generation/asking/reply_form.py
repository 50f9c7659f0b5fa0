"""ReplyForm: how a model answers a question that another one wrote, or says that it cannot."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.core.values import Json
from evaltrail.generation.sieve.answers import says_unanswerable
from evaltrail.scoring.judging.answer_form import UnreadableError, ask_for, object_schema
from evaltrail.scoring.judging.words import words

_VERDICTS = ("verdict", "answerable", "is_answerable", "label", "result")
_ANSWERS = ("answer", "response", "text", "output", "value")
_YES = frozenset({"answerable", "answered", "supported", "pass", "correct", "known", "1"})
_NO = frozenset({"unanswerable", "notanswerable", "notanswered", "unsupported", "fail", "unknown", "none", "null", "0"})
_HALF = 0.5
_MOST_DEPTH = 3
_LABELLED = re.compile(
    r"^[\s*#>_\-]*(?P<label>verdict|answer)[*_]*\s*[:\uff1a][*_]*\s*(?P<rest>.*)$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model answered."""

    is_answered: bool
    """False where it says that it cannot."""
    answer: str
    """Empty where it said only whether it can."""


class ReplyForm:
    """Asks for ``{"verdict": "answerable", "answer": ...}`` and reads what comes close to it."""

    choices: tuple[str, ...] = ()
    _schema: Mapping[str, Json] = object_schema(
        {"verdict": {"type": "string", "enum": ["answerable", "unanswerable"]}, "answer": {"type": "string"}}
    )
    settings = ask_for("answer", "Hand in the answer.", _schema)

    def read(self, value: object) -> Reply:
        """The reply of a JSON value: an object, a bare answer, a list of one.

        Raises:
            UnreadableError: it holds neither an answer nor a verdict.
        """
        return _read(value, 0)

    def read_prose(self, text: str) -> Reply:
        """The reply of plain words: ``Answer: ...``, or all of them.

        Raises:
            UnreadableError: there are none.
        """
        labelled = {match["label"].casefold(): match["rest"].strip(" *_") for match in _LABELLED.finditer(text)}
        if labelled:
            return _reply(labelled.get("verdict"), labelled.get("answer", ""))
        return _reply(None, text.strip())

    def join(self, found: Sequence[Reply]) -> Reply:
        """Of several JSON objects in one text the last: what came before it was thinking."""
        return found[-1]


def _read(value: object, depth: int) -> Reply:
    if isinstance(value, list) and value and depth <= _MOST_DEPTH:
        return _read(value[0], depth + 1)
    if not isinstance(value, Mapping):
        return _reply(None, _text(value))
    named = {str(name).strip().casefold().replace(" ", "_"): inner for name, inner in value.items()}
    verdict = next((named[name] for name in _VERDICTS if named.get(name) is not None), named.get("score"))
    answer = next((named[name] for name in _ANSWERS if name in named), None)
    if verdict is None and answer is None:
        if len(named) == 1 and depth <= _MOST_DEPTH:
            return _read(next(iter(named.values())), depth + 1)
        raise UnreadableError('It had no "verdict" and no "answer".')
    if isinstance(answer, Mapping) and depth <= _MOST_DEPTH:
        return _read(answer, depth + 1)
    return _reply(verdict, _text(answer))


def _reply(verdict: object, answer: str) -> Reply:
    """The reply that a verdict and an answer make: an answer that says it cannot be given counts for more."""
    can = _can(verdict)
    if answer:
        return Reply(is_answered=can is not False and not says_unanswerable(answer), answer=answer)
    if can is None:
        raise UnreadableError('It had no "answer".')
    return Reply(is_answered=can, answer="")


def _can(verdict: object) -> bool | None:
    """Whether a verdict says that the question can be answered; None where it says neither."""
    if isinstance(verdict, bool):
        return verdict
    if isinstance(verdict, int | float):
        return verdict >= _HALF
    if not isinstance(verdict, str):
        return None
    word = re.sub(r"[\W_]", "", verdict.casefold())
    if word in _YES or word in words().true:
        return True
    return False if word in _NO or word in words().false or says_unanswerable(verdict) else None


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, (_text(each) for each in value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip() if isinstance(value, str | int | float) else ""
