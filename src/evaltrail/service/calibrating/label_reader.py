"""LabelReader: what people wrote into a table, in the values that a judge gives."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.answer_form import UnreadableError
from evaltrail.scoring.judging.grade_form import GradeForm
from evaltrail.scoring.judging.port import Judge
from evaltrail.scoring.judging.rubric_judge import RubricJudge
from evaltrail.scoring.judging.scale import Scale, Value, scale_of_numbers, scale_of_words

_RANGE = re.compile(r"(-?[\d.]+?)\.\.(-?[\d.]+)")
_ANY_NUMBER = Scale(low=-999_999.5, high=999_999.5)
_TRUTHS: Mapping[str, bool] = {
    **dict.fromkeys(("1", "1.0", "true", "yes", "pass"), True),
    **dict.fromkeys(("0", "0.0", "false", "no", "fail"), False),
}
"""What can only be meant one way where the judge says right or wrong, or a number from 0 to 1."""


def label_reader(judge: Judge) -> LabelReader:
    """The reader of labels that are to be compared with what a judge says."""
    return LabelReader(judge.name, judge.rubric.scale if isinstance(judge, RubricJudge) else _scale_of(judge.unit))


class LabelReader:
    """Reads labels as a judge's answers are read.

    Args:
        name: of the judge whose values the labels are to be compared with.
        scale: of the judge; None = it does not tell one, and labels are taken as words.
    """

    def __init__(self, name: str, scale: Scale | None) -> None:
        self._name = name
        self._scale = scale
        self._form = None if scale is None else GradeForm(name, scale)
        self._truths = {value: word for word, value in self._scale.labels} if self._scale is not None else {}

    @property
    def is_number(self) -> bool:
        """Whether labels are numbers or True and False, so that they have a mean."""
        return self._scale is not None and not any(isinstance(value, str) for value in self._truths)

    @property
    def is_graded(self) -> bool:
        """Whether there are more steps than right and wrong, so that a near miss is less than a miss."""
        return self.is_number and not all(isinstance(value, bool) for value in self._truths or (0.5,))

    @property
    def bounds(self) -> tuple[float, float]:
        """The ends between which every mean, or every share of a word, lies."""
        if not self.is_number or self._scale is None:
            return 0.0, 1.0
        values = [float(value) for value in self._truths if not isinstance(value, str)]
        return (min(values), max(values)) if values else (self._scale.low, self._scale.high)

    @property
    def told(self) -> str:
        """What a label may be."""
        return "a word" if self._scale is None else self._scale.told()

    def read(self, cell: object) -> Value:
        """The value of a label.

        Args:
            cell: a text, a number or a bool that says something.

        Raises:
            InputError: it is nothing that the judge could say.
        """
        if self._form is None:
            return str(cell).strip()
        try:
            return self._form.read(self._usual(cell)).value
        except UnreadableError as error:
            hint = "correct it, or leave it empty: the row then counts as unlabelled"
            message = f"the label {str(cell)!r:.80} is not {self.told}, which is what the judge says"
            raise InputError(message, code="bad_label", hint=hint) from error

    def fitted(self, values: Collection[Value]) -> LabelReader:
        """The reader for a judge that told its scale only by what it said; this one where it was told before.

        Args:
            values: everything the judge said.
        """
        if self._scale is not None or not values or any(isinstance(value, str) for value in values):
            return self
        is_truth = all(isinstance(value, bool) for value in values)
        return LabelReader(self._name, scale_of_words(("yes", "no")) if is_truth else _ANY_NUMBER)

    def name(self, value: Value) -> str:
        """A value as tables call it: the scale's own word, or the number."""
        if isinstance(value, str):
            return value
        word = next((word for known, word in self._truths.items() if known == value), "")
        if word:
            return word
        return str(value).lower() if isinstance(value, bool) else f"{value:g}"

    def _usual(self, cell: object) -> object:
        """0 and 1 for the scale's words of wrong and right, and the other way round."""
        text = cell.strip().casefold() if isinstance(cell, str) else str(cell).casefold()
        if self._truths.keys() == {True, False}:
            return self._truths[_TRUTHS[text]] if text in _TRUTHS else cell
        if self._scale is not None and not self._truths and (self._scale.low, self._scale.high) == (0.0, 1.0):
            return float(_TRUTHS[text]) if text in _TRUTHS else cell
        return cell


def _scale_of(unit: str) -> Scale | None:
    """The scale that an instrument's unit tells; None for words."""
    if unit == "1":
        return scale_of_numbers(0.0, 1.0)
    found = _RANGE.fullmatch(unit)
    return scale_of_numbers(float(found[1]), float(found[2])) if found else None
