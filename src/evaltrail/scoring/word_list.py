"""WordList: finds the words and phrases of a list in a text, spelled plainly or with digits and signs for letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from evaltrail.core.errors import InputError

MAX_FILE_BYTES = 4_000_000

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_TOKEN = re.compile(r"[\w@$!|+]+")
_DISGUISED = re.compile(r"[^\W\d_](?:[0-9@$|+]|!+[^\W_])|[0-9@$!|+][^\W\d_]")
_LETTERS = str.maketrans("013457@$!|+", "oleastasilt")
_ALSO_I = str.maketrans("1", "i")


class WordList:
    """Words and phrases, found as whole words whatever their case.

    A word is a run of letters and digits, with apostrophes inside; blanks and marks between the words of a phrase do
    not count. A letter may be disguised as a digit or a sign (``1d1ot``, ``$h!t``) where a letter stands beside it.

    Args:
        entries: words and phrases; blank ones do not count.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        plain = [" ".join(_words(entry)) for entry in entries]
        self._words = frozenset(entry for entry in plain if entry and " " not in entry)
        self._phrases = tuple(sorted({entry for entry in plain if " " in entry}))
        self._first_words = frozenset(phrase.partition(" ")[0] for phrase in self._phrases)

    def __len__(self) -> int:
        return len(self._words) + len(self._phrases)

    def first_in(self, text: str) -> str:
        """The first word of the text that is listed, else a listed phrase in it, else an empty string."""
        return self._look(_words(text)) or self._look_disguised(text)

    def _look(self, words: list[str]) -> str:
        listed = self._words
        if not listed.isdisjoint(words):
            return next(word for word in words if word in listed)
        if self._first_words.isdisjoint(words):
            return ""
        line = f" {' '.join(words)} "
        return next((phrase for phrase in self._phrases if f" {phrase} " in line), "")

    def _look_disguised(self, text: str) -> str:
        if not _DISGUISED.search(text):
            return ""
        shown = _TOKEN.sub(_undisguised, text)
        return self._look(_words(shown)) or self._look(_words(_TOKEN.sub(_undisguised, text.translate(_ALSO_I))))


def read_words(file: Path) -> WordList:
    """The word list of a file: UTF-8, one word or phrase a line, ``#`` begins a comment.

    Raises:
        InputError: the file cannot be read, is no text, too large or lists nothing.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise _bad(f"the word list cannot be read: {error.strerror}", file) from error
    except UnicodeDecodeError as error:
        raise _bad("the word list is no UTF-8 text", file) from error
    if len(content) > MAX_FILE_BYTES:
        raise _bad(f"the word list has more than {MAX_FILE_BYTES} bytes", file)
    words = WordList(line.partition("#")[0] for line in text.splitlines())
    if not len(words):
        raise _bad("the word list lists nothing", file)
    return words


def _undisguised(found: re.Match[str]) -> str:
    token = found[0]
    return token.rstrip("!").translate(_LETTERS) if _DISGUISED.search(token) else token


def _words(text: str) -> list[str]:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return _WORD.findall(text.casefold())


def _bad(message: str, file: Path) -> InputError:
    return InputError(
        message, code="bad_word_list", where=str(file), hint="give a text file, one word or phrase a line"
    )
