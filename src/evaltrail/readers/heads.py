"""Heads: what the first bytes of a JSON file tell, and identity, times and artifacts of the files that hang on it."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from evaltrail.core.artifact import Artifact, Role
from evaltrail.core.source import Source
from evaltrail.core.values import Json
from evaltrail.readers.leaves import number
from evaltrail.readers.tables import unreadable

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[{}\[\]:,]', re.DOTALL)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Times before it come from clocks that were never set."""
_blake2b = partial(hashlib.blake2b, digest_size=16)


def head_text(head: bytes) -> str:
    """The text that the first bytes of a file hold, as far as they are text."""
    encoding = "utf-16" if head[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
    return head.decode(encoding, "ignore")


def top_keys(text: str) -> dict[str, str]:
    """The keys at the top of a JSON object that may be cut off, each with the sign its value begins with: ``{``, ``[``.

    A value that is neither object nor list has an empty sign. No object = no keys.
    """
    if not text.lstrip().startswith("{"):
        return {}
    found: dict[str, str] = {}
    depth = 0
    before = key = ""
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in "{[":
            if depth == 1 and before == ":":
                found[key] = sign
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth <= 0:
                break
        elif depth == 1 and sign == ":" and before.startswith('"'):
            key = before[1:-1]
            found.setdefault(key, "")
        before = sign
    return found


def mapping(value: Json) -> Mapping[str, Json]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def word(value: Json) -> str:
    """A name or version as text; empty where there is none."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def count_of(value: Json) -> int | None:
    """The number of samples that a value is; None where it is none, or no sample."""
    found = number(value)
    return int(found) if found is not None and found >= 1 and found.is_integer() else None


def moment(value: Json) -> datetime | None:
    """The time that an ISO text or a number of Unix seconds names, in UTC; None where it names none we could mean.

    A text without a zone is UTC.
    """
    try:
        if isinstance(value, str) and number(value) is None:
            said = datetime.fromisoformat(value)
            found = said.replace(tzinfo=UTC) if said.tzinfo is None else said.astimezone(UTC)
        else:
            seconds = number(value)
            if seconds is None:
                return None
            found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found >= _EARLIEST else None


def companions(source: Source) -> list[Path]:
    """The other files in the folder of a head, by name; links that lead out of what the user named are left out.

    Raises:
        InputError: the folder cannot be read.
    """
    folder = source.path.parent
    inside = (source.root if source.root.is_dir() else folder).resolve()
    try:
        return sorted(
            file
            for file in folder.iterdir()
            if file != source.path and file.is_file() and file.resolve().is_relative_to(inside)
        )
    except OSError as error:
        raise unreadable(folder, error.strerror or str(error)) from error


def modified_at(file: Path) -> datetime:
    """When a file was last written, in UTC.

    Raises:
        InputError: it is not there any more.
    """
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error


def content_id(files: Iterable[Path]) -> str:
    """The identity of the bytes of some files in their order, whatever the files are called.

    Raises:
        InputError: one cannot be read.
    """
    whole = _blake2b()
    for file in files:
        try:
            with file.open("rb") as data:
                whole.update(hashlib.file_digest(data, _blake2b).digest())
        except OSError as error:
            raise unreadable(file, error.strerror or str(error)) from error
    return whole.hexdigest()


def artifact_of(
    file: Path, role: Role, media_type: str = "application/json", *, task: str = "", may_hold_secrets: bool = False
) -> Artifact:
    """The artifact of a file that lies in the folder of its head.

    Raises:
        InputError: it is not there any more.
    """
    try:
        size_bytes = file.stat().st_size
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error
    return Artifact(
        path=file.name,
        file=file,
        role=role,
        media_type=media_type,
        size_bytes=size_bytes,
        task=task,
        may_hold_secrets=may_hold_secrets,
    )
