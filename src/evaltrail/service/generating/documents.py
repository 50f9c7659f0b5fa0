"""The documents of an order: read from where they are, then kept, one copy of each content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.document import Document
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import read_document
from evaltrail.service.generating.order import NamedUpload
from evaltrail.store.document_store import DocumentStore, StoredUpload


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A document that was read, and where its bytes are."""

    document: Document
    file: Path


def read_documents(
    files: Sequence[Path], uploads: Sequence[NamedUpload], store: DocumentStore, limits: DocumentLimits
) -> tuple[Brought, ...]:
    """The documents, uploads first; nothing is written.

    Args:
        files: somewhere on this machine.
        uploads: kept already.
        store: where they are kept.
        limits: of each document.

    Raises:
        InputError: one is not there or cannot be read, or the same one is named twice.
    """
    kept = tuple(_read_upload(upload, store, limits) for upload in uploads)
    names = zip(files, _names(files), strict=True)
    read = (Brought(document=read_document(file, name=name, limits=limits), file=file) for file, name in names)
    found = (*kept, *read)
    for place, brought in enumerate(found):
        same = next((each for each in found[:place] if each.document.digest == brought.document.digest), None)
        if same is not None:
            raise InputError(
                f"it holds the same bytes as {same.document.name}",
                code="duplicate_document",
                where=brought.document.name,
                hint="name each document once",
            )
    return found


def keep_documents(found: Sequence[Brought], store: DocumentStore, limits: DocumentLimits) -> tuple[StoredUpload, ...]:
    """The documents as they are kept now, in their order.

    Raises:
        InputError: a file has changed since it was read.
        StorageError: the disk refuses.
    """
    return tuple(_kept(each, store, limits) for each in found)


def _read_upload(upload: NamedUpload, store: DocumentStore, limits: DocumentLimits) -> Brought:
    stored = store.get(upload.id)
    name = upload.name or stored.name
    return Brought(document=read_document(stored.path, name=name, limits=limits, kind=upload.kind), file=stored.path)


def _kept(brought: Brought, store: DocumentStore, limits: DocumentLimits) -> StoredUpload:
    document = brought.document
    try:
        with brought.file.open("rb") as data:
            stored = store.keep(data, name=document.name, limit_bytes=limits.size_bytes)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"it cannot be read any more: {why}", code="unreadable", where=str(brought.file)) from error
    if stored.digest != document.digest:
        raise InputError("it has changed since it was read", code="changed", where=str(brought.file))
    return stored


def _names(files: Sequence[Path]) -> list[str]:
    """What each file is called: its name, numbered where another one before it has the same: ``notes (2).md``."""
    count: Counter[str] = Counter()
    names = []
    for file in files:
        count[file.name] += 1
        names.append(file.name if count[file.name] == 1 else f"{file.stem} ({count[file.name]}){file.suffix}")
    return names
