"""Survey: the results below some places, put together into units of delivery; nothing is read yet but heads."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

from evaltrail.core.delivery import RunLayout, Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.plugins import Registry
from evaltrail.core.ports import Reader
from evaltrail.core.source import Source
from evaltrail.readers.catalog import READERS
from evaltrail.readers.detect import Found, find_results
from evaltrail.service.gathering.unpacking import Unpacking, named


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What becomes one delivery: one result, or several that belong together."""

    label: str
    """Its path, as short as it is clear, for people."""
    heads: tuple[Found, ...]
    group: str = ""
    """What the heads have in common; empty = one result on its own."""
    name: str = ""
    """What the run of a group is called."""
    places: tuple[str, ...] = ()
    """The path of each head, as short as it is clear."""
    copy_of: Unit | None = None
    """The unit with the same bytes that comes first among the paths, in whatever order they are given."""
    archives: Mapping[Path, Path] = field(default_factory=dict)
    """Folder, gone when the command ends, to the archive that it holds the files of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The units below some places, in the order of names, and what is none."""

    units: tuple[Unit, ...]
    passed: tuple[Skipped, ...]
    """What no reader knows, is not followed, or cannot be unpacked safely."""
    errors: tuple[InputError, ...] = ()
    """What may be a result and cannot be opened."""
    unwanted: int = 0
    """Results that ``include`` does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Where results are looked for, and which of them are wanted."""

    paths: tuple[Path, ...]
    reader: str = ""
    """Only this reader; empty = the most confident."""
    evaluation: str = ""
    """Name of the evaluation, where neither content nor path decides."""
    include: tuple[str, ...] = ()
    """Globs of paths or file names; empty = all."""
    exclude: tuple[str, ...] = ()
    """Globs of paths or file names that are left out."""
    layout: RunLayout = "per_bundle"


def load_readers(name: str = "", registry: Registry = READERS) -> dict[str, Reader]:
    """Name to reader, the built-in ones first; or only the named one.

    Raises:
        InputError: there is no such reader, or one cannot be loaded.
    """
    names = (
        [name] if name else [*registry.builtin, *(each for each in registry.names() if each not in registry.builtin)]
    )
    return {each: cast("Callable[[], Reader]", registry.load(each))() for each in names}


def survey(search: Search, readers: Mapping[str, Reader], unpacking: Unpacking) -> Survey:
    """What is below the paths of a search.

    Args:
        search: where and what.
        readers: name to reader.
        unpacking: what archives are unpacked by; the units are good as long as it is open.

    Raises:
        InputError: a path does not exist.
        StorageError: an archive cannot be unpacked for want of space.
    """
    found: list[tuple[Found, Path]] = []
    passed: list[Skipped] = []
    errors: list[InputError] = []
    unwanted = 0
    for path in search.paths:
        for item in find_results(
            path,
            readers,
            evaluation=search.evaluation,
            is_forced=bool(search.reader),
            is_excluded=lambda place, root: _fits(place, root, search.exclude),
            unpack=unpacking,
        ):
            if isinstance(item, Skipped):
                passed.append(item)
            elif isinstance(item, InputError):
                errors.append(item)
            elif search.include and not _fits(item.source.path, item.source.root, search.include):
                unwanted += 1
            else:
                found.append((replace(item, source=replace(item.source, head=b"")), path.absolute()))
    unique, twins = _unique(found)
    labels = _labels(unique, search.paths, unpacking)
    units = _units([item for item, _ in unique], labels, search.layout, unpacking.archives)
    told = dict.fromkeys((*passed, *twins, *unpacking.notes.skipped))
    for error in errors:
        error.where = named(error.where, unpacking.archives)
    return Survey(units=units, passed=tuple(told), errors=tuple(errors), unwanted=unwanted)


def _fits(path: Path, root: Path, patterns: Sequence[str]) -> bool:
    if not patterns:
        return False
    forms = (path.name, os.path.relpath(path, root), str(path))
    return any(fnmatchcase(form, pattern) for pattern in patterns for form in forms)


def _unique(found: Sequence[tuple[Found, Path]]) -> tuple[list[tuple[Found, Path]], list[Skipped]]:
    """Each file once, whatever links lead to it: under the name that says most, else under its own."""
    best: dict[str, tuple[Found, Path]] = {}
    twins: dict[str, str] = {}
    for item, given in found:
        path = item.source.path
        real = os.path.realpath(path)
        rank = (item.evidence.confidence, str(path) == real)
        other, _ = best.setdefault(real, (item, given))
        if rank > (other.evidence.confidence, str(other.source.path) == real):
            best[real] = (item, given)
            twins[str(other.source.path)] = real
        elif str(path) != str(other.source.path):
            twins[str(path)] = real
    told = [Skipped(what=path, why=f"the same file as {best[real][0].source.path}") for path, real in twins.items()]
    return list(best.values()), told


def _labels(found: Sequence[tuple[Found, Path]], given: Sequence[Path], unpacking: Unpacking) -> dict[Path, str]:
    """Path to label: relative to what was given, with the archive's name before its members; longer if not unique."""
    is_only = len(set(given)) == 1
    forms = {
        item.source.path: _forms(item.source, place, unpacking.archives.get(item.source.root), is_only=is_only)
        for item, place in found
    }
    length = next((length for length in range(2) if len({names[length] for names in forms.values()}) == len(forms)), 2)
    return {path: names[length] for path, names in forms.items()}


def _forms(source: Source, place: Path, archive: Path | None, *, is_only: bool) -> tuple[str, str, str]:
    """What a source may be called, shortest first."""
    outer = archive or source.path
    member = f"/{os.path.relpath(source.path, source.root)}" if archive else ""
    below = "" if outer == place else f"/{os.path.relpath(outer, place)}"
    short = below.removeprefix("/") if is_only and below else place.name + below
    return short + member, f"{place.parent.name}/{place.name}{below}{member}", f"{outer}{member}"


def _units(
    found: Sequence[Found], labels: Mapping[Path, str], layout: RunLayout, archives: Mapping[Path, Path]
) -> tuple[Unit, ...]:
    groups: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for item in found:
        alone = layout == "per_file" or not item.evidence.group
        groups[item.reader, str(item.source.path) if alone else f"group {item.evidence.group}"].append(item)
    units: list[Unit] = []
    for items in groups.values():
        evidence = items[0].evidence
        is_grouped = layout != "per_file" and bool(evidence.group)
        roots = {item.source.root for item in items}
        units.append(
            Unit(
                label=_label(items, labels),
                heads=tuple(items),
                group=evidence.group if is_grouped else "",
                name=evidence.group_name if is_grouped else "",
                places=tuple(labels[item.source.path] for item in items),
                archives={root: archive for root, archive in archives.items() if root in roots},
            )
        )
    copies = _copies(units)
    return tuple(
        replace(unit, copy_of=units[copies[number]]) if number in copies else unit for number, unit in enumerate(units)
    )


def _label(items: Sequence[Found], labels: Mapping[Path, str]) -> str:
    first = labels[items[0].source.path]
    if len(items) == 1:
        return first
    shared = os.path.commonpath([os.path.dirname(labels[item.source.path]) for item in items])  # noqa: PTH120
    return shared or items[0].evidence.group_name or items[0].evidence.group


def _copies(units: Sequence[Unit]) -> dict[int, int]:
    """The number of each unit with the same bytes as others, to that of the one among them whose path is first."""
    by_sizes: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, unit in enumerate(units):
        if not any(item.source.is_folder for item in unit.heads):
            by_sizes[tuple(sorted(_size(item.source.path) for item in unit.heads))].append(number)
    first: dict[tuple[str, ...], int] = {}
    copies: dict[int, int] = {}
    alike = [number for numbers in by_sizes.values() if len(numbers) > 1 for number in numbers]
    for number in sorted(alike, key=lambda number: _real_paths(units[number])):
        original = first.setdefault(tuple(sorted(_digest(item.source.path) for item in units[number].heads)), number)
        if original != number:
            copies[number] = original
    return copies


def _real_paths(unit: Unit) -> list[Path]:
    """Where its files are, whatever links lead to them; those of an archive below the archive's own path."""
    found = []
    for item in unit.heads:
        archive = unit.archives.get(item.source.root)
        outer = Path(os.path.realpath(archive or item.source.path))
        found.append(outer / item.source.path.relative_to(item.source.root) if archive else outer)
    return sorted(found)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # told when it is read
        return -1


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as data:
            return hashlib.file_digest(data, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:  # told when it is read; like no other
        return str(file)
