"""The answers of models where judges grade: append-only JSON lines, looked up by request digest.

A sample that is asked again, after a cut or where answers may be reused, is not judged for money twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import storage_error
from evaltrail.core.answer import Answer
from evaltrail.core.decoding import decoded, decoder


class _Key(msgspec.Struct):
    request: str


class _Row(msgspec.Struct):
    request: str
    answer: Answer


class AnswerLog:
    """Answers by request digest: those of earlier files, and new ones that are appended.

    Args:
        file: where new answers go; read too where it is there. A torn last row is passed over.
        earlier: further files to look into; one that is gone meanwhile holds nothing.

    Raises:
        StorageError: a file cannot be opened.
    """

    def __init__(self, file: Path, earlier: Iterable[Path] = ()) -> None:
        self._file = file
        self._places: dict[str, tuple[Path, int]] = {}
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            for each in earlier:
                with suppress(FileNotFoundError):
                    self._load(each)
            self._load(file)
            size = os.fstat(self._handle).st_size
            if size and os.pread(self._handle, 1, size - 1) != b"\n":
                os.write(self._handle, b"\n")
        except OSError as error:
            raise storage_error(error, file) from error
        self._encode = msgspec.json.Encoder().encode

    def find(self, request: str) -> Answer | None:
        """The answer that was kept for a request before this log was opened.

        One of another file costs nothing here: ``attempts`` is 0. One of this file was paid for by the same evaluation.
        """
        place = self._places.get(request)
        if place is None:
            return None
        file, offset = place
        try:
            with file.open("rb") as rows:
                rows.seek(offset)
                found = decoded(rows.readline(), _Row).answer
        except (OSError, msgspec.DecodeError):  # removed or rewritten by another process meanwhile
            return None
        return found if file == self._file else replace(found, attempts=0, latency_s=None, first_token_s=None)

    def own(self) -> Iterator[Answer]:
        """The answers that lay in this very file when it was opened: paid for by the same work."""
        decode = decoder(_Row).decode
        with self._file.open("rb") as rows:
            for file, offset in self._places.values():
                if file == self._file:
                    rows.seek(offset)
                    yield decode(rows.readline()).answer

    def keep(self, request: str, answer: Answer) -> None:
        """Append an answer; it is the kernel's when this returns.

        Raises:
            StorageError: the disk refuses; the rows before this one are safe.
        """
        row = self._encode({"request": request, "answer": answer}) + b"\n"
        try:
            written = os.write(self._handle, row)
            while written < len(row):
                written += os.write(self._handle, row[written:])
        except OSError as error:
            raise storage_error(error, self._file) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _load(self, file: Path) -> None:
        decode = decoder(_Key).decode
        offset = 0
        with file.open("rb") as rows:
            for line in rows:
                with suppress(msgspec.DecodeError):
                    if line.endswith(b"\n"):
                        self._places[decode(line).request] = (file, offset)
                offset += len(line)


def answer_logs_below(home: Path) -> list[Path]:
    """Every such file of an EVALTRAIL_HOME, oldest first."""
    found = [
        *home.glob("runs/*/answers/*.answers"),
        *home.glob("work/*/*.answers"),
        *home.glob("work/jobs/*/*.answers"),
    ]
    return sorted(found, key=_changed_at)


def _changed_at(file: Path) -> float:
    """Seconds; 0 for a file that another process removed meanwhile."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
