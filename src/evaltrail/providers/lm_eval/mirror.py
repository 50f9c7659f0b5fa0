"""Data sets of harness tasks from a local mirror, before the library that fetches them is asked.

A mirror holds ``<path>[/<name>]/<split>.jsonl`` or ``.parquet`` for the data set ``path`` and its configuration
``name``, as task files call them: ``allenai/ai2_arc/ARC-Easy/test.jsonl``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import datasets
from pyarrow import parquet

from evaltrail.core.decoding import decoder
from evaltrail.core.errors import InputError

_ENDINGS = (".jsonl", ".parquet")
_LOADERS = frozenset({"json", "csv", "parquet", "text", "arrow"})
"""Data sets by these names are files of the user's."""

Load = Callable[..., object]


class Mirror:
    """Answers for ``datasets.load_dataset``.

    Args:
        load: the library's own.
        folder: the mirror; None = there is none.
        own: the folder that the user's task files lie in, beside which their data may lie; None = there is none.
        is_offline: whether the library fetches nothing.
    """

    def __init__(self, load: Load, *, folder: Path | None, own: Path | None, is_offline: bool) -> None:
        self._load = load
        self._folder = folder
        self._own = own
        self._is_offline = is_offline

    def load_dataset(self, path: str, name: str | None = None, *rest: object, **options: object) -> object:
        """The data set: the mirror's, else the library's.

        Raises:
            InputError: it is in neither and nothing may be fetched, or a file of the mirror cannot be read.
        """
        if path in _LOADERS:
            return self._load(path, name, *rest, **self._beside(options))
        files = self._files(path, name)
        if files:
            return _opened(files, options.get("split"), is_stream=bool(options.get("streaming")))
        try:
            return self._load(path, name, *rest, **options)
        except Exception as error:  # the library has a dozen ways of saying that the data are not there
            if not self._is_offline or Path(path).exists():
                raise
            raise self._missing(path, name) from error

    def _files(self, path: str, name: str | None) -> Mapping[str, Path]:
        """Split to file."""
        if self._folder is None or ".." in Path(path, name or "").parts or Path(path).is_absolute():
            return {}
        folder = self._folder / path / (name or "")
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return {file.stem: file for file in found if file.suffix in _ENDINGS and file.is_file()}

    def _beside(self, options: Mapping[str, object]) -> dict[str, object]:
        """The options with data files that lie beside the task file under their whole paths."""
        named = options.get("data_files")
        return {**options, "data_files": self._whole(named)} if named and self._own else dict(options)

    def _whole(self, named: object) -> object:
        if isinstance(named, Mapping):
            return {split: self._whole(each) for split, each in named.items()}
        if isinstance(named, list | tuple):
            return [self._whole(each) for each in named]
        file = Path(str(named))
        own = self._own / file if self._own else file
        return str(own) if not file.exists() and own.exists() else named

    def _missing(self, path: str, name: str | None) -> InputError:
        shown = f"{path} ({name})" if name else path
        place = "/".join(filter(None, (str(self._folder or "DIR"), path, name or "", "<split>.jsonl")))
        first = "put its rows into" if self._folder else "set EVALTRAIL_DATASETS_DIR to DIR and put its rows into"
        return InputError(
            f"the data set {shown} is not on this machine",
            code="missing_dataset",
            hint=f"{first} {place} (or .parquet), or let it be fetched: --param allow_downloads=true",
        )


def _opened(files: Mapping[str, Path], split: object, *, is_stream: bool) -> object:
    found = datasets.DatasetDict({name: _table(file) for name, file in files.items()})
    if is_stream:
        found = datasets.IterableDatasetDict({name: each.to_iterable_dataset() for name, each in found.items()})
    return found if split is None else found[str(split)]


def _table(file: Path) -> datasets.Dataset:
    try:
        if file.suffix == ".parquet":
            return datasets.Dataset(parquet.read_table(file))
        decode = decoder(dict[str, object]).decode
        with file.open("rb") as lines:
            return datasets.Dataset.from_list([decode(line) for line in lines if line.strip()])
    except (OSError, ValueError, TypeError) as error:
        message = f"the mirrored data cannot be read: {error}"
        raise InputError(message, code="bad_dataset", where=str(file), hint="one JSON object a line") from error
