"""The forms that the retrieval judges ask for: statements, verdicts on them, and a question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.scoring.judging.answer_form import UnreadableError, ask_for, object_schema
from evaltrail.scoring.judging.words import words

MOST_STATEMENTS = 200
_VERDICT_KEYS = ("verdict", "attributed", "supported", "useful", "score", "label", "value")
_WHY_KEYS = ("reason", "rationale", "why", "explanation")


class StatementsForm:
    """A list of statements: ``{"statements": [...]}``."""

    choices: tuple[str, ...] = ()
    settings = ask_for(
        "statements",
        "Hand in the statements.",
        object_schema({"statements": {"type": "array", "items": {"type": "string"}}}),
    )

    def read(self, value: object) -> tuple[str, ...]:
        """The statements, without empty ones; may be none.

        Raises:
            UnreadableError: there is no list of texts, or one beyond all measure.
        """
        found = _list_in(value, ("statements", "simpler_statements", "sentences", "claims"))
        texts = [text.strip() if isinstance(text, str) else None for text in found]
        if any(text is None for text in texts):
            raise UnreadableError('"statements" was not a list of texts.')
        if len(texts) > MOST_STATEMENTS:
            raise UnreadableError(f"There were more than {MOST_STATEMENTS} statements.")
        return tuple(text for text in texts if text)

    def read_prose(self, text: str) -> tuple[str, ...]:
        """Never anything: which lines of a prose are statements is anybody's guess.

        Raises:
            UnreadableError: always.
        """
        raise UnreadableError(f"{len(text)} characters held no JSON object with statements.")


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was said about each of some statements or passages."""

    values: tuple[bool, ...]
    reasons: tuple[str, ...] = ()


class VerdictsForm:
    """One verdict each: ``{"verdicts": [{"reason": ..., "verdict": 1}]}``.

    Args:
        count: how many there have to be, in the order of what they are about.
    """

    choices: tuple[str, ...] = ()
    settings = ask_for(
        "verdicts",
        "Hand in the verdicts.",
        object_schema(
            {
                "verdicts": {
                    "type": "array",
                    "items": object_schema(
                        {
                            "number": {"type": "integer"},
                            "reason": {"type": "string"},
                            "verdict": {"type": "integer", "enum": [0, 1]},
                        }
                    ),
                }
            }
        ),
    )

    def __init__(self, count: int) -> None:
        self._count = count

    def read(self, value: object) -> Verdicts:
        """The verdicts in the order asked for.

        Raises:
            UnreadableError: there are more or fewer, their numbers are not 1 to the count, or one is neither 0 nor 1.
        """
        found = _list_in(value, ("verdicts", "statements", "classifications", "results"))
        if len(found) != self._count:
            raise UnreadableError(f"There were {len(found)} verdicts for {self._count} items.")
        values = tuple(_verdict(item) for item in found)
        reasons = tuple(_why(item) for item in found)
        numbers = [item.get("number") if isinstance(item, Mapping) else None for item in found]
        if any(number is not None for number in numbers):
            # Sorting would hide that two verdicts claim one item.
            order = {number: place for place, number in enumerate(numbers) if isinstance(number, int | float)}
            if set(order) != set(range(1, self._count + 1)):
                raise UnreadableError(f'The "number"s were not 1 to {self._count}, each once.')
            places = [order[number] for number in range(1, self._count + 1)]
            return Verdicts(tuple(values[place] for place in places), tuple(reasons[place] for place in places))
        return Verdicts(values, reasons)

    def read_prose(self, text: str) -> Verdicts:
        """One verdict where the whole text is "1", "0", "yes" or "no" and one was asked for.

        Raises:
            UnreadableError: it is anything else.
        """
        if self._count == 1:
            return Verdicts((_verdict(text.strip(" \n*.\"'")),))
        raise UnreadableError("It held no JSON object with verdicts.")


@dataclass(frozen=True, slots=True)
class GuessedQuestion:
    """The question that an answer seems to answer."""

    question: str
    is_noncommittal: bool
    """Whether the answer evades: "I do not know" and the like."""


class QuestionForm:
    """One question: ``{"question": ..., "noncommittal": 0}``."""

    choices: tuple[str, ...] = ()
    settings = ask_for(
        "question",
        "Hand in the question.",
        object_schema({"question": {"type": "string"}, "noncommittal": {"type": "integer", "enum": [0, 1]}}),
    )

    def read(self, value: object) -> GuessedQuestion:
        """The question and the flag.

        Raises:
            UnreadableError: one of them is not there.
        """
        if not isinstance(value, Mapping):
            raise UnreadableError("It was no JSON object.")
        question = value.get("question")
        if not isinstance(question, str):
            raise UnreadableError('It had no "question".')
        return GuessedQuestion(question.strip(), _verdict(value.get("noncommittal", 0)))

    def read_prose(self, text: str) -> GuessedQuestion:
        """Never anything: a prose does not say whether the answer evades.

        Raises:
            UnreadableError: always.
        """
        raise UnreadableError(f"{len(text)} characters held no JSON object with a question.")


def _list_in(value: object, names: Sequence[str]) -> list[object]:
    if isinstance(value, Mapping):
        found: object = next((value[name] for name in names if name in value), None)
        if found is None and len(value) == 1:
            found = next(iter(value.values()))
        if found is None and "verdict" in value:
            found = [value]
        value = found
    if not isinstance(value, list):
        raise UnreadableError(f'It had no list "{names[0]}".')
    return value


def _verdict(item: object) -> bool:
    if isinstance(item, Mapping):
        item = next((item[name] for name in _VERDICT_KEYS if name in item), None)
    if isinstance(item, bool):
        return item
    if isinstance(item, int | float) and item in {0, 1}:
        return bool(item)
    if isinstance(item, str):
        word = item.strip().casefold()
        if word in {"1", *words().true}:
            return True
        if word in {"0", *words().false}:
            return False
    raise UnreadableError("A verdict was neither 0 nor 1.")


def _why(item: object) -> str:
    if not isinstance(item, Mapping):
        return ""
    found = next((item[name] for name in _WHY_KEYS if isinstance(item.get(name), str)), "")
    return str(found)
