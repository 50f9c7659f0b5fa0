"""Names as MLflow takes them: what it refuses is mapped by one table, and the map is kept.

Source: the checks of MLflow 3.17 (letters, digits, ``_ - . : /`` and space, normal as a path, at most 250 characters).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest_bytes

NAME_CHARACTERS = 250
"""Most characters of a metric, param, tag or experiment name that every store of MLflow keeps."""

SPELLED: Mapping[str, str] = MappingProxyType(
    {"@": "_at_", "%": "_percent_", "+": "_plus_", "&": "_and_", "^": "_hat_"}
)
"""Refused characters that are spelled out; every other refused character becomes ``_``."""

_TAKEN = "MLflow takes letters, digits, spaces and _ - . : / in names"
_REFUSED = re.compile(r"[^/\w.\- :]")
_REFUSED_IN_PATHS = re.compile(r"[#?%\\\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMap:
    """Every name that could not stay as it was: stored name to original, for each kind."""

    metrics: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether any name changed."""
        return bool(self.metrics or self.params or self.tags or self.artifacts)


def legal_name(name: str) -> str:
    """The name as MLflow takes it; a legal name stays as it is.

    Args:
        name: any text, such as ``pass@1`` (becomes ``pass_at_1``) or ``acc,none`` (becomes ``acc_none``).
    """
    spelled = _REFUSED.sub(lambda found: SPELLED.get(found.group(), "_"), name)
    parts = [part if part.strip(".") else "_" * len(part) for part in spelled.split("/") if part]
    path = "/".join(parts) or "_"
    path = "__" + path[2:] if path.startswith("..") else path
    if len(path) <= NAME_CHARACTERS:
        return path
    return _ended(path, "_" + digest_bytes(name.encode("utf-8", "surrogatepass"))[:8])


def legal_path(path: str) -> str:
    """The artifact path with what MLflow cuts or misreads (``#``, ``?``, ``%``, backslash, control) as ``_``."""
    safe = _REFUSED_IN_PATHS.sub("_", path)
    return posixpath.normpath("/" + safe).lstrip("/") or "_"


def unique_names(names: Iterable[str]) -> dict[str, str]:
    """Original to stored name, one for each distinct original and no two alike.

    Legal names keep themselves; others that fall together are numbered ``_2``, ``_3``... in the order given.
    """
    return _unique(names, legal_name, lambda name, number: _ended(name, f"_{number}"))


def unique_paths(paths: Iterable[str]) -> dict[str, str]:
    """Original to stored artifact path, numbered before the extension: ``a_2.txt``."""

    def numbered(path: str, number: int) -> str:
        stem, extension = posixpath.splitext(path)
        return f"{stem}_{number}{extension}"

    return _unique(paths, legal_path, numbered)


def legal_tags(tags: Mapping[str, str]) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """The tags under names that MLflow takes, and a sentence for each one whose name is another now.

    Values stay as they are; MLflow keeps empty ones, on runs and on experiments.
    """
    names = unique_names(clean_text(name) for name in tags)
    stored = {names[clean_text(name)]: value for name, value in tags.items()}
    told = (f"the tag {old!r} is stored as {new!r}: {_TAKEN}" for new, old in renamed(names).items())
    return stored, tuple(told)


def renamed(stored: Mapping[str, str]) -> dict[str, str]:
    """Stored name to original, only of those that differ."""
    return {new: old for old, new in stored.items() if new != old}


def checked_experiment(name: str) -> str:
    """The experiment's name, which can be stored.

    Raises:
        InputError: it is blank or longer than 250 characters (PostgreSQL keeps 256).
    """
    if not name.strip():
        raise InputError("the experiment name is blank", code="bad_experiment", hint="give --experiment NAME")
    if len(name) > NAME_CHARACTERS:
        raise InputError(
            f"the experiment name has {len(name)} characters",
            code="bad_experiment",
            hint=f"use at most {NAME_CHARACTERS}",
            where=f"{name[:40]}...",
        )
    return clean_text(name)


def clean_text(text: str) -> str:
    r"""The text with what no database stores (NUL, lone surrogates) spelled out as ``\x00`` or ``\ud800``."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _unique(
    originals: Iterable[str], legal: Callable[[str], str], numbered: Callable[[str, int], str]
) -> dict[str, str]:
    wanted = {original: legal(original) for original in originals}
    taken = {new for original, new in wanted.items() if new == original}
    stored: dict[str, str] = {}
    for original, new in wanted.items():
        name, number = new, 2
        while new != original and name in taken:
            name = numbered(new, number)
            number += 1
        taken.add(name)
        stored[original] = name
    return stored


def _ended(name: str, ending: str) -> str:
    return name[: NAME_CHARACTERS - len(ending)] + ending
