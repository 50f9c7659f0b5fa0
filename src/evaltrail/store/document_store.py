"""Uploads as they came: one copy of each content, whatever it is called, in a folder of its own.

``<id>/content``     the bytes; the id is their digest
``<id>/about.json``  the names that it was given, its size, when it came first, what it is, where it landed
``.incoming/``       what has not arrived whole; swept after a day
"""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

from evaltrail.bundle.folders import (
    beside,
    hold_lock,
    make_private,
    place_folder,
    storage_error,
    sync_folder,
    write_whole,
)
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.store.id_prefix import find_id, page_of
from evaltrail.store.incoming import incoming_file, incoming_folder

MOST_NAMES = 1000
"""Names that are kept of one content; somebody who sends it again under another one is served all the same."""
_CONTENT = "content"
_ABOUT = "about.json"
_ID = re.compile(r"[0-9a-f]{32}")
_PART_BYTES = 1_048_576
_MOST_NAME_CHARACTERS = 500
_WAIT_SECONDS = 60.0
"""For another process that files an upload; it holds the lock for milliseconds."""
_HINT = "the upload's own answer told its id; /api/v1/documents lists them"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUpload:
    """One content that was brought."""

    id: str
    """32 hex digits: the digest of the bytes."""
    names: tuple[str, ...]
    """As those who sent it called it, the first first; labels, never paths."""
    size_bytes: int
    digest: str
    """32 hex digits of blake2b; the same as the id."""
    created_at: datetime
    """When it came first; aware UTC."""
    path: Path
    """Of the bytes."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """MLflow's run of it, by tracking URI without a login: the one that landed last."""

    @property
    def name(self) -> str:
        """What it was called first."""
        return self.names[0]


class _About(msgspec.Struct):
    names: tuple[str, ...]
    size_bytes: int
    created_at: datetime
    is_document: bool = True
    """False = it came as a table of edited questions alone."""
    runs: dict[str, str] = {}


class DocumentStore:
    """The uploads below one folder; several processes may use it at once.

    Args:
        folder: UPLOAD_FOLDER, or one in EVALTRAIL_HOME; made when something is kept. Other things in it are left alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: BinaryIO | bytes, *, name: str, limit_bytes: int, is_document: bool = True) -> StoredUpload:
        """The upload, stored whole; the same bytes again only add a name to it.

        Args:
            data: read to its end, a part at a time.
            name: as its owner wrote it; empty = ``upload-<first 8 of the digest>``.
            limit_bytes: one byte more is refused, before it is read.
            is_document: whether it is listed; what came as a document once stays one.

        Raises:
            InputError: it is larger (``too_large``).
            StorageError: the disk refuses.
        """
        with self._arriving() as temporary:
            digest, size_bytes = _take_in(data, temporary, limit_bytes)
            label = _label(name) or f"upload-{digest[:8]}"
            with self._locked():
                known = self._read(digest)
                if known is None:
                    about = _About((label,), size_bytes, datetime.now(UTC), is_document)
                    self._file(digest, temporary, about)
                else:
                    about = _named(known, label, is_document=is_document)
                    self._write(digest, known, about)
        return self._told(digest, about)

    def note_run(self, upload_id: str, tracking_uri: str, run_id: str) -> None:
        """Remember the run that an upload has in MLflow; nothing is remembered of one that is not there.

        Args:
            upload_id: whole.
            tracking_uri: of the MLflow, without a login.
            run_id: of the run.

        Raises:
            StorageError: the disk refuses.
        """
        if self._read(upload_id) is None:
            return
        with self._locked():
            known = self._read(upload_id)
            if known is not None:
                runs = {**known.runs, tracking_uri: run_id}
                self._write(upload_id, known, msgspec.structs.replace(known, runs=runs))

    def get(self, upload_id: str) -> StoredUpload:
        """The upload with an id, or with one that begins so.

        Raises:
            InputError: there is none (``unknown_id``), or there are several (``ambiguous_id``).
        """
        whole = find_id(upload_id, self._ids(upload_id), noun="upload", hint=_HINT)
        about = self._read(whole)
        if about is None:
            raise InputError(
                "what is known of the upload cannot be read",
                code="broken_upload",
                where=str(self._folder / whole / _ABOUT),
                hint="send the file again",
            )
        return self._told(whole, about)

    def incoming_file(self, prefix: str) -> AbstractContextManager[IO[bytes]]:
        """An empty private file on the store's disk for bytes that are on their way; it is gone when the block ends.

        Args:
            prefix: begin of its name.

        Raises:
            StorageError: it cannot be made, or the disk refuses something in the block.
        """
        return incoming_file(self._folder, prefix)

    def file(self, upload_id: str) -> Path:
        """The file with an upload's bytes.

        Raises:
            InputError: there is no such upload.
        """
        return self.get(upload_id).path

    def list(self, *, after: str = "", limit: int | None = None) -> tuple[StoredUpload, ...]:
        """The documents, newest first; a table of edited questions is none.

        Args:
            after: id of the last one of the part before; empty = from the begin.
            limit: so many at most; None = all.

        Raises:
            InputError: there is no upload ``after`` (``unknown_id``).
        """
        abouts = {each: about for each in self._ids() if (about := self._read(each)) is not None and about.is_document}
        ids = sorted(abouts, key=lambda each: (abouts[each].created_at, each), reverse=True)
        return tuple(self._told(each, abouts[each]) for each in page_of(ids, after=after, limit=limit, noun="upload"))

    @contextmanager
    def _arriving(self) -> Iterator[Path]:
        """A place for bytes that are coming in; nothing is left there."""
        temporary = beside(incoming_folder(self._folder) / "upload")
        try:
            yield temporary
        except OSError as error:
            raise storage_error(error, self._folder) from error
        finally:
            temporary.unlink(missing_ok=True)

    def _locked(self) -> AbstractContextManager[int]:
        return hold_lock(self._folder / ".lock", "process {pid} files an upload", wait_s=_WAIT_SECONDS)

    def _file(self, digest: str, arrived: Path, about: _About) -> None:
        """Give an upload its folder; what stands there without a readable word about it is replaced."""
        made = make_private(beside(incoming_folder(self._folder) / digest))
        arrived.rename(made / _CONTENT)
        write_whole(made / _ABOUT, msgspec.json.encode(about), is_private=True)
        sync_folder(made)
        place_folder(made, self._folder / digest)

    def _write(self, upload_id: str, known: _About, about: _About) -> None:
        if about != known:
            write_whole(self._folder / upload_id / _ABOUT, msgspec.json.encode(about), is_private=True)

    def _read(self, upload_id: str) -> _About | None:
        try:
            return decoded((self._folder / upload_id / _ABOUT).read_bytes(), _About)
        except (OSError, msgspec.DecodeError):
            return None

    def _ids(self, given: str = "") -> Sequence[str]:
        if _ID.fullmatch(given) and (self._folder / given).is_dir():
            return [given]
        try:
            return [each.name for each in self._folder.iterdir() if _ID.fullmatch(each.name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(error, self._folder) from error

    def _told(self, upload_id: str, about: _About) -> StoredUpload:
        return StoredUpload(
            id=upload_id,
            names=about.names,
            size_bytes=about.size_bytes,
            digest=upload_id,
            created_at=about.created_at,
            path=self._folder / upload_id / _CONTENT,
            runs=about.runs,
        )


def _named(known: _About, label: str, *, is_document: bool) -> _About:
    """What is known of an upload, once it came under a name again; one that becomes a document has that name first."""
    if is_document and not known.is_document:
        names = (label, *(name for name in known.names if name != label))[:MOST_NAMES]
        return msgspec.structs.replace(known, names=names, is_document=True)
    is_new = label not in known.names and len(known.names) < MOST_NAMES
    return msgspec.structs.replace(known, names=(*known.names, label)) if is_new else known


def _take_in(data: BinaryIO | bytes, target: Path, limit_bytes: int) -> tuple[str, int]:
    """Digest and size of what was written, which the disk has."""
    source = io.BytesIO(data) if isinstance(data, bytes) else data
    digest, size_bytes = hashlib.blake2b(digest_size=16), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        while part := source.read(min(_PART_BYTES, limit_bytes - size_bytes + 1)):
            size_bytes += len(part)
            if size_bytes > limit_bytes:
                raise InputError(
                    f"the upload is larger than {limit_bytes / 1_000_000:,g} MB",
                    code="too_large",
                    hint="send it in parts, each as an upload of its own",
                )
            digest.update(part)
            out.write(part)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), size_bytes


def _label(name: str) -> str:
    """The name as it can be written down: whole characters, and not without end."""
    return name.strip().encode("utf-8", "replace").decode()[:_MOST_NAME_CHARACTERS]
