"""Data sets as streams of records: files beside the task, or hf://org/name from a local mirror or the hub."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

import msgspec

from evaltrail.core.decoding import decoder
from evaltrail.core.errors import InputError
from evaltrail.core.ids import did_you_mean, nearest_word

Fields = Mapping[str, Any]
SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
_MAX_LINE = 64 * 1024 * 1024
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)*/?")
"""Of a data set, with the parts of a path that mirrors have; the hub's library takes one that begins with a slash for a
folder of this machine."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record and where it stands, for messages: ``line 17``."""

    where: str
    fields: Fields


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSource:
    """A data set that can be read again and again."""

    name: str
    source: str
    """As the user named it; for lineage."""
    files: tuple[Path, ...] = ()
    hub: str = ""
    """``hf://...`` when it must be read through the hub's own library."""

    def __iter__(self) -> Iterator[Record]:
        """The records, one at a time.

        Raises:
            InputError: a record cannot be read; says file, line and why.
        """
        if self.hub:
            return _hub_records(self.hub)
        return chain.from_iterable(_READERS[file.suffix.lower()](file) for file in self.files)


def find_dataset(name: str, folder: Path, mirror: Path | None, where: str) -> RecordSource:
    """The data set that a task file names.

    Args:
        name: a path relative to ``folder``, or ``hf://org/name?split=test``.
        folder: where the task file lies.
        mirror: EVALTRAIL_DATASETS_DIR, looked up before any hub.
        where: the task file's key, for errors.

    Raises:
        InputError: there is no such file, or its kind is unknown.
    """
    if name.startswith("hf://"):
        return _find_hub(name, mirror)
    file = folder / name
    with suppress(RuntimeError):  # a home that is nobody's: then it is a name like any other
        file = file.expanduser()
    if file.suffix.lower() not in SUFFIXES:
        raise InputError(
            f"the data set {name!r} has no known ending", code="bad_dataset", where=where, hint=f"{SUFFIXES} are read"
        )
    if not is_there(file):
        hint = _nearest_file(name, file) or (
            "paths begin in the working folder" if folder == Path() else f"put the file beside the task, in {folder}"
        )
        raise InputError(f"the data set {name!r} is not there", code="missing_dataset", where=where, hint=hint)
    source = name if file == folder / name and not Path(name).is_absolute() else file.name
    return RecordSource(name=file.stem, source=source, files=(file,))


def is_hub_name(name: str) -> bool:
    """Whether a text names a data set of the hub, and no folder of this machine."""
    try:
        parts = urlsplit(name)
    except ValueError:
        return False
    return parts.scheme == "hf" and _HUB_NAME.fullmatch(parts.netloc + parts.path) is not None


def is_there(file: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return file.is_file()
    except OSError:  # of a name that is too long
        return False


def _nearest_file(name: str, file: Path) -> str:
    """The file beside one that is not there which may have been meant, written as that one was."""
    try:
        beside = [path.name for path in file.parent.iterdir() if path.suffix.lower() in SUFFIXES]
    except OSError:
        return ""
    close = nearest_word(file.name, beside)
    return did_you_mean([str(Path(name).with_name(close))]) if close else ""


def _find_hub(name: str, mirror: Path | None) -> RecordSource:
    parts = _hub_parts(name)
    if not is_hub_name(name):
        raise _no_name(name)
    path = f"{parts.netloc}{parts.path}".strip("/")
    split = parse_qs(parts.query).get("split", ["test"])[0]
    config = parse_qs(parts.query).get("config", [""])[0]
    if any(part in {"", ".", ".."} for part in path.split("/")) or "/" in split + config or ".." in (split, config):
        raise _no_name(name)
    if mirror is not None:
        folder = mirror.joinpath(*path.split("/"), *([config] if config else []))
        if found := _mirrored(folder, split):
            return RecordSource(name=path, source=name, files=found)
    return RecordSource(name=path, source=name, hub=name)


def _mirrored(folder: Path, split: str) -> tuple[Path, ...]:
    """The one file of a split, else its numbered parts beside or below ``data``; never two kinds of file."""
    part = re.compile(rf"{re.escape(split)}-\d+-of-\d+")
    for place, name in ((folder, re.compile(re.escape(split))), (folder, part), (folder / "data", part)):
        files = [file for file in place.iterdir() if name.fullmatch(file.stem)] if place.is_dir() else []
        for suffix in SUFFIXES:
            if found := [file for file in files if file.suffix.lower() == suffix and file.is_file()]:
                return tuple(sorted(found, key=lambda file: (len(file.stem), file.stem)))
    return ()


def _hub_parts(name: str) -> SplitResult:
    try:
        return urlsplit(name)
    except ValueError as error:
        raise _no_name(name) from error


def _no_name(name: str) -> InputError:
    return InputError(f"{name!r} is no data set name", code="bad_dataset", hint="write hf://org/name?split=test")


def _hub_records(name: str) -> Iterator[Record]:
    parts = urlsplit(name)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    hint = "pip install datasets, or put <split>.jsonl below EVALTRAIL_DATASETS_DIR/org/name"
    try:
        from datasets import load_dataset  # noqa: PLC0415  optional, and slow to import
    except ImportError as error:
        raise InputError(f"{name} is not in the local mirror", code="missing_dataset", hint=hint) from error
    path = f"{parts.netloc}{parts.path}".strip("/")
    if Path(path).exists():
        message = f"{name} would be read from the folder {path} here, not from the hub"
        raise InputError(message, code="bad_dataset", hint="rename the folder, or name the files in it")
    try:
        rows = load_dataset(
            path,
            query.get("config"),
            split=query.get("split", "test"),
            revision=query.get("revision"),
            streaming=True,
        )
        for number, row in enumerate(rows, 1):
            yield Record(f"row {number}", row)
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise InputError(f"the hub does not give {name}: {line}", code="missing_dataset", hint=hint) from error


def _jsonl(file: Path) -> Iterator[Record]:
    decode = decoder(dict[str, Any]).decode
    with _open(file).open("rb") as lines:
        number = 0
        while line := lines.readline(_MAX_LINE):
            number += 1
            text = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
            if not text:
                continue
            try:
                yield Record(f"{file.name}:{number}", decode(text))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(
                    f"the line is no JSON object: {error}",
                    code="broken_record",
                    where=f"{file}:{number}",
                    hint="each line holds one object such as {...}; mend or remove the line",
                ) from error


def _json(file: Path) -> Iterator[Record]:
    try:
        value = json.loads(_open(file).read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"the file is no JSON: {error}", code="broken_record", where=str(file)) from error
    rows = _table(value, file) if isinstance(value, dict) else value
    if not isinstance(rows, list):
        raise InputError("the file holds no list of records", code="broken_record", where=str(file))
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError("the record is no object", code="broken_record", where=f"{file}, record {number}")
        try:
            msgspec.json.encode(row)
        except UnicodeEncodeError as error:
            raise InputError(
                f"the record holds half a character: {error}", code="broken_record", where=f"{file}, record {number}"
            ) from error
        yield Record(f"{file.name}, record {number}", row)


def _table(value: Mapping[str, Any], file: Path) -> object:
    lists = {key: rows for key, rows in value.items() if isinstance(rows, list)}
    if len(lists) > 1:
        names = ", ".join(map(repr, lists))
        lists = {key: rows for key, rows in lists.items() if any(isinstance(row, dict) for row in rows)}
        if len(lists) != 1:
            raise InputError(
                f"the file holds several lists: {names}",
                code="broken_record",
                where=str(file),
                hint="keep one list of records",
            )
    return next(iter(lists.values()), None)


def _csv(file: Path) -> Iterator[Record]:
    with _open(file).open("rb") as lines:
        rows = csv.DictReader(_decoded(lines))
        try:
            names = list(rows.fieldnames or ())
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise InputError(f"the column {twice!r} stands twice", code="broken_record", where=f"{file}:1")
            for row in rows:
                place = f"{file.name}:{rows.line_num}"
                if None in row or None in row.values():
                    raise InputError(
                        f"the row has not the header's {len(rows.fieldnames or ())} columns",
                        code="broken_record",
                        where=f"{file}:{rows.line_num}",
                    )
                yield Record(place, row)
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(
                f"the row cannot be read: {error}", code="broken_record", where=f"{file}:{rows.line_num + 1}"
            ) from error


def _decoded(lines: Iterable[bytes]) -> Iterator[str]:
    """Each line as text, so that a broken one is known by its number."""
    for number, line in enumerate(lines):
        yield line.decode("utf-8-sig" if number == 0 else "utf-8")


def _parquet(file: Path) -> Iterator[Record]:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415  60 MB, only where a data set is parquet

    try:
        number = 0
        with parquet.ParquetFile(_open(file)) as table:
            for batch in table.iter_batches(batch_size=512):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(f"{file.name}, row {number}", row)
    except ArrowException as error:
        raise InputError(f"the file is no parquet: {error}", code="broken_record", where=str(file)) from error


def _open(file: Path) -> Path:
    try:
        with file.open("rb"):
            return file
    except OSError as error:
        raise InputError(
            f"the data set cannot be read: {error.strerror}", code="missing_dataset", where=str(file)
        ) from error


_READERS = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
