"""GradeForm: a score and why, as a rubric's scale allows it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltrail.core.values import Json
from evaltrail.scoring.judging.answer_form import UnreadableError, ask_for, object_schema
from evaltrail.scoring.judging.prose import label_of, lone_number, numbers_in
from evaltrail.scoring.judging.scale import Scale, Value
from evaltrail.scoring.judging.verdict import OUT_OF_RANGE

_ASKED_KEYS = {"rationale", "score"}
_SCORE_KEYS = ("score", "rating", "grade", "verdict", "label", "value", "result", "answer", "judgement", "judgment")
_WHY_KEYS = ("rationale", "justification", "reason", "reasoning", "explanation", "feedback", "comment", "why")
_MOST_DEPTH = 3
_RATIONALE_CHARACTERS = 4000


@dataclass(frozen=True, slots=True)
class Grade:
    """One judgement; two with the same value are the same."""

    value: Value
    rationale: str = field(default="", compare=False)


class GradeForm:
    """Asks for ``{"rationale": ..., "score": ...}`` and reads what comes close to it.

    Args:
        name: of the rubric; counts as the score's name too.
        scale: the scores that may be given.
    """

    def __init__(self, name: str, scale: Scale) -> None:
        self._scale = scale
        self._own_key = name.casefold()
        self._values = {word.casefold(): value for word, value in scale.labels}
        self.choices = scale.choices
        self.settings = ask_for("grade", "Hand in the judgement.", self._schema())

    def _schema(self) -> Mapping[str, Json]:
        scale = self._scale
        score: dict[str, Json] = {"type": "number", "description": scale.told()}
        if scale.labels:
            score = {"type": "string", "enum": list(scale.choices)}
        elif scale.is_whole:
            score["type"] = "integer"
            if len(scale.choices) == scale.high - scale.low + 1:
                score["enum"] = [int(choice) for choice in scale.choices]
        return object_schema({"rationale": {"type": "string"}, "score": score})

    def read(self, value: object) -> Grade:
        """The grade that a JSON value tells.

        Raises:
            UnreadableError: it tells none, or one that is not on the scale.
        """
        return self._read(value, 0)

    def read_prose(self, text: str) -> Grade:
        """The grade that a text tells: "Score: 4", "4/5", "**4**", "Yes, because ...".

        Raises:
            UnreadableError: it tells none, several, or one that is not on the scale.
        """
        found: set[Value]
        if self._values:
            found = label_of(text, self._values)
        else:
            found = {self._within(number) for number in numbers_in(text, self._scale)}
        if len(found) != 1:
            problem = "It held several different scores." if found else f"It held no score ({self._scale.told()})."
            raise UnreadableError(problem)
        return Grade(found.pop(), text.strip()[:_RATIONALE_CHARACTERS])

    def _read(self, value: object, depth: int) -> Grade:
        if depth > _MOST_DEPTH:
            raise UnreadableError("It was nested too deeply.")
        if isinstance(value, list) and len(value) == 1:
            return self._read(value[0], depth + 1)
        if not isinstance(value, dict):
            return Grade(self._value(value))
        if value.keys() == _ASKED_KEYS and not isinstance(value["score"], dict | list):
            why = value["rationale"]
            return Grade(self._value(value["score"]), (why if isinstance(why, str) else "")[:_RATIONALE_CHARACTERS])
        keys = {str(key).strip().casefold(): key for key in value}
        name = next((keys[key] for key in (*_SCORE_KEYS, self._own_key) if key in keys), None)
        if name is None:
            if len(value) != 1:
                raise UnreadableError('It had no "score".')
            return self._read(next(iter(value.values())), depth + 1)
        inner = value[name]
        if isinstance(inner, dict | list):
            return self._read(inner, depth + 1)
        why = next((value[keys[key]] for key in _WHY_KEYS if key in keys), "")
        return Grade(self._value(inner), (why if isinstance(why, str) else "")[:_RATIONALE_CHARACTERS])

    def _value(self, said: object) -> Value:
        if self._values:
            return self._label(said)
        if isinstance(said, str):
            number = lone_number(said, self._scale)
            if number is None:
                raise UnreadableError(f"The score was not {self._scale.told()}.")
            return self._within(number)
        if isinstance(said, bool) or not isinstance(said, int | float):
            raise UnreadableError(f"The score was not {self._scale.told()}.")
        try:
            return self._within(float(said))
        except OverflowError:
            return self._within(math.inf)

    def _label(self, said: object) -> Value:
        text = str(said).lower() if isinstance(said, bool) else said
        found = label_of(text, self._values, is_alone=True) if isinstance(text, str) else set()
        if len(found) != 1:
            raise UnreadableError(f"The score was not {self._scale.told()}.")
        return found.pop()

    def _within(self, number: float) -> float:
        if math.isnan(number):
            raise UnreadableError(f"The score was not {self._scale.told()}.")
        if not self._scale.holds(number):
            said = f"The score {number:g}" if math.isfinite(number) else "The score"
            raise UnreadableError(f"{said} was not {self._scale.told()}.", OUT_OF_RANGE)
        return number
