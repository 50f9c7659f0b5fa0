"""Metrics that say right or wrong from the text alone: exact_match, contains, regex, numeric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import BAD_REFERENCE, NO_OUTPUT, NO_REFERENCE, TextGrader
from evaltrail.scoring.normal_form import NormalForm
from evaltrail.scoring.number import read_number

if TYPE_CHECKING:
    import regex

REGEX_TIMEOUT_S = 1.0
_REGEX_TIMEOUT = Score(reason="regex_timeout")


class _NormalGrader(TextGrader):
    """A grader of texts without the differences that its options name."""

    def __init__(
        self,
        *,
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        ignore_articles: bool = False,
        strip: bool = True,
    ) -> None:
        super().__init__()
        self._normal = NormalForm(
            ignore_case=ignore_case,
            ignore_punctuation=ignore_punctuation,
            ignore_articles=ignore_articles,
            strip=strip,
        )


class ExactMatch(_NormalGrader):
    """Whether the graded text equals a reference, after the differences that the options name (see NormalForm)."""

    name = "exact_match"

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Right when any reference has the text's normal form."""
        normal = self._normal
        found = normal(text)
        for reference in references:
            if normal(reference) == found:
                return self._right
        return self._wrong


class Contains(_NormalGrader):
    """Whether a reference stands somewhere in the graded text, after the differences that the options name.

    An empty reference stands only in an empty text.
    """

    name = "contains"

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Right when any reference is a part of the text."""
        normal = self._normal
        found = normal(text)
        for reference in references:
            wanted = normal(reference)
            if wanted in found and (wanted or not found):
                return self._right
        return self._wrong


class Regex(TextGrader):
    """Whether a pattern is found in the graded text.

    A search over 1 s leaves the sample unscored (``regex_timeout``), and so does a reference that is no pattern
    (``bad_reference``).

    Args:
        pattern: in the syntax of the package ``regex``; empty = each reference is a pattern.
        ignore_case: letters of either case are the same.
        full: the pattern must match the whole text but for white space around it.

    Raises:
        InputError: the pattern cannot be read.
    """

    name = "regex"

    def __init__(self, *, pattern: str = "", ignore_case: bool = False, full: bool = False) -> None:
        # Only tasks with this metric pay for the package: some 10 ms.
        import regex  # noqa: PLC0415

        super().__init__()
        self._flags = int(regex.IGNORECASE) if ignore_case else 0
        self._compile = regex.compile
        self._error = regex.error
        self._full = full
        self._pattern = self._read(pattern) if pattern else None

    def score(self, sample: Sample) -> Score:
        """The score of the graded text; with an own pattern no reference is needed."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if self._pattern is not None:
            return self._search((self._pattern,), text)
        return self.grade(text, sample.reference) if sample.reference else NO_REFERENCE

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Right when any reference, read as a pattern, is found."""
        try:
            patterns = [self._compile(reference, self._flags) for reference in references]
        except self._error:
            return BAD_REFERENCE
        return self._search(patterns, text)

    def _search(self, patterns: tuple[regex.Pattern[str], ...] | list[regex.Pattern[str]], text: str) -> Score:
        text = text.strip() if self._full else text
        try:
            for pattern in patterns:
                find = pattern.fullmatch if self._full else pattern.search
                if find(text, timeout=REGEX_TIMEOUT_S):
                    return self._right
        except TimeoutError:
            return _REGEX_TIMEOUT
        return self._wrong

    def _read(self, pattern: str) -> regex.Pattern[str]:
        try:
            return self._compile(pattern, self._flags)
        except self._error as error:
            raise InputError(
                f"metric 'regex': the pattern {pattern!r} cannot be read: {error}",
                code="bad_pattern",
                hint="correct the option 'pattern'",
            ) from error


class Numeric(TextGrader):
    """Whether the last number in the graded text equals a reference (what counts as a number: see read_number).

    A text without a number is wrong; references without a number leave the sample unscored (``bad_reference``).

    Args:
        tolerance: greatest absolute difference that still counts as equal.
        relative_tolerance: the same as a share of the reference; the greater of both allowances holds.
    """

    name = "numeric"

    def __init__(self, *, tolerance: float = 0.0, relative_tolerance: float = 1e-9) -> None:
        super().__init__()
        if tolerance < 0 or relative_tolerance < 0:
            raise InputError("metric 'numeric': a tolerance is below 0", hint="give 0 or more")
        self._tolerance = tolerance
        self._relative = relative_tolerance

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """Right when any reading of the text's number is close enough to any reading of a reference's."""
        wanted = [number for reference in references for number in read_number(reference)]
        if not wanted:
            return BAD_REFERENCE
        found = read_number(text)
        is_right = any(
            abs(ours - theirs) <= max(self._tolerance, self._relative * abs(theirs))
            for ours in found
            for theirs in wanted
        )
        return self._right if is_right else self._wrong
