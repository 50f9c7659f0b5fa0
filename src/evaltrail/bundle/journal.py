"""The journal: append-only rows of finished samples, one JSON line each; what is in it is never asked again.

Every row is handed to the kernel before its slot asks the next question, so kill -9 loses nothing that was
answered; fsync follows by time, for power cuts.
"""

from __future__ import annotations

import mmap
import os
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from evaltrail.bundle.folders import storage_error, write_whole
from evaltrail.core.decoding import decoder
from evaltrail.core.sample import Sample


class RowKey(msgspec.Struct):
    """The part of a row that tells which sample it is."""

    index: int
    repeat: int = 0
    request: str = ""
    error: str = ""


class Journal:
    """The rows of one task, open for appending by one process.

    Args:
        file: the journal; made where it is missing. A torn last line (power cut) is closed and passed over.
        repeats: times each item is asked; fixed for the journal's life.
    """

    sync_s = 1.0
    """Between two looks whether there is something that the disk does not have yet."""

    def __init__(self, file: Path, repeats: int = 1) -> None:
        self.file = file
        self._repeats = repeats
        self._encode = msgspec.json.Encoder().encode
        try:
            self._handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise storage_error(error, file) from error
        self.done: set[int] = set()
        """``index * repeats + repeat`` of every row that is there."""
        self._places = _Places()
        self._size = self._load()
        self._is_dirty = False
        self._unsynced: OSError | None = None
        """Why rows may never come to the disk; the kernel says so once."""
        self._closed = threading.Event()
        self._syncer = threading.Thread(target=self._sync_by_time, name="journal-sync", daemon=True)
        self._syncer.start()

    def has(self, index: int, repeat: int) -> bool:
        """Whether this sample is already there."""
        return index * self._repeats + repeat in self.done

    def append(self, sample: Sample) -> None:
        """Add a finished sample; it is the kernel's when this returns.

        Raises:
            StorageError: the disk refuses; the rows before this one are safe, unless it is them that it could not keep.
        """
        self._check_synced()
        row = self._encode(sample) + b"\n"
        try:
            written = os.write(self._handle, row)
            while written < len(row):
                written += os.write(self._handle, row[written:])
        except OSError as error:
            os.ftruncate(self._handle, self._size)
            raise storage_error(error, self.file) from error
        self._places.add(sample.index, sample.repeat, self._size)
        self._size += len(row)
        self.done.add(sample.index * self._repeats + sample.repeat)
        self._is_dirty = True

    def samples(self) -> JournalSamples:
        """The samples in the order of the data set, without reading the file for their places again."""
        return JournalSamples(self.file, self._places)

    def close(self) -> None:
        """Sync and close; harmless when closed already.

        Raises:
            StorageError: the disk could not keep every row.
        """
        if self._closed.is_set():
            return
        self._closed.set()
        self._is_dirty = True
        self._syncer.join()
        try:
            self._check_synced()
            os.fsync(self._handle)
        except OSError as error:
            raise storage_error(error, self.file) from error
        finally:
            os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _load(self) -> int:
        size = self.file.stat().st_size
        for key, offset in row_places(self.file):
            self.done.add(key.index * self._repeats + key.repeat)
            self._places.add(key.index, key.repeat, offset)
        if size and os.pread(self._handle, 1, size - 1) != b"\n":
            try:
                size += os.write(self._handle, b"\n")
            except OSError as error:
                os.close(self._handle)
                raise storage_error(error, self.file) from error
        return size

    def _check_synced(self) -> None:
        if self._unsynced is not None:
            raise storage_error(self._unsynced, self.file) from self._unsynced

    def _sync_by_time(self) -> None:
        while self._unsynced is None and not self._closed.wait(self.sync_s):
            if self._is_dirty:
                self._is_dirty = False
                try:
                    os.fsync(self._handle)
                except OSError as error:
                    self._unsynced = error


def _key(index: int, repeat: int) -> int:
    """A number that orders samples as the data set does."""
    return index << 20 | repeat


class _Places:
    """Where each row begins, and which sample it is; 16 bytes a row."""

    def __init__(self) -> None:
        self._keys, self._offsets = array("q"), array("q")

    def add(self, index: int, repeat: int, offset: int) -> None:
        self._keys.append(_key(index, repeat))
        self._offsets.append(offset)

    def in_order(self) -> Iterator[int]:
        """The offsets in the order of the data set."""
        for number in sorted(range(len(self._keys)), key=self._keys.__getitem__):
            yield self._offsets[number]


class JournalSamples:
    """The samples of a finished journal in the order of the data set, read one at a time.

    Args:
        file: the journal.
        places: where its rows are; None = they are looked up.
    """

    def __init__(self, file: Path, places: _Places | None = None) -> None:
        self.file = file
        self._places = places

    def __iter__(self) -> Iterator[Sample]:
        if not self.file.exists() or self.file.stat().st_size == 0:
            return
        decode = decoder(Sample).decode
        with self.file.open("rb") as rows, mmap.mmap(rows.fileno(), 0, access=mmap.ACCESS_READ) as view:
            for offset in (self._places or self._found()).in_order():
                view.seek(offset)
                yield decode(view.readline())

    def _found(self) -> _Places:
        places = _Places()
        for key, offset in row_places(self.file):
            places.add(key.index, key.repeat, offset)
        return places


class JoinedSamples:
    """The samples of one task that was asked in parts, in the order of the data set, read one at a time.

    Args:
        files: a journal a part, in any order; missing ones are parts of which nothing was asked yet. Where a sample
            stands in several rows, the first one counts.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)

    def __iter__(self) -> Iterator[Sample]:
        keys, numbers, offsets = array("q"), array("l"), array("q")
        for number, file in enumerate(self.files):
            for key, offset in row_places(file) if file.exists() else ():
                keys.append(_key(key.index, key.repeat))
                numbers.append(number)
                offsets.append(offset)
        decode = decoder(Sample).decode
        last, opened = -1, -1
        with ExitStack() as stack:  # one file at a time: parts seldom lie in each other, and may be thousands
            for place in sorted(range(len(keys)), key=keys.__getitem__):
                if keys[place] == last:
                    continue
                last = keys[place]
                if numbers[place] != opened:
                    opened = numbers[place]
                    stack.close()
                    rows = stack.enter_context(self.files[opened].open("rb"))
                    view = stack.enter_context(mmap.mmap(rows.fileno(), 0, access=mmap.ACCESS_READ))
                view.seek(offsets[place])
                yield decode(view.readline())


def row_places(file: Path) -> Iterator[tuple[RowKey, int]]:
    """What each whole row of a journal is about and the byte it begins at; torn rows are passed over."""
    decode = decoder(RowKey).decode
    offset = 0
    with file.open("rb") as rows:
        for line in rows:
            with suppress(msgspec.DecodeError):
                yield decode(line), offset
            offset += len(line)


def forget_failed(file: Path) -> None:
    """Take the samples out of a journal that could not be asked, so that they are asked again.

    Raises:
        StorageError: the disk refuses; the journal is as it was.
    """
    decode = decoder(RowKey).decode
    kept: list[bytes] = []
    try:
        with file.open("rb") as rows:
            for row in rows:
                with suppress(msgspec.DecodeError):  # a torn last row
                    if not decode(row).error:
                        kept.append(row if row.endswith(b"\n") else row + b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, file) from error
    write_whole(file, b"".join(kept))
