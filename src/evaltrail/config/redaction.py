"""Settings and texts of other programs without the secrets among them.

A value is a secret when its name says so (``api_key``, ``HF_TOKEN``, ``password``...), or when it is a literal of the
NeMo Evaluator Launcher (``lit:...``). A reference to a variable (``host:NAME``, ``${NAME}``) is none.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from evaltrail.config.secret_lines import SecretLines
from evaltrail.config.secret_names import (
    HIDDEN,
    is_random,
    is_reference,
    is_secret_name,
    is_token_name,
)
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.values import Json

__all__ = ["HIDDEN", "is_secret_name", "redact_file", "redact_text", "without_secrets"]

_LOGIN = re.compile(r"""(?<=://)[^\s/@:"']*+:(?P<password>[^\s/@"']++)(?=@)""")
_LEAST_CHARACTERS = 6
"""Shorter values would blank out ordinary words where they are looked for in other texts."""
_ORDINARY = {"password", "secret", "api_key", "api-key", "apikey", "credentials", "authorization", HIDDEN}
"""Values that are hidden where they stand, but not looked for: they are words of any text."""
_LEAST_NUMBER = 1000
_CONTAINER = re.compile(r"(?ia)(?:credentials?|secrets|passwords|keys)\Z")
_PIECE_CHARACTERS = 65_536
_LOOKED_AROUND = 2048
_MOST_CUTS = 8
_BOMS = {b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_ERRORS = {"utf-8": "surrogateescape", "utf-16": "replace", "utf-32": "replace"}
_BETWEEN = re.compile(r"""[\s,;}\]"']""")


def without_secrets(value: Json) -> tuple[Json, frozenset[str]]:
    """The settings with every secret as ``***``, and the secret values that were met.

    Args:
        value: settings as JSON or YAML gave them, nested at most as deep as those are read.
    """
    found = _Settings()
    cleaned = found.cleaned(value)
    return cleaned, frozenset(
        secret for secret in found.met if len(secret) >= _LEAST_CHARACTERS and secret.lower() not in _ORDINARY
    )


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without the given secrets, without what is assigned to a secret's name, and without logins in URLs."""
    lines = SecretLines(secrets)
    return text if lines.is_clean(text) else "".join(map(lines.line, io.StringIO(text, newline="\n")))


def redact_file(source: Path, target: Path, secrets: Iterable[str] = ()) -> bool:
    """Whether a file's text holds secrets; the text without them is then in the target, whole and private.

    Read line by line, long lines in pieces; bytes that are no text are kept as they are.

    Args:
        source: a text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.
        target: made only where something is hidden.
        secrets: values to look for in any place.

    Raises:
        InputError: the file cannot be read.
        StorageError: the target cannot be written.
    """
    known = frozenset(secrets)
    try:
        if not source.is_file():
            raise InputError("cannot be read: it is no regular file", code="unreadable", where=str(source))
        if all(before == after for before, after in _redacted(source, known)):
            return False
        _write(target, source, known)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot be read: {reason}", code="unreadable", where=str(source)) from error
    return True


def _write(target: Path, source: Path, secrets: frozenset[str]) -> None:
    made = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    encoding = _encoding(source)
    pieces = (after for _, after in _redacted(source, secrets))
    try:
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding=encoding, errors=_ERRORS[encoding], newline="") as out:
            out.writelines(pieces)
        made.replace(target)
    except OSError as error:
        hint = "free some space, then run the same command again"
        raise StorageError(f"cannot write: {error.strerror or error}", where=str(target), hint=hint) from error
    finally:
        made.unlink(missing_ok=True)


def _encoding(source: Path) -> str:
    with source.open("rb") as data:
        head = data.read(4)
    return next((name for bom, name in _BOMS.items() if head.startswith(bom)), "utf-8")


def _redacted(source: Path, secrets: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Each line, or piece of a long one, as it is and without secrets."""
    lines = SecretLines(secrets)
    encoding = _encoding(source)
    with source.open(encoding=encoding, errors=_ERRORS[encoding], newline="\n") as text:
        for piece in _pieces(text, secrets):
            yield piece, lines.line(piece)


def _pieces(text: TextIO, secrets: frozenset[str]) -> Iterator[str]:
    rest = ""
    while line := text.readline(_PIECE_CHARACTERS):
        rest += line
        if rest.endswith("\n"):
            yield rest
            rest = ""
        elif len(rest) >= _PIECE_CHARACTERS:
            cut = _cut(rest, secrets)
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


def _cut(text: str, secrets: frozenset[str]) -> int:
    """Where a long line may be cut so that no secret lies on both sides: its neighbourhood comes out the same."""
    last = len(text) - _LOOKED_AROUND
    places = [found.end() for found in _BETWEEN.finditer(text, last - 2 * _LOOKED_AROUND, last)]
    for cut in places[: -_MOST_CUTS - 1 : -1]:
        left, right = text[cut - _LOOKED_AROUND : cut], text[cut : cut + _LOOKED_AROUND]
        if redact_text(left, secrets) + redact_text(right, secrets) == redact_text(left + right, secrets):
            return cut
    return last


class _Settings:
    """Cleans settings, and remembers the secrets that were met."""

    def __init__(self) -> None:
        self.met: set[str] = set()

    def cleaned(self, value: Json, key: str = "", parent: str = "", *, is_inside: bool = False) -> Json:
        """A value without secrets.

        Args:
            value: any part of the settings.
            key: what it stands under.
            parent: what that stands under: ``{"api": {"key": ...}}``.
            is_inside: whether all of it belongs to something secret.
        """
        name = f"{parent}_{key}" if parent else key
        is_secret = is_inside or is_secret_name(name)
        if isinstance(value, Mapping):
            return self._mapping(value, key, is_inside=is_inside or bool(is_secret and _CONTAINER.search(key)))
        if isinstance(value, str):
            return self._text(value, key, is_secret=is_secret)
        if isinstance(value, list | tuple):
            return self._list(value, key, parent, is_inside=is_inside)
        if is_secret and type(value) is int and abs(value) >= _LEAST_NUMBER and not is_token_name(name):
            self.met.add(str(value))
            return HIDDEN
        return value

    def _mapping(self, value: Mapping[str, Json], parent: str, *, is_inside: bool) -> Json:
        label = value.get("name", value.get("key"))
        is_text = "logprob" in value  # then a token is a piece of an answer
        found: dict[str, Json] = {}
        for key, inner in value.items():
            if key == "value" and isinstance(label, str) and is_secret_name(label):
                found[key] = self.cleaned(inner, label, is_inside=is_inside)
            elif is_text and key == "token":
                found[key] = inner
            else:
                found[key] = self.cleaned(inner, str(key), parent, is_inside=is_inside)
        return found

    def _list(self, items: Sequence[Json], key: str, parent: str, *, is_inside: bool) -> Json:
        found: list[Json] = []
        before: Json = ""
        for item in items:
            if isinstance(item, str) and isinstance(before, str) and _asks(before, len(items)):
                found.append(self._text(item, before, is_secret=not item.startswith("-")))
            else:
                found.append(self.cleaned(item, key, parent, is_inside=is_inside))
            before = item
        return found

    def _text(self, value: str, key: str, *, is_secret: bool) -> str:
        if value.startswith("lit:"):
            literal = value.removeprefix("lit:")
            if is_secret or is_random(literal):
                self.met.add(literal)
            return f"lit:{HIDDEN}"
        if is_secret and not is_reference(value, key):
            return SecretLines(met=self.met).hide(value, key)
        found: set[str] = set()
        lines = SecretLines(met=found)
        if lines.is_clean(value):
            return value
        self.met.update(unquote(login["password"]) for login in _LOGIN.finditer(value))
        cleaned = "".join(map(lines.line, io.StringIO(value, newline="\n")))
        self.met.update(filter(is_random, found))
        return cleaned


def _asks(before: str, count: int) -> bool:
    """Whether the next item of a list is the value of this one: an option of a command, or a pair of name and value."""
    if before.startswith("-"):
        return is_secret_name(before)
    return count == 2 and is_secret_name(before) and not is_token_name(before)
