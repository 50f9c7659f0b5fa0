"""The words of a text as the gates compare them: lower case, no marks; characters of scripts without blanks alone."""

from __future__ import annotations

import re
import unicodedata

_ARTICLES = frozenset(("a", "an", "the"))
UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Han, Hiragana and Katakana, as a range within a pattern's brackets: they put no blanks between words; hangul does."""
_PLAIN = re.compile(r"[a-z0-9]+")
_ANY = re.compile(rf"[{UNSPACED}]|(?:(?![{UNSPACED}])[^\W_])+")


def words_of(text: str) -> list[str]:
    """The words in their order, those of other scripts in Unicode's form NFKC."""
    if text.isascii():
        return _PLAIN.findall(text.lower())
    return _ANY.findall(unicodedata.normalize("NFKC", text).casefold())


def content_words(text: str) -> list[str]:
    """The words without the English articles, which tell no two answers apart."""
    return [word for word in words_of(text) if word not in _ARTICLES]
