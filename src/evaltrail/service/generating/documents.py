"""The documents of an order: read from where they are, then kept, one copy of each content."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePath

from evaltrail.core.document import Document
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.formats import Kind
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import read_document
from evaltrail.service.generating.order import NamedUpload
from evaltrail.store.document_store import DocumentStore, StoredUpload


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A document that was read, and where its bytes are."""

    document: Document
    """Its name, and the sources of its chunks, are those of no other document of the order."""
    file: Path
    name: str
    """As its owner wrote it."""


def read_documents(
    files: Sequence[Path], uploads: Sequence[NamedUpload], store: DocumentStore, limits: DocumentLimits
) -> tuple[Brought, ...]:
    """The documents, uploads first, no two of one name or with a source in common; nothing is written.

    Args:
        files: somewhere on this machine.
        uploads: kept already.
        store: where they are kept.
        limits: of each document.

    Raises:
        InputError: one is not there or cannot be read, or the same one is named twice.
    """
    kept = tuple(_read_upload(upload, store, limits) for upload in uploads)
    found = tuple(_told_apart((*kept, *(_read(file, file.name, limits) for file in files))))
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
    return _read(stored.path, upload.name or stored.name, limits, upload.kind)


def _read(file: Path, name: str, limits: DocumentLimits, kind: Kind | None = None) -> Brought:
    document = read_document(file, name=name, limits=limits, kind=kind)
    return Brought(document=document, file=file, name=document.name)


def _kept(brought: Brought, store: DocumentStore, limits: DocumentLimits) -> StoredUpload:
    document = brought.document
    try:
        with brought.file.open("rb") as data:
            stored = store.keep(data, name=brought.name, limit_bytes=limits.size_bytes)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"it cannot be read any more: {why}", code="unreadable", where=str(brought.file)) from error
    if stored.digest != document.digest:
        raise InputError("it has changed since it was read", code="changed", where=str(brought.file))
    return stored


def _told_apart(found: Sequence[Brought]) -> Iterator[Brought]:
    """The same; what one before it is called, or calls a source of its chunks, is numbered: ``notes (2).md``."""
    taken: set[str] = set()
    for each in found:
        document = each.document
        own = dict.fromkeys((document.name, *(chunk.source for chunk in document.chunks)))
        told: dict[str, str] = {}
        for name in own:
            told[name] = _unused(name, (taken, own, told.values())) if name in taken else name
        taken.update(told.values())
        if all(name == other for name, other in told.items()):
            yield each
            continue
        chunks = tuple(replace(chunk, source=told[chunk.source]) for chunk in document.chunks)
        yield replace(each, document=replace(document, name=told[document.name], chunks=chunks))


def _unused(name: str, taken: Sequence[Collection[str]]) -> str:
    suffix = PurePath(name).suffix
    numbered = (f"{name.removesuffix(suffix)} ({number}){suffix}" for number in count(2))
    return next(each for each in numbered if not any(each in names for names in taken))
