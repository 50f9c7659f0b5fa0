"""JSON spans: where the values of a JSON text begin and end, found without building them and without recursion.

A hostile text of 100 MB would be gigabytes of objects; so its rows are found first, and bounded, then decoded in turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evaltrail.core.errors import InputError

_SPACE = re.compile(rb"[ \t\r\n]*+")
_TOKEN = re.compile(rb'["\[\]{}]')
_IN_STRING = re.compile(rb'["\\]')
_SCALAR = re.compile(rb'[^\s\[\]{},:"]++')


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an object: the key as it is written, and where its value is."""

    key: bytes
    start: int
    end: int


class JsonSpans:
    """Finds values in a JSON text in UTF-8; what stands within a value is checked when that is decoded.

    Args:
        data: the text.
        where: its label, for errors.
        most_depth: lists and objects within each other.
    """

    def __init__(self, data: bytes, *, where: str, most_depth: int) -> None:
        self._data = data
        self._where = where
        self._most_depth = most_depth

    def begin(self, start: int = 0) -> int:
        """Where the next value begins, behind white space."""
        return self._behind_space(start)

    def elements(self, start: int, *, depth: int, most_bytes: int) -> Iterator[tuple[int, int]]:
        """First and last place of each value of the list that begins here.

        Args:
            start: where its bracket is.
            depth: lists and objects around its values, itself included; behind one of depth 1 nothing may follow.
            most_bytes: of one value.

        Raises:
            InputError: the text is no JSON here, or a value is too long or too deep.
        """
        at = self._behind_space(start + 1)
        if self._byte(at) == b"]":
            self._check_end(at + 1, depth)
            return
        while True:
            end = self.value_end(at, depth=depth, most_bytes=most_bytes)
            yield at, end
            at = self._behind_space(end)
            if self._byte(at) == b"]":
                self._check_end(at + 1, depth)
                return
            if self._byte(at) != b",":
                raise self._broken("a comma or the list's end is missing", at)
            at = self._behind_space(at + 1)

    def members(self, start: int, *, most_rows: int, most_bytes: int) -> Iterator[Member]:
        """The entries of the object that begins here, which no other value is around.

        Args:
            start: where its bracket is.
            most_rows: values that a list among its own values may have.
            most_bytes: of one of these, and of any other value.

        Raises:
            InputError: the text is no JSON here, or a value is too long or too deep.
        """
        at = self._behind_space(start + 1)
        if self._byte(at) == b"}":
            self._check_end(at + 1, 1)
            return
        while True:
            if self._byte(at) != b'"':
                raise self._broken("a name in double quotes is missing", at)
            key_end = self._string_end(at)
            colon = self._behind_space(key_end)
            if self._byte(colon) != b":":
                raise self._broken("a colon is missing", colon)
            begin = self._behind_space(colon + 1)
            end = self._member_end(begin, most_rows, most_bytes)
            yield Member(self._data[at:key_end], begin, end)
            at = self._behind_space(end)
            if self._byte(at) == b"}":
                self._check_end(at + 1, 1)
                return
            if self._byte(at) != b",":
                raise self._broken("a comma or the object's end is missing", at)
            at = self._behind_space(at + 1)

    def value_end(self, start: int, *, depth: int, most_bytes: int) -> int:
        """Behind the value that begins here.

        Raises:
            InputError: it does not end, or is too long or too deep.
        """
        first = self._byte(start)
        if first == b'"':
            return self._string_end(start)
        if first not in {b"[", b"{"}:
            found = _SCALAR.match(self._data, start)
            if found is None:
                raise self._broken("a value is missing", start)
            return found.end()
        return self._container_end(start, depth, most_bytes)

    def _place(self, at: int) -> str:
        line = self._data.count(b"\n", 0, at) + 1
        return f"{self._where}:{line}"

    def _byte(self, at: int) -> bytes:
        return self._data[at : at + 1]

    def _behind_space(self, at: int) -> int:
        found = _SPACE.match(self._data, at)
        return found.end() if found else at

    def _check_end(self, end: int, depth: int) -> None:
        """Nothing but white space may follow what no other value is around."""
        at = self._behind_space(end)
        if depth == 1 and at < len(self._data):
            hint = "is each line a value of its own? then name the file .jsonl"
            raise self._broken("something follows behind the end", at, hint=hint)

    def _broken(self, why: str, at: int, *, hint: str = "") -> InputError:
        """The error that the text is no JSON at a place."""
        return InputError(
            f"the file is no JSON: {why}",
            code="broken_json",
            where=self._place(at),
            hint=hint or "mend it, or export it anew",
        )

    def _member_end(self, begin: int, most_rows: int, most_bytes: int) -> int:
        if self._byte(begin) != b"[":
            return self.value_end(begin, depth=1, most_bytes=most_bytes)
        end = begin + 1
        for number, (_, element_end) in enumerate(self.elements(begin, depth=2, most_bytes=most_bytes), 1):
            end = element_end
            if number > most_rows:
                raise self._too_many(begin, most_rows)
        return self._behind_space(end) + 1

    def _container_end(self, start: int, depth: int, most_bytes: int) -> int:
        at, within = start, 0
        while True:
            token = _TOKEN.search(self._data, at)
            if token is None:
                raise self._broken("a list or an object does not end", start)
            at = token.end()
            if token[0] == b'"':
                at = self._string_end(token.start())
            elif token[0] in b"[{":
                within += 1
                if depth + within > self._most_depth:
                    raise self._too_deep(token.start())
            else:
                within -= 1
            if at - start > most_bytes:
                raise self._too_long(start, most_bytes)
            if within == 0:
                return at

    def _string_end(self, start: int) -> int:
        at = start + 1
        while (found := _IN_STRING.search(self._data, at)) is not None:
            if found[0] == b'"':
                return found.end()
            at = found.end() + 1
        raise self._broken("a text in double quotes does not end", start)

    def _too_deep(self, at: int) -> InputError:
        return InputError(
            f"the JSON is nested more than {self._most_depth} deep",
            code="too_deep",
            where=self._place(at),
            hint="bring a list of flat objects",
        )

    def _too_many(self, start: int, most_rows: int) -> InputError:
        why = f"a list of the JSON has more than {most_rows:,} rows"
        return InputError(why, code="too_many_rows", where=self._place(start), hint="bring it in parts")

    def _too_long(self, start: int, most_bytes: int) -> InputError:
        return InputError(
            f"one row of the JSON has more than {most_bytes:,} bytes",
            code="too_large",
            where=self._place(start),
            hint="cut the document into more chunks",
        )
