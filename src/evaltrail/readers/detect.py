"""Which reader knows which file or folder below a place, with the evidence; what nobody knows is named too."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ports import Reader
from evaltrail.core.source import HEAD_BYTES, Evidence, Source
from evaltrail.readers.archives.unpack import is_archive
from evaltrail.readers.tables import open_regular, unreadable

_MOST_NESTING = 64
_ASKED_FOR = Evidence(confidence=0.01, why="asked for")

Unpack = Callable[[Path, bytes], Path | None]
"""The folder that an archive was unpacked to, or None for a file that is no archive."""

Excluded = Callable[[Path, Path], bool]
"""Whether a path below a place is to be left out: (path, place)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The head of one result and the reader that knows it best."""

    source: Source
    reader: str
    evidence: Evidence


def find_results(
    given: Path,
    readers: Mapping[str, Reader],
    *,
    evaluation: str = "",
    is_forced: bool = False,
    is_excluded: Excluded = lambda *_: False,
    unpack: Unpack = lambda *_: None,
) -> Iterator[Found | Skipped | InputError]:
    """Every result below a place, in the order of names; every file that is none, and what cannot even be opened.

    A folder that a reader claims is not looked into. Links that lead out of the place are not followed, hidden folders
    are not entered.

    Args:
        given: a file or folder.
        readers: name to reader; of two that are as sure, the first gets the source.
        evaluation: what the user says the evaluation's name is.
        is_forced: a file that was given itself goes to the one reader there is, whatever it looks like.
        is_excluded: whether the user wants to leave something out; it is not even opened.
        unpack: what to do with a file that no reader knows; raises InputError for a broken archive.

    Raises:
        InputError: there is nothing at this place.
    """
    root = given.absolute()
    try:
        root.stat()
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = "there is no such file or folder" if is_missing else f"cannot be read: {_reason(error)}"
        raise InputError(why, code="no_results", where=_shown(given)) from error
    forced = next(iter(readers), "") if is_forced else ""
    walk = _Walk(
        root=root, readers=readers, evaluation=evaluation, unpack=unpack, is_excluded=is_excluded, forced=forced
    )
    yield from walk.below(root, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """One walk through one place."""

    root: Path
    readers: Mapping[str, Reader]
    evaluation: str
    unpack: Unpack
    is_excluded: Excluded
    forced: str = ""
    """The reader that gets a file which was given itself."""
    is_unpacked: bool = False
    """Whether the place is an archive's content."""
    been: set[tuple[int, int]] = field(default_factory=set)

    def below(self, path: Path, depth: int) -> Iterator[Found | Skipped | InputError]:
        """What is found at a path and below it."""
        if depth and self.is_excluded(path, self.root):
            return
        if not _is_text(path):
            yield unreadable(Path(_shown(path)), "its name is no UTF-8 text; rename it")
            return
        try:
            about = path.stat()
        except OSError as error:
            is_link = path.is_symlink()
            yield Skipped(what=str(path), why="the link leads nowhere") if is_link else unreadable(path, _reason(error))
            return
        why_not = self._why_not(path, about, depth)
        if why_not:
            yield Skipped(what=str(path), why=why_not)
        elif stat.S_ISDIR(about.st_mode):
            yield from self._folder(path, about, depth)
        else:
            yield from self._file(path, depth)

    def _why_not(self, path: Path, about: os.stat_result, depth: int) -> str:
        """Why a file or folder is not looked at; empty when it is."""
        is_folder = stat.S_ISDIR(about.st_mode)
        if depth and path.is_symlink():
            real, real_root = Path(os.path.realpath(path)), Path(os.path.realpath(self.root))
            if not real.is_relative_to(real_root):
                return f"the link leads out of the folder, to {real}; name that place to have it read"
            if is_folder and not _is_hidden(real.relative_to(real_root)):
                return f"a link to {real}, which is looked at in its own place"
        elif depth and is_folder and _is_hidden(Path(path.name)):
            return "a hidden folder; name it to have it read"
        if depth > _MOST_NESTING:
            return f"it lies more than {_MOST_NESTING} folders deep"
        return "" if is_folder or stat.S_ISREG(about.st_mode) else "it is neither a file nor a folder"

    def _folder(self, path: Path, about: os.stat_result, depth: int) -> Iterator[Found | Skipped | InputError]:
        identity = (about.st_dev, about.st_ino)
        if identity in self.been:
            return
        self.been.add(identity)
        claim, _ = self._claim(Source(path=path, root=self.root, is_folder=True, evaluation=self.evaluation))
        if claim is not None:
            yield claim
            return
        try:
            names = sorted(os.listdir(path))  # noqa: PTH208  names alone are asked for
        except OSError as error:
            yield unreadable(path, _reason(error))
            return
        for name in names:
            yield from self.below(path / name, depth + 1)

    def _file(self, path: Path, depth: int) -> Iterator[Found | Skipped | InputError]:
        try:
            with open_regular(path) as data:
                head = data.read(HEAD_BYTES)
        except OSError as error:
            yield unreadable(path, _reason(error))
            return
        source = Source(path=path, root=self.root, head=head, evaluation=self.evaluation)
        claim, stumbled = self._claim(source)
        if claim is not None:
            yield claim
            return
        try:
            unpacked = self.unpack(path, head)
        except InputError as error:
            yield error
            return
        if unpacked is not None:
            inner = replace(self, root=unpacked, unpack=lambda *_: None, forced="", is_unpacked=True, been=set())
            yield from inner.below(unpacked, 0)
        elif self.forced and depth == 0:
            yield Found(source=source, reader=self.forced, evidence=_ASKED_FOR)
        else:
            yield Skipped(what=str(path), why=stumbled or self._why_unknown(head, path.name))

    def _why_unknown(self, head: bytes, name: str) -> str:
        if self.is_unpacked and is_archive(head, name):
            return "an archive in an archive; unpack the outer one yourself to have it read"
        return "no reader knows it" if head else "it is empty"

    def _claim(self, source: Source) -> tuple[Found | None, str]:
        """The surest claim, and what readers stumbled over."""
        claims: list[Found] = []
        stumbled: list[str] = []
        for name, reader in self.readers.items():
            try:
                evidence = reader.sniff(source)
            except Exception as error:  # noqa: BLE001  a reader's wall: a plugin that stumbles does not know the file
                stumbled.append(f"reader {name} stumbled over it: {type(error).__name__}: {error}")
                continue
            if evidence is not None:
                claims.append(Found(source=source, reader=name, evidence=evidence))
        return max(claims, key=lambda found: found.evidence.confidence, default=None), "; ".join(stumbled)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _is_text(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: Path) -> str:
    """The path as text, whatever bytes it is made of."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
