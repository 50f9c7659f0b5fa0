"""Files of other programs, read tolerantly and within bounds: JSON, JSONL, YAML, CSV.

What cannot be read at all is an InputError with the path and the reason; what is only odd (a key that stands twice, a
broken line) is noted, and the rest is read. Only regular files are opened: a pipe would never end.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import reprlib
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import yaml

from evaltrail.config.redaction import without_secrets
from evaltrail.config.yaml_document import MOST_NESTING, YamlLimitError, first_document
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.readers.notes import Notes

MOST_BYTES = 256_000_000
"""Largest file that is read whole; what may be larger is read line by line."""
_MOST_YAML_BYTES = 32_000_000
_MOST_LINE_BYTES = 64_000_000
_MOST_DIGITS = 4300
"""Digits of the longest whole number that Python takes for one."""
_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"?')
_BOMS = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_HALF_CHARACTERS = re.compile(r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F]|(?P<alone>[89a-fA-F]))")
_ESCAPE = re.compile(
    r"\\(?:(?P<high>u[dD][89abAB]..)(?P<rest>\\u[dD][c-fC-F]..)?|(?P<low>u[dD][c-fC-F]..)|.)", re.DOTALL
)


def read_json(file: Path, notes: Notes) -> Json:
    """The JSON value in a file; NaN and Infinity come as floats, the first of equal keys counts.

    Raises:
        InputError: it cannot be read, is no JSON, is too large, too deeply nested, or changes while it is read.
    """
    text = read_text(file)
    try:
        return _Json(notes).value(text, file.name)
    except RecursionError as error:
        raise unreadable(file, "it is nested too deeply") from error
    except ValueError as error:
        raise unreadable(file, f"it is no JSON: {error}") from error


def read_jsonl(file: Path, notes: Notes, *, most_line_bytes: int = _MOST_LINE_BYTES) -> Iterator[tuple[int, Json]]:
    """Line number, from 1, and value of each line that is not blank, read as it is iterated.

    Broken lines and those beyond the bound are noted and left out. The memory used is that of one line. Of a file that
    grows meanwhile, what was there at the beginning is read.

    Raises:
        InputError: the file cannot be read, or is UTF-16 or UTF-32.
    """
    reader = _Json(notes)
    try:
        with open_regular(file) as lines:
            size = os.fstat(lines.fileno()).st_size
            for number, line in enumerate(_lines(lines, size, most_line_bytes), start=1):
                where = f"{file.name}:{number}"
                if line is None:
                    notes.skip(where, f"the line is longer than {most_line_bytes:,} bytes")
                    continue
                if number == 1 and (encoding := _encoding(line)) != "utf-8-sig":
                    raise unreadable(file, f"it is {encoding.upper()} text, and JSON lines are UTF-8")
                bare = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                if bare.strip():
                    try:
                        yield number, reader.value(bare.decode("utf-8"), where)
                    except ValueError as error:
                        notes.skip(where, f"it is no JSON: {error}")
                    except RecursionError:
                        notes.skip(where, "it is nested too deeply")
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error


def decoded(data: bytes, file: Path, notes: Notes) -> Json:
    """The JSON value that some bytes of a file are: a line, or a member of an archive; NaN and Infinity are floats.

    Raises:
        ValueError: they are no JSON.
        RecursionError: they are nested too deeply.
    """
    return _Json(notes).value(data.decode("utf-8"), file.name)


def read_yaml(file: Path, notes: Notes) -> Json:
    """The first YAML document in a file; dates stay texts, unknown tags are read as plain values, keys are texts.

    Raises:
        InputError: it cannot be read, is no YAML, is too large, too deeply nested, or changes while it is read.
    """
    text = read_text(file, most_bytes=_MOST_YAML_BYTES)
    try:
        document = first_document(text)
    except RecursionError as error:
        raise unreadable(file, "it is nested too deeply") from error
    except YamlLimitError as error:
        raise unreadable(file, str(error)) from error
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise unreadable(file, f"it is no YAML: {reason:.300}") from error
    for key, value in document.left_out:
        notes.skip(
            f"{file.name}: {key}", f"the key stands twice in one place; the last is kept, not {_shown(key, value)}"
        )
    if document.has_more:
        notes.skip(file.name, "only the first of its YAML documents is read")
    return document.value


def read_csv(file: Path) -> list[list[str]]:
    """The rows of a CSV file, whatever its delimiter (``, ; | tab``) and byte order mark; blank rows left out.

    Raises:
        InputError: it cannot be read or is too large.
    """
    text = read_text(file)
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    delimiter = max(_DELIMITERS, key=_QUOTED.sub("", first).count)
    try:
        return [
            row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row))
        ]
    except csv.Error as error:
        raise unreadable(file, f"it is no CSV: {error}") from error


def read_text(file: Path, *, most_bytes: int = MOST_BYTES) -> str:
    """The text of a whole file: UTF-8, or UTF-16 and UTF-32 with a byte order mark.

    Raises:
        InputError: it cannot be read, is no regular file, too large, in another encoding, or changes while it is read.
    """
    try:
        with open_regular(file) as stream:
            before = os.fstat(stream.fileno())
            if before.st_size > most_bytes:
                raise unreadable(
                    file, f"it has {before.st_size:,} bytes, {most_bytes:,} are the most that is read whole"
                )
            data = stream.read(before.st_size + 1)
        after = file.stat()
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or len(data) != before.st_size:
        raise InputError(
            "the file changed while it was read", code="changed", where=str(file), hint="ingest it once it is finished"
        )
    encoding = _encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise unreadable(file, f"it is no {encoding.removesuffix('-sig').upper()} text: {error.reason}") from error


def open_regular(file: Path) -> BinaryIO:
    """The bytes of a regular file; whatever else bears the name (pipe, device, folder) is not waited for.

    Raises:
        InputError: it is no regular file.
        OSError: it cannot be opened.
    """
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise unreadable(file, "it is no regular file")
    return os.fdopen(handle, "rb")


def unreadable(file: Path, why: str) -> InputError:
    """The error of a file that nothing can be read from."""
    return InputError(
        f"cannot be read: {why}",
        code="unreadable",
        where=str(file),
        hint="mend it or fetch it again; it holds up no other",
    )


def _encoding(data: bytes) -> str:
    return next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8-sig")


def _lines(stream: BinaryIO, size: int, most_bytes: int) -> Iterator[bytes | None]:
    """Each line that begins in the first ``size`` bytes; None for one that is longer than the bound."""
    read = 0
    while read < size and (line := stream.readline(most_bytes + 1)):
        read += len(line)
        if len(line) <= most_bytes:
            yield line
            continue
        while not line.endswith(b"\n") and (line := stream.readline(most_bytes + 1)):
            read += len(line)
        yield None


class _Json:
    """Reads JSON texts; what strict JSON does not know is read where it is clear, what is left out is noted."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._left_out: list[tuple[str, Json]] = []
        self._strict = json.JSONDecoder(object_pairs_hook=self._object)
        self._tolerant = json.JSONDecoder(object_pairs_hook=self._object, parse_int=_integer, strict=False)

    def value(self, text: str, where: str) -> Json:
        """The value that a text is.

        Raises:
            ValueError: it is no JSON.
            RecursionError: it is nested too deeply.
        """
        if "\\u" in text and any(halves["alone"] for halves in _HALF_CHARACTERS.finditer(text)):
            text = _ESCAPE.sub(_whole_character, text)
            self._notes.skip(where, "halves of characters that stand alone are replaced")
        self._left_out.clear()
        try:
            found = self._strict.decode(text)
        except ValueError:  # control characters and endless numbers have a slower way
            self._left_out.clear()
            found = self._tolerant.decode(text)
        if text.count("[") + text.count("{") > MOST_NESTING and _is_deep(found):
            raise RecursionError
        for key, value in self._left_out:
            why = f"the key stands twice in one object; the first is kept, not {_shown(key, value)}"
            self._notes.skip(f"{where}: {key}", why)
        return cast("Json", found)

    def _object(self, pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        found = {}
        for key, value in pairs:
            if found.setdefault(key, value) is not value and found[key] != value:
                self._left_out.append((key, value))
        return found


def _whole_character(escape: re.Match[str]) -> str:
    is_half = escape["low"] or (escape["high"] and not escape["rest"])
    return "\\ufffd" if is_half else escape.group()


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MOST_DIGITS else float(digits)


def _is_deep(value: Json) -> bool:
    """Whether a value is nested deeper than what works on it may recurse."""
    level: list[Any] = [value]
    for _ in range(MOST_NESTING):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _shown(key: str, value: Json) -> str:
    """A value for a note: short, and hidden where the key says that it is a secret."""
    cleaned, _ = without_secrets({key: value})
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 80
    return short.repr(cast("dict[str, Json]", cleaned)[key])
