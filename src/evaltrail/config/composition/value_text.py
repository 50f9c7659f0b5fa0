"""Values as a command line writes them, in Hydra 1.3's grammar: ``3``, ``1e-3``, ``true``, ``[a, b]``, ``{a: 1}``.

What departs from it: a text that begins with neither bracket nor quote may hold anything, so that no comma and no
bracket in it needs a backslash, and flow YAML with quoted keys is read too.
"""

from __future__ import annotations

import re

from evaltrail.core.values import Json, Scalar

_MOST_LEVELS = 50
_MOST_DIGITS = 300
_WORDS = {"true": True, "false": False, "null": None}
_WHOLE = re.compile(r"[-+]?(?:0|[1-9](?:_?[0-9])*)\Z")
_NUMBER = re.compile(
    r"[-+]?(?:[0-9](?:_?[0-9])*\.(?:[0-9](?:_?[0-9])*)?|\.[0-9](?:_?[0-9])*|[0-9](?:_?[0-9])*(?=[eE]))"
    r"(?:[eE][-+]?[0-9]+)?\Z"
)
_ESCAPED = re.compile(r"\\([\\()\[\]{}:=, \t])")
_QUOTED = re.compile(r"""(?s)"(?P<double>(?:[^"\\]|\\.)*+)"|'(?P<single>(?:[^'\\]|\\.)*+)'""")
_IN_QUOTES = re.compile(r"""\\(["'\\])""")
_SPACE = re.compile(r"\s*")


class ValueTextError(ValueError):
    """The text is no value."""


def read_value(text: str) -> Json:
    """The value that a text stands for; interpolations in it stay as they are written.

    Raises:
        ValueTextError: a bracket or quote at its beginning has no fitting end.
    """
    bare = text.strip()
    if not bare:
        return ""
    if bare[0] in "\"'":
        quoted = _QUOTED.match(bare)
        if quoted is None:
            raise ValueTextError("a quote is not closed")
        return _unquoted(quoted) if quoted.end() == len(bare) else bare
    if bare[0] not in "[{":
        return read_scalar(_ESCAPED.sub(r"\1", bare) if "\\" in bare else bare)
    reader = _Reader(bare)
    found = reader.value("", 0)
    if reader.at != len(bare):
        raise ValueTextError("something follows the last bracket; put quotes around texts with brackets")
    return found


def read_scalar(text: str) -> Scalar:
    """A text without quotes as a number, true, false or null, else as itself."""
    word = text.lower()
    if word in _WORDS:
        return _WORDS[word]
    if len(text) > _MOST_DIGITS:
        return text
    if _WHOLE.match(text):
        return int(text)
    if _NUMBER.match(text):
        number = float(text.replace("_", ""))
        return number if abs(number) != float("inf") else text
    return text


def interpolation_end(text: str, start: int) -> int:
    """The place after the ``}`` that ends the ``${`` at a place, or -1 where nothing ends it."""
    depth = 0
    quote = ""
    before = ""
    place = start
    while place < len(text):
        letter = text[place]
        if quote:
            if letter == "\\":
                place += 1
            elif letter == quote:
                quote = ""
        elif letter in "\"'" and before in {":", ",", "[", "{"} and depth and place > start + 1:
            quote = letter
        elif letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
            if not depth:
                return place + 1
        if not letter.isspace():
            before = letter
        place += 1
    return -1


def split_items(text: str) -> list[str]:
    """The pieces between the commas that stand outside of brackets, quotes and interpolations, stripped.

    Raises:
        ValueTextError: a bracket or quote has no fitting end.
    """
    reader = _Reader(text)
    pieces = []
    while True:
        start = reader.at
        reader.pass_over()
        pieces.append(text[start : reader.at].strip())
        if reader.at >= len(text):
            return pieces
        reader.at += 1


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def value(self, ends: str, depth: int) -> Json:
        """The value at the present place, up to one of the letters."""
        if depth > _MOST_LEVELS:
            raise ValueTextError("it is nested too deeply")
        self._skip()
        letter = self._text[self.at : self.at + 1]
        found: Json
        if letter == "[":
            found = self._list(depth)
        elif letter == "{":
            found = self._mapping(depth)
        else:
            return self._scalar(ends)
        self._skip()
        return found

    def pass_over(self) -> None:
        """Go on to the next comma outside of brackets, or to the end."""
        self._skip()
        if self._text[self.at : self.at + 1] and self._text[self.at] in "[{":
            self.value(",", 0)
            if self._text[self.at : self.at + 1] not in {"", ","}:
                raise ValueTextError("a comma is missing after a bracket")
        else:
            self._raw(",")

    def _list(self, depth: int) -> list[Json]:
        found: list[Json] = []
        self.at += 1
        while not self._takes("]"):
            found.append(self.value(",]", depth + 1))
            self._comma("]")
        return found

    def _mapping(self, depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        self.at += 1
        while not self._takes("}"):
            key = self._scalar(":,}", is_key=True)
            found[str(key)] = self.value(",}", depth + 1) if self._takes(":") else None
            self._comma("}")
        return found

    def _scalar(self, ends: str, *, is_key: bool = False) -> Scalar:
        raw = self._raw(ends).strip()
        if raw[:1] in {'"', "'"} and (quoted := _QUOTED.fullmatch(raw)):
            return _unquoted(quoted)
        bare = _ESCAPED.sub(r"\1", raw) if "\\" in raw else raw
        if not bare and not is_key:
            raise ValueTextError("a value is missing in it")
        return bare if is_key else read_scalar(bare)

    def _raw(self, ends: str) -> str:
        """The text up to one of the letters; quotes and interpolations are passed over whole."""
        self._skip()
        start = self.at
        if self._text[start : start + 1] in {'"', "'"}:
            quoted = _QUOTED.match(self._text, start)
            if quoted is None:
                raise ValueTextError("a quote is not closed")
            self.at = quoted.end()
        while self.at < len(self._text) and self._text[self.at] not in ends:
            if self._text.startswith("${", self.at):
                end = interpolation_end(self._text, self.at)
                if end < 0:
                    raise ValueTextError("`${` is not closed")
                self.at = end
            else:
                self.at += 2 if self._text[self.at] == "\\" else 1
        self.at = min(self.at, len(self._text))
        return self._text[start : self.at]

    def _takes(self, letter: str) -> bool:
        self._skip()
        is_there = self._text.startswith(letter, self.at)
        self.at += is_there
        return is_there

    def _comma(self, end: str) -> None:
        if not self._takes(",") and not self._text.startswith(end, self.at):
            raise ValueTextError(f"a comma or {end!r} is missing")

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self.at)
        self.at = found.end() if found else self.at


def _unquoted(quoted: re.Match[str]) -> str:
    inner = quoted["double"] if quoted["double"] is not None else quoted["single"]
    return _IN_QUOTES.sub(r"\1", inner)
