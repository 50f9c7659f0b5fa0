"""What metrics share that grade a sample against its accepted answers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score

NO_OUTPUT = Score(reason="no_output")
NO_REFERENCE = Score(reason="no_reference")
BAD_REFERENCE = Score(reason="bad_reference")
TOO_LONG = Score(reason="too_long")


class Grader(ABC):
    """A grade in [0, 1], higher is better.

    What we cannot judge is unscored: a sample without a reference (``no_reference``) or without a text
    (``no_output``). A wrong or unreadable answer is the model's failure and gets a score.
    """

    name: str
    better: Better = "higher"
    unit: str = "1"
    source: str
    is_grade: bool = True

    def __init__(self) -> None:
        self.source = f"{self.name}/1"
        self._right = Score(value=True, source=self.source)
        self._wrong = Score(value=False, source=self.source)

    @abstractmethod
    def score(self, sample: Sample) -> Score:
        """The score of one sample."""


class TextGrader(Grader):
    """A grader that needs nothing but the graded text and the references; the best reference counts."""

    def score(self, sample: Sample) -> Score:
        """The score of the graded text."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if not sample.reference:
            return NO_REFERENCE
        return self.grade(text, sample.reference)

    @abstractmethod
    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """The score of a text against at least one reference."""
