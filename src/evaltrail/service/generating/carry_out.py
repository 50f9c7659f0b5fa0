"""Carry out a prepared generation: ask what is missing, keep the questions, land them. Resumes by itself."""

from __future__ import annotations

import shutil
from contextlib import AbstractContextManager, AsyncExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.bundle.folders import link_or_copy, make_private
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import write_bundle
from evaltrail.config.context_tags import context_tags
from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.document import Document
from evaltrail.core.errors import DestinationError, EvaltrailError
from evaltrail.core.generation import Generation, GenerationPlan
from evaltrail.core.progress import Progress
from evaltrail.core.request import COMMAND_LINE
from evaltrail.core.result import ResultBundle
from evaltrail.generation.asking.limits import told_end
from evaltrail.generation.asking.paid_model import BUDGET
from evaltrail.generation.generate import NOT_OFFERED, generate
from evaltrail.service.deliver import Landed, deliver_folder, is_settled
from evaltrail.service.evaluation.event_loop import in_loop
from evaltrail.service.evaluation.watch import UNWATCHED, Watch
from evaltrail.service.generating.documents import keep_documents
from evaltrail.service.generating.generation_bundle import (
    About,
    artifacts_in,
    generation_bundle,
    request_document,
)
from evaltrail.service.generating.order import GenerationOrder, GenerationResult
from evaltrail.service.generating.places import generation_delivery
from evaltrail.service.generating.prepare import PreparedGeneration, prepare_generation
from evaltrail.service.generating.question_set import keep_generated
from evaltrail.service.generating.report import count_line, reason_words, resume_command, write_report
from evaltrail.service.generating.result_files import write_files
from evaltrail.service.generating.result_object import generation_object
from evaltrail.service.generating.upload_run import LandedUploads, deliver_uploads
from evaltrail.service.noted_work import noted
from evaltrail.store.dataset_store import DatasetStore, DatasetVersion
from evaltrail.store.document_store import DocumentStore, StoredUpload
from evaltrail.store.ledger import GENERATING, Entry, Ledger
from evaltrail.store.work import Work, WorkFacts, claim_work

_STEPS = {
    NOT_OFFERED: "cloze makes simple, numeric and unanswerable ones alone; name a --model for the others",
    BUDGET: "raise --budget-tokens: what was answered is not asked again",
}
"""What to do where questions are missing for a reason."""
_CUT = frozenset({"truncated", "empty"})
"""Reasons of answers that may have come to their end too early."""
_LONGER = (
    "a budget ends every answer after some hundred tokens, thinking included: leave out --budget-tokens, "
    "or set max_tokens (from Python, over REST); what was cut is asked anew"
)


def generate_questions(order: GenerationOrder, settings: Settings, watch: Watch = UNWATCHED) -> GenerationResult:
    """The result of an order: checked, asked, on disk, landed; see ``carry_out_generation``.

    Raises:
        InputError: nothing was started.
    """
    return carry_out_generation(prepare_generation(order, settings), settings, watch)


def carry_out_generation(prepared: PreparedGeneration, settings: Settings, watch: Watch) -> GenerationResult:
    """The result of a prepared generation.

    What was answered before is not asked again: neither by an order that was cut short, nor by the same order after a
    finished one, which is a new generation all the same.

    Raises:
        BusyError: another process is at the same generation; nothing was started.
        EndpointError: the endpoint refuses or is gone; answers are kept, the same order goes on.
        StorageError: the disk refuses.
        InterruptError: interrupted; the same order goes on.
    """
    with _claimed(prepared, settings) as found:
        is_new = prepared.order.fresh or _is_finished(found, prepared.order, settings)
        work = found.restart(prepared.requested) if is_new else found
        run = _Run(prepared, settings, watch, work)
        ledger = Ledger(settings.home)
        with noted(ledger, run.entry(), run.log.write):
            result = run.finish()
        ledger.end(result.evaluation_id, result.state, msgspec.json.encode(generation_object(result)))
        work.remove()
        return result


def _claimed(prepared: PreparedGeneration, settings: Settings) -> AbstractContextManager[Work]:
    order = prepared.order
    command = "" if order.id or order.wording != COMMAND_LINE else resume_command(order)
    facts = WorkFacts(noun="generation", evaluation_id=order.id, command=command)
    return claim_work(settings.home, prepared.resume_key, prepared.requested, facts)


class _Run:
    """One generation on its way."""

    def __init__(self, prepared: PreparedGeneration, settings: Settings, watch: Watch, work: Work) -> None:
        self._prepared = prepared
        self._order = prepared.order
        self._settings = settings
        self._watch = watch
        self._work = work
        self._id = work.state.evaluation_id
        self._folder = settings.home / "runs" / self._id
        self._ended_at = work.state.started_at
        headers = () if self._order.target is None else tuple(self._order.target.headers.values())
        self.log = RunLog(work.log, (prepared.key, *headers))

    def entry(self) -> Entry:
        """What the ledger notes at the start."""
        return Entry(
            id=self._id,
            state="running",
            model=self._order.model_name,
            tasks=GENERATING,
            out=self._folder,
            work=self._work.folder,
            started_at=self._work.state.started_at,
        )

    def finish(self) -> GenerationResult:
        """Do what is still missing."""
        if self._work.is_resumed:
            self._watch.notice(f"going on with generation {self._id}, which was cut short")
        kept = keep_documents(
            self._prepared.brought, DocumentStore(self._settings.documents_folder), self._prepared.limits
        )
        uploads = self._deliver_uploads(kept)
        generation = self._ask()
        store = DatasetStore(self._settings.question_sets_folder)
        dataset = self._dataset(generation, kept, store)
        out = self._order.out
        rejects = None if out is None else write_files(generation, out)
        self._write(generation, dataset, uploads)
        landed = self._deliver(is_away=bool(uploads.errors))
        if dataset is not None and landed.receipts and not dataset.run_id:
            store.note_run(dataset, landed.receipts[0].run_id)
        return GenerationResult(
            bundle=read_bundle(self._folder),
            generation=generation,
            folder=self._folder,
            dataset_id="" if dataset is None else dataset.dataset_id,
            dataset_version=0 if dataset is None else dataset.version,
            out=out,
            rejects=rejects,
            receipts=(*landed.receipts, *uploads.receipts),
            run=landed.receipts[0] if landed.receipts else None,
            errors=(*shortcomings(generation, self._order.plan), *_once((*landed.errors, *uploads.errors))),
        )

    @property
    def _documents(self) -> tuple[Document, ...]:
        return tuple(each.document for each in self._prepared.brought)

    def _ask(self) -> Generation:
        """What the model, or the generator without one, makes of the documents."""
        order = self._order
        url = "" if order.target is None else public_url(order.target.url)
        self.log.write(f"asking {order.model_name} at {url}" if url else f"made by {order.model_name}, nobody is asked")
        generation = in_loop(self._generated)
        self._ended_at = datetime.now(UTC)
        self.log.write(count_line(generation))
        for what, reasons in (("rejected", generation.rejected_by_reason), ("missing", dict(generation.shortfall))):
            if reasons:
                self.log.write(f"{what}: {reason_words(reasons)}")
        return generation

    async def _generated(self) -> Generation:
        order, model = self._order, self._prepared.open_model(self._settings)
        async with AsyncExitStack() as stack:
            answers: AnswerLog | None = None
            if model is not None:
                answers = stack.enter_context(closing(AnswerLog(self._answers, self._earlier())))
                await stack.enter_async_context(model)
            return await generate(
                order.plan,
                self._prepared.chunks,
                model,
                limits=order.limits,
                answers=answers,
                on_progress=self._told,
            )

    def _told(self, progress: Progress) -> None:
        self._watch.progress(progress)
        self._work.note_done(progress.done)

    @property
    def _answers(self) -> Path:
        """Named for who was asked about what, so that others on the same find it in the bundles of earlier ones."""
        return self._work.folder / f"{self._prepared.answers_key}.answers"

    def _earlier(self) -> list[Path]:
        """The answers of finished generations on the same, by whatever plan."""
        if self._order.fresh:
            return []
        return sorted(self._settings.home.glob(f"runs/*/{layout.ANSWERS}/{self._answers.name}"))

    def _dataset(
        self, generation: Generation, kept: tuple[StoredUpload, ...], store: DatasetStore
    ) -> DatasetVersion | None:
        first = self._documents[0].name
        usual = first if len(kept) == 1 else f"{first} and {len(kept) - 1} more"
        return keep_generated(
            generation,
            store,
            key=self._prepared.content_key,
            name=self._order.name or usual,
            upload_ids=[each.id for each in kept],
            generation_id=self._id,
            chunks=self._prepared.chunks,
        )

    def _deliver_uploads(self, kept: tuple[StoredUpload, ...]) -> LandedUploads:
        delivery = self._order.delivery
        if delivery is None:
            return LandedUploads()
        return deliver_uploads(self._documents, kept, delivery, self._settings)

    def _write(self, generation: Generation, dataset: DatasetVersion | None, uploads: LandedUploads) -> None:
        """Write the bundle where it is not there yet."""
        if (self._folder / MANIFEST).is_file():
            return
        order, documents = self._order, self._documents

        def build(folder: Path) -> ResultBundle:
            write_files(generation, folder / layout.QUESTIONS)
            about = About(
                id=self._id,
                started_at=self._work.state.started_at,
                ended_at=self._ended_at,
                artifacts=artifacts_in(folder),
                dataset=dataset,
                upload_run_ids=uploads.run_ids,
                tags=tuple(context_tags(self._settings.environ, Path()).items()),
            )
            (folder / layout.REQUEST).write_bytes(request_document(order, documents))
            (folder / layout.REPORT).write_text(write_report(order, generation, documents, about), encoding="utf-8")
            self._keep_work(folder)
            return generation_bundle(order, generation, documents, about)

        write_bundle(self._folder, build)

    def _keep_work(self, folder: Path) -> None:
        """Put the log and the answers into the bundle."""
        log = folder / layout.LOG
        make_private(log.parent)
        if self._work.log.is_file():
            shutil.copyfile(self._work.log, log)  # which goes on, while the bundle stays as it is
        if self._answers.is_file():
            link_or_copy(self._answers, make_private(folder / layout.ANSWERS) / self._answers.name)

    def _deliver(self, *, is_away: bool) -> Landed:
        delivery = self._order.delivery
        if delivery is None:
            return Landed()
        landed = deliver_folder(
            self._folder,
            generation_delivery(delivery, self._settings),
            self._settings,
            fresh=not self._work.is_resumed,
            progress=lambda step: self.log.write(f"delivering: {step}"),
            is_tried_again=is_away,
        )
        for error in landed.errors:
            self.log.write(f"not delivered: {error}")
        return landed


def shortcomings(generation: Generation, plan: GenerationPlan) -> list[EvaltrailError]:
    """An error where questions are missing."""
    if not generation.missing:
        return []
    why = reason_words(dict(generation.shortfall)) or "no reason is known"
    reasons = set(generation.shortfall)
    steps = [step for reason, step in _STEPS.items() if reason in reasons]
    longer = "raise max_tokens" if told_end(plan.generation) else _LONGER if plan.budget_tokens is not None else ""
    if longer and reasons & _CUT:
        steps.append(longer)
        reasons -= _CUT
    steps += ["ask for fewer, or give more text"] if reasons - set(_STEPS) or not steps else []
    if generation.rejected:
        steps += ["loosen a gate with --gates (NAME=0 leaves it out): the file of rejects tells each one's reason"]
    return [
        EvaltrailError(
            f"{generation.missing:,} of {generation.requested:,} questions are missing: {why}",
            code="shortfall",
            hint="; ".join(steps),
        )
    ]


def _once(errors: tuple[DestinationError | EvaltrailError, ...]) -> list[EvaltrailError]:
    """The errors, of those that say the same the first."""
    return list({(error.code, error.where, error.message): error for error in errors}.values())


def _is_finished(work: Work, order: GenerationOrder, settings: Settings) -> bool:
    """Whether the work folder was left behind by a generation that had ended."""
    folder = settings.home / "runs" / work.state.evaluation_id
    if order.id or not (folder / MANIFEST).is_file():
        return False
    return order.delivery is None or is_settled(folder, generation_delivery(order.delivery, settings), settings)
