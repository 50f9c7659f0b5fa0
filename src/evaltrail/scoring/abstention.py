"""Abstention: whether an answer says that the question cannot be answered."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from evaltrail.scoring.word_list import WordList, read_words

_PHRASES = Path(__file__).with_name("abstentions.txt")
_SENTENCE_END = re.compile(r"[.!?\u3002]\s|\n")
_MOST_CHARACTERS = 300
"""Of a sentence that only abstains: what is longer tells something."""


def abstains(text: str) -> bool:
    """Whether the first sentence of an answer says, in English, that there is no answer; a blank one says nothing."""
    start = text.lstrip(" \t\r\n*_#>\"'`")[: _MOST_CHARACTERS + 1]
    sentence = _SENTENCE_END.split(start, maxsplit=1)[0]
    return len(sentence) <= _MOST_CHARACTERS and bool(_phrases().first_in(sentence))


@cache
def _phrases() -> WordList:
    return read_words(_PHRASES)
