"""token_count: how long an answer is in tokens, by a rule of our own or by a given tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import NO_OUTPUT, TOO_LONG
from evaltrail.scoring.tokenizers import open_tokenizer

MAX_CHARACTERS = 1_000_000
"""Longer answers are unscored (``too_long``)."""

Count = Callable[[str], int]


class TokenCount:
    """Tokens of the graded text; it observes, and longer is neither better nor worse.

    Without ``tokenizer`` a token is a run of letters, digits, ``_`` and combining marks, or one character of the
    scripts that put no blanks between words (Han, Hiragana, Katakana), or one other character that is no white space:
    ``It's 3.5 km.`` has 8. No model counts so; the figure is the same on every machine.

    Args:
        tokenizer: path of a Hugging Face ``tokenizer.json`` (package ``tokenizers``), or ``tiktoken:NAME`` (package
            ``tiktoken``) such as ``tiktoken:o200k_base``. Special tokens are not added. Nothing is downloaded.
        folder: where a relative path begins.

    Raises:
        InputError: the package or the tokenizer is not here.
    """

    name: str = "token_count"
    better: Better = "neither"
    unit: str = "tokens"
    is_grade: bool = False

    def __init__(self, *, tokenizer: str = "", folder: Path = Path()) -> None:
        self.source = f"{self.name}/1"
        if tokenizer:
            opened = open_tokenizer(tokenizer, folder)
            self.source += f"+{opened.identity}"
            self._count: Count = opened.count
        else:
            self._count = own_rule()

    def score(self, sample: Sample) -> Score:
        """The tokens of one answer."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if len(text) > MAX_CHARACTERS:
            return TOO_LONG
        return Score(value=float(self._count(text)), source=self.source)


def own_rule() -> Count:
    """The count of tokens that needs no tokenizer."""
    # Unlike re it knows scripts and combining marks; only tasks with this metric pay for it: some 10 ms.
    import regex  # noqa: PLC0415

    alone = r"\p{Han}\p{Hiragana}\p{Katakana}"
    word = r"[\p{L}\p{N}\p{M}_]"
    token = regex.compile(rf"(?V1)[{alone}]\p{{M}}*|[{word}--[{alone}]]+|\S")
    find = token.findall
    return lambda text: len(find(text))
