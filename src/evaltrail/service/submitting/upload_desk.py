"""UploadDesk: files that are sent to the service become documents, and the jobs that are done with them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, BinaryIO, TypeVar, cast

from anyio.to_thread import run_sync

from evaltrail.config.service_settings import ServiceSettings
from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan
from evaltrail.core.ids import digest
from evaltrail.core.submission import ModelChoice
from evaltrail.generation.documents.formats import HEAD_BYTES, Kind, find_kind
from evaltrail.generation.documents.labels import file_label
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.jobs.order import NewJob
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.generating.order import NamedUpload
from evaltrail.service.submitting.acceptor import Acceptor
from evaltrail.service.submitting.generation_order import (
    GenerationRequest,
    check_generation,
    generation_job,
    resolve_generation,
)
from evaltrail.service.submitting.upload_look import LookQuestion, count_in, is_large
from evaltrail.service.turns import Turns
from evaltrail.service.working.edits_spec import EDITS, apply_unit, edits_to_json
from evaltrail.service.working.generation_spec import GenerationSpec
from evaltrail.store.document_store import DocumentStore, StoredUpload

_RUN = re.compile(r"[0-9a-f]{32}")
_AT_ONCE = frozenset({"json", "jsonl"})
"""Read whole before they are kept: what is wrong with them is told to who sends them."""
_LARGE_AT_ONCE = 2
_PATIENCE_S = 120.0
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDocument:
    """A document that was sent and is kept."""

    stored: StoredUpload
    name: str
    """What it is called this time."""
    kind: Kind
    chunks: int | None = None
    """None = it is not read before its questions are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonOrder:
    """A list of chunks that questions are to be made of, as seed 003 sends it."""

    name: str = ""
    """As its owner wrote it; empty = made of its digest."""
    plan: GenerationPlan = field(default_factory=GenerationPlan)
    model: ModelChoice | None = None
    key: str = ""
    """The same key and the same request are the same generation; empty = each is a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedGeneration:
    """A generation that is safe in the queue."""

    job_id: str
    is_new: bool
    spec: GenerationSpec
    document: KeptDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedEdits:
    """Edited questions that are safe in the queue."""

    job_id: str
    is_new: bool
    questions: int
    name: str


class UploadDesk:
    """Takes files; every method but `serve` waits for the disk and the database, and belongs into a thread.

    Args:
        catalog: of the service.
        settings: of the service.
        documents: keeps what is sent.
        acceptor: queues what is to be done with it.
    """

    def __init__(
        self, catalog: Catalog, settings: ServiceSettings, documents: DocumentStore, acceptor: Acceptor
    ) -> None:
        self._catalog = catalog
        self._settings = settings
        self._documents = documents
        self._acceptor = acceptor
        self._large = Turns(_LARGE_AT_ONCE, patience_s=_PATIENCE_S)
        self._limits = DocumentLimits(size_bytes=settings.max_upload_bytes)

    async def serve(self, file: Path, work: Callable[[], _Result]) -> _Result:
        """What is done with a file, in a thread; a large one waits for its turn.

        Raises:
            InputError: too many are large (``rate_limited``), or the work raises it.
        """
        return await (self._large.take(work) if is_large(file) else run_sync(work))

    def keep(self, file: Path, name: str, kind: Kind | None = None) -> KeptDocument:
        """The document, kept once it turned out to be one.

        Args:
            file: somewhere, for the moment.
            name: as its owner wrote it, which tells its format; a label, never a path.
            kind: its format where the name does not tell it.

        Raises:
            InputError: it is of no format that is read, or not what it says; JSON that cannot be read.
            StorageError: the disk refuses.
        """
        label = file_label(name) if name.strip() else ""
        with file.open("rb") as data:
            head = data.read(HEAD_BYTES)
            found = find_kind(label or "document", head, known=kind)
            if not head:
                where = label or "the body"
                raise InputError("it is empty", code="empty_document", where=where, hint="send one with content")
            chunks = None
            if found in _AT_ONCE:
                chunks = self._count_chunks(file, label, found)
            data.seek(0)
            stored = self._documents.keep(data, name=label, limit_bytes=self._limits.size_bytes)
        own = label or f"upload-{stored.digest[:8]}"
        return KeptDocument(stored=stored, name=own, kind=found, chunks=chunks)

    def generate(self, request: GenerationRequest, *, key: str = "") -> tuple[str, bool, GenerationSpec]:
        """The job's id, whether it is new, and what was understood.

        Raises:
            InputError, PartialError: see ``resolve_generation``.
            StorageError: the database is away.
        """
        spec = resolve_generation(request, self._catalog, self._settings, self._documents)
        accepted = self._accepted(generation_job(spec, key=key))
        return (*accepted, spec)

    def generate_from_json(self, file: Path, order: JsonOrder) -> StartedGeneration:
        """The generation of a list of chunks that was sent.

        Raises:
            InputError: it is no such list, or something of the order cannot be; nothing was kept.
            StorageError: the disk refuses, or the database is away.
        """
        request = GenerationRequest(documents=(), plan=order.plan, model=order.model)
        check_generation(request, self._catalog, self._settings)
        kept = self.keep(file, order.name, "json")
        upload = NamedUpload(id=kept.stored.id, name=kept.name, kind=kept.kind)
        job_id, is_new, spec = self.generate(replace(request, documents=(upload,)), key=order.key)
        return StartedGeneration(job_id=job_id, is_new=is_new, spec=spec, document=kept)

    def take_edits(
        self, data: IO[bytes], file: Path, *, name: str, run_id: str = "", dataset_id: str = "", key: str = ""
    ) -> StartedEdits:
        """Edited questions, checked, kept and queued.

        Args:
            data: the file, open.
            file: the same, by its path.
            name: as its owner wrote it.
            run_id: MLflow's run to land in; empty = a new one.
            dataset_id: that was edited; empty = the questions tell.
            key: the same key and the same request are the same upload; empty = each is a new one.

        Raises:
            InputError: it is no table of questions, or the run's id is none.
            StorageError: the disk refuses, or the database is away.
        """
        if run_id and not _RUN.fullmatch(run_id):
            hint = "take the 32 hex digits from MLflow's page of the run, or leave it out for a new run"
            raise InputError(f"{run_id!r:.60} is no run's id", code="bad_run_id", where="run_id", hint=hint)
        label = file_label(name) if name.strip() else "questions.csv"
        questions = count_in(LookQuestion(what="questions", file=str(file), name=label))
        if not questions:
            raise InputError("no question is in it", code="no_questions", where=label, hint="send at least one row")
        data.seek(0)
        stored = self._documents.keep(
            cast("BinaryIO", data), name=label, limit_bytes=self._limits.size_bytes, is_document=False
        )
        spec = edits_to_json(stored.id, label, run_id=run_id, dataset_id=dataset_id)
        job = NewJob(
            kind=EDITS,
            spec=spec,
            units=(apply_unit(),),
            name=label[:200],
            idempotency_key=key,
            body_digest=digest(dict(spec)) if key else "-",
        )
        job_id, is_new = self._accepted(job)
        return StartedEdits(job_id=job_id, is_new=is_new, questions=questions, name=label)

    def _count_chunks(self, file: Path, label: str, kind: Kind) -> int:
        asked = LookQuestion(
            what="chunks", file=str(file), name=label or "the body", kind=kind, size_bytes=self._limits.size_bytes
        )
        found = count_in(asked)
        if not found:
            hint = 'send a list of objects: [{"text": "...", "filename": "...", "page": 1}]'
            raise InputError("no chunk is in it", code="no_text", where=label, hint=hint)
        return found

    def _accepted(self, job: NewJob) -> tuple[str, bool]:
        accepted = self._acceptor.accept_jobs((job,)).result()
        return accepted.evaluation_id, accepted.is_new
