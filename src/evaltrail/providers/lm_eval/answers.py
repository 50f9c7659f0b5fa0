"""Answers that were paid for: append-only JSON lines, so that a killed run asks again only what was in flight."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

import msgspec

from evaltrail.bundle.folders import storage_error
from evaltrail.core.decoding import decoder
from evaltrail.core.ids import digest_bytes
from evaltrail.providers.lm_eval.costs import Cost

_SYNC_S = 1.0
_encode = msgspec.json.Encoder().encode


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer as it is kept."""

    key: str
    """Identity of what was asked."""
    text: str = ""
    likelihoods: tuple[tuple[float, bool | None], ...] = ()
    """(log-probability, is greedy) of each continuation that was asked together."""
    cost: Cost = Cost()
    """What it cost; nothing where an earlier version kept it."""


def key_of(*parts: object) -> str:
    """The identity of a question: 32 hex digits over its parts."""
    return digest_bytes(_encode(parts))


class AnswerJournal:
    """The answers of one task.

    The same question may be asked several times (a task that samples): each answer serves once.

    Args:
        file: read where it is there, a torn last line passed over; new answers are appended.

    Raises:
        StorageError: the file cannot be opened.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._waiting: defaultdict[str, deque[Kept]] = defaultdict(deque)
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._load()
        except OSError as error:
            raise storage_error(error, file) from error
        self._synced_at = monotonic()

    def take(self, key: str) -> Kept | None:
        """An answer from before this journal was opened that has not served yet."""
        rows = self._waiting.get(key)
        return rows.popleft() if rows else None

    def keep(self, kept: Kept) -> None:
        """Append an answer; it is the kernel's when this returns, and the disk's about a second later.

        Raises:
            StorageError: the disk refuses; the answers before this one are safe.
        """
        row = _encode(kept) + b"\n"
        try:
            written = os.write(self._handle, row)
            while written < len(row):
                written += os.write(self._handle, row[written:])
            if monotonic() - self._synced_at >= _SYNC_S:
                os.fsync(self._handle)
                self._synced_at = monotonic()
        except OSError as error:
            raise storage_error(error, self._file) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._handle)
        except OSError as refused:
            raise storage_error(refused, self._file) from refused
        finally:
            os.close(self._handle)

    def _load(self) -> None:
        decode = decoder(Kept).decode
        is_whole = True
        with self._file.open("rb") as rows:
            for row in rows:
                is_whole = row.endswith(b"\n")
                with suppress(msgspec.DecodeError):
                    kept = decode(row)
                    self._waiting[kept.key].append(kept)
        if not is_whole:
            os.write(self._handle, b"\n")
