"""NormalForm: a text without the differences that a metric is told to ignore."""

from __future__ import annotations

import re
import string
import unicodedata

_ASCII_PUNCTUATION = str.maketrans("", "", string.punctuation)
_AROUND = " .,:;!?\"'`*()[]{}\u2018\u2019\u201c\u201d\u3002"
_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)


class NormalForm:
    """Turns texts into a form in which equal means equal.

    Args:
        ignore_case: letters of either case are the same.
        ignore_punctuation: ASCII punctuation and symbols and all Unicode punctuation are dropped.
        ignore_articles: the English words a, an, the are dropped.
        strip: white space around the text is dropped.
    Dropping punctuation or articles also makes every run of white space one blank.
    """

    __slots__ = ("_articles", "_case", "_punctuation", "_squeeze", "_strip")

    def __init__(
        self,
        *,
        ignore_case: bool = False,
        ignore_punctuation: bool = False,
        ignore_articles: bool = False,
        strip: bool = True,
    ) -> None:
        self._case = ignore_case
        self._punctuation = ignore_punctuation
        self._articles = ignore_articles
        self._squeeze = ignore_punctuation or ignore_articles
        self._strip = strip

    def __call__(self, text: str) -> str:
        """The normal form of one text."""
        if self._case:
            text = text.casefold()
        if self._punctuation:
            text = without_punctuation(text)
        if self._articles:
            text = _ARTICLES.sub(" ", text)
        if self._squeeze:
            return " ".join(text.split())
        return text.strip() if self._strip else text


def without_punctuation(text: str) -> str:
    """The text without ASCII punctuation and symbols and without Unicode's categories P."""
    text = text.translate(_ASCII_PUNCTUATION)
    if text.isascii():
        return text
    return "".join(letter for letter in text if not unicodedata.category(letter).startswith("P"))


def bare(text: str) -> str:
    """The text in lower case with single blanks, without quotes, brackets, stars and marks of a sentence around it.

    Signs and inner punctuation stay: ``-5``, ``1.5`` and ``x+1`` keep their meaning.
    """
    return " ".join(text.casefold().split()).strip(_AROUND)


def squad_tokens(text: str) -> list[str]:
    """The words of a text as SQuAD's evaluation counts them: lower case, no ASCII punctuation, no articles.

    Source: Rajpurkar et al. 2016, evaluation script 1.1.
    """
    return _ARTICLES.sub(" ", text.lower().translate(_ASCII_PUNCTUATION)).split()
