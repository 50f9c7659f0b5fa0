"""Everything about an order that can be found wrong before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.generation import Estimate, Generation
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model
from evaltrail.core.values import Json
from evaltrail.generation.asking.limits import FIRST_IN_FLIGHT
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import numbered
from evaltrail.generation.estimate import estimate
from evaltrail.generation.windows import Windows, windows_over
from evaltrail.models.target import open_model
from evaltrail.service.deliver import check_delivery
from evaltrail.service.evaluation.order import check_limits
from evaltrail.service.generating.documents import Brought, read_documents
from evaltrail.service.generating.generation_bundle import About, generation_bundle
from evaltrail.service.generating.order import GenerationOrder
from evaltrail.service.generating.places import generation_delivery, upload_delivery
from evaltrail.service.generating.result_files import check_out
from evaltrail.service.generating.upload_run import upload_bundle
from evaltrail.store.document_store import DocumentStore
from evaltrail.store.work import JOBS


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedGeneration:
    """An order whose documents, model, key and destination were checked."""

    order: GenerationOrder
    brought: tuple[Brought, ...]
    chunks: tuple[Chunk, ...]
    """Of all documents, numbered on."""
    windows: Windows
    key: str
    """The model's key; empty = none."""
    limits: DocumentLimits

    @property
    def requested(self) -> int:
        """Questions that are asked for."""
        plan = self.order.plan
        return sum(plan.types.values()) if plan.types else plan.questions_per_window * len(self.windows.windows)

    @property
    def content_key(self) -> str:
        """Digest of documents, plan and model: what has the same one was paid for already."""
        documents, asked = self._sources
        return digest([documents, msgspec.to_builtins(self.order.plan), asked])

    @property
    def answers_key(self) -> str:
        """Digest of documents and model: what was answered about them is found again, whatever plan asks for it."""
        return digest([*self._sources])

    @property
    def _sources(self) -> tuple[list[Json], list[Json]]:
        """The documents and who is asked."""
        target = self.order.target
        documents: list[Json] = [[each.document.name, each.document.digest] for each in self.brought]
        return documents, [] if target is None else [target.id, target.url, dict(target.headers)]

    @property
    def resume_key(self) -> str:
        """Names the work folder: the same order finds its own unfinished work; a job's lies with those of jobs."""
        return f"{JOBS}/{self.order.id}" if self.order.id else self.content_key

    def open_model(self, settings: Settings) -> Model | None:
        """The model that writes; enter it before it is asked. None where nobody is asked."""
        order = self.order
        if order.target is None:
            return None
        return open_model(
            order.target,
            generation=order.plan.generation,
            limits=order.limits,
            api_key=self.key,
            seed=order.plan.seed,
            environ=settings.environ,
            wording=order.wording,
            start=FIRST_IN_FLIGHT,
        )

    def estimate(self) -> Estimate:
        """What it would take; nothing is asked to know it."""
        return estimate(self.order.plan, self.chunks, concurrency=self.order.limits.concurrency)

    def unasked(self) -> Generation:
        """What the generation would be if nothing had been asked yet."""
        return Generation(
            questions=(),
            rejected=(),
            windows=self.windows.pairs,
            unused_chunks=self.windows.unused,
            requested=self.requested,
        )


def prepare_generation(
    order: GenerationOrder, settings: Settings, limits: DocumentLimits | None = None, *, is_preview: bool = False
) -> PreparedGeneration:
    """The order, checked; nothing is asked, written or sent.

    Args:
        order: of the generation.
        settings: of this process.
        limits: of each document; None = the usual ones.
        is_preview: nothing is to be asked or written later either, so nobody has to be able to.

    Raises:
        InputError: it cannot be carried out.
    """
    check_limits(order.limits, 0)
    _check_generator(order, is_preview=is_preview)
    whole = limits or DocumentLimits()
    brought = read_documents(order.documents, order.uploads, DocumentStore(settings.documents_folder), whole)
    if order.out is not None:
        check_out(order.out, [each.file for each in brought])
    chunks = numbered(each.document for each in brought)
    plan = order.plan
    windows = windows_over(chunks, size=plan.window_size, step=plan.window_step, scope=plan.window_scope)
    prepared = PreparedGeneration(order=order, brought=brought, chunks=chunks, windows=windows, key="", limits=whole)
    if is_preview:
        return prepared
    if not chunks:
        names = ", ".join(each.document.name for each in brought)
        raise InputError("no text is in them", code="no_text", where=names, hint="name documents that hold text")
    if order.target is not None:
        prepared = replace(prepared, key=find_key(order.target, settings.openai_base_url, settings.environ))
    prepared.open_model(settings)
    if order.delivery is not None:
        _check_deliveries(prepared, settings)
    return prepared


def _check_generator(order: GenerationOrder, *, is_preview: bool) -> None:
    if not order.documents and not order.uploads:
        raise InputError("no document is named", code="usage", hint="name files: evaltrail generate manual.pdf ...")
    if order.plan.generator == "llm" and order.target is None and not is_preview:
        raise InputError(
            "no model is named",
            code="missing_model",
            hint="add --model ID --url http://host/v1, or use --generator cloze, which needs none",
        )
    if order.plan.generator == "cloze" and order.target is not None:
        raise InputError("the generator cloze asks no model", code="usage", hint="leave out the model, or use llm")
    if order.target is not None and order.target.is_baseline:
        raise InputError(
            f"{order.target.id} writes no questions", code="bad_model", hint="name a model at an endpoint, or use cloze"
        )


def _check_deliveries(prepared: PreparedGeneration, settings: Settings) -> None:
    """Find what cannot be delivered; the run of a document is another one than the generation's."""
    delivery = prepared.order.delivery
    if delivery is None:
        return
    now = datetime.now(UTC)
    about = About(id="not-asked-yet", started_at=now, ended_at=now, artifacts=())
    documents = [each.document for each in prepared.brought]
    bundle = generation_bundle(prepared.order, prepared.unasked(), documents, about)
    check_delivery(bundle, generation_delivery(delivery, settings), settings)
    place = upload_delivery(delivery, settings)
    for document in documents:
        check_delivery(upload_bundle(document, Path(), now), place.options, place.settings)
