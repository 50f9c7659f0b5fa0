"""Edited questions come back: a new version of their data set, and what was changed, into a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions, Receipt, Skipped
from evaltrail.core.errors import DestinationUnreachableError, EvaltrailError, InputError
from evaltrail.core.ids import new_id
from evaltrail.core.question import Question
from evaltrail.destinations.mlflow.active import free_part
from evaltrail.destinations.mlflow.known_run import KnownRun, find_run
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.run_plan import ID_TAG, PROVIDER_TAG
from evaltrail.generation.sheets.columns import COLUMNS
from evaltrail.generation.sheets.edits import Edits, carry_over, find_edits, write_difference
from evaltrail.generation.sheets.files import QuestionSheet, read_questions, read_sheet
from evaltrail.providers.questions.lineage import DATASET_TAG, MAKERS, VERSION_TAG
from evaltrail.service.deliver import Landed, complete_options, deliver_bundle, outbox_folder
from evaltrail.service.generating.edits_bundle import (
    DIFFERENCE_FILE,
    NO_DIFFERENCE_FILE,
    EditedDataset,
    edits_bundle,
)
from evaltrail.service.generating.places import EVALUATIONS, GENERATIONS, UPLOADS, generation_delivery
from evaltrail.service.generating.question_set import FETCHED, questions_digest, write_all
from evaltrail.store.dataset_store import ORDER, DatasetFacts, DatasetStore, DatasetVersion

_PART = "edits"
_MOST_SEARCHED = 200
"""Data sets, the newest first, that a file without a word about its origin is compared with."""
_SAME_SHARE = 0.5
"""Of a file's questions that a data set has to hold where not one id tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditsOrder:
    """A file of edited questions and what is to become of it."""

    file: Path
    name: str
    """What its owner calls it."""
    run_id: str = ""
    """A run of ours to land in; empty = a new one."""
    dataset_id: str = ""
    """The data set that was edited; empty = the run's, else the one that holds these questions."""
    delivery: DeliveryOptions | None = field(default_factory=DeliveryOptions)
    """None = nothing is delivered."""
    id: str = ""
    """Of the result that lands, where somebody has given it one, such as the queue; empty = a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EditsResult:
    """What came of it."""

    dataset: DatasetVersion
    """The new version; where nothing was changed, the one that was edited."""
    parent: DatasetVersion | None
    """None where these questions are new."""
    edits: Edits
    receipts: tuple[Receipt, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    """What of the file says nothing to us, and why."""
    errors: tuple[EvaltrailError, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when all is kept and delivered, 3 when the delivery waits."""
        return max((error.exit_code for error in self.errors), default=0)


def upload_edits(order: EditsOrder, settings: Settings) -> EditsResult:
    """The version of a data set that edited questions make, landed in a run; without a change neither is made.

    A run that is named gets them without a change too, unless it holds that version already. An order that was cut
    short once its version was kept goes on with that one.

    Raises:
        BusyError: other edits of the same run are on their way there.
        InputError: the file is no table of questions, or run or data set are not there or not ours.
        DestinationError: the run cannot be looked up; nothing was kept.
        StorageError: the disk refuses.
    """
    sheet = read_sheet(order.file, name=order.name)
    if not sheet.questions:
        raise InputError("no question is in it", code="no_questions", where=order.name, hint="send at least one row")
    store = DatasetStore(settings.question_sets_folder)
    with store.turn(f"edits-{order.run_id}") if order.run_id else nullcontext():  # each is a part of its own there
        return _uploaded(order, sheet, store, settings)


def _uploaded(order: EditsOrder, sheet: QuestionSheet, store: DatasetStore, settings: Settings) -> EditsResult:
    run = _named_run(order, settings)
    with store.turn("edits"):  # those that come at once follow one another
        made = store.of_order(order.id)
        parent = _parent(order, run, sheet, store) if made is None else _edited_from(made, store)
        before = () if parent is None else _questions(store, parent)
        after = carry_over(before, sheet) if before else sheet.questions
        edits = find_edits(before, after)
        same = parent if made is None and edits.is_nothing else None
        if same is not None and (run is None or _holds(_tags(run, settings), same, order.id)):
            return EditsResult(dataset=same, parent=same, edits=edits, skipped=sheet.skipped)
        dataset = made or same or _kept(order, parent, after, edits, store)
    edited = EditedDataset(
        name=order.name,
        edits=edits,
        dataset=dataset,
        parent=parent,
        first=store.version(dataset.dataset_id, 1),
        folder=store.folder_of(dataset),
    )
    if same is not None:
        write_difference(edited.folder / NO_DIFFERENCE_FILE, edits)
    landed = _deliver(order, run, edited, settings, is_new=made is None and same is None)
    if landed.receipts and not dataset.run_id and not dataset.generation_id:
        dataset = store.note_run(dataset, landed.receipts[0].run_id)
    return EditsResult(
        dataset=dataset,
        parent=parent,
        edits=edits,
        receipts=landed.receipts,
        skipped=sheet.skipped,
        errors=landed.errors,
    )


def _named_run(order: EditsOrder, settings: Settings) -> KnownRun | None:
    """The run that was named, which has to be one of ours."""
    if not order.run_id or order.delivery is None:
        return None
    whole = complete_options(order.delivery, settings)
    try:
        run = find_run(order.run_id, whole.tracking_uri, environ=settings.environ)
    except DestinationUnreachableError as error:
        hint = "nothing was kept: the same command again when it is back, or without the run's id"
        raise DestinationUnreachableError(error.message, where=error.where, hint=hint) from error
    if run is None:
        raise InputError(
            f"there is no run {order.run_id!r:.60}",
            code="unknown_run",
            hint="take the id from MLflow's page of the run, or leave it out for a new run",
        )
    own = {settings.own_experiment(name) for name in (UPLOADS, GENERATIONS, EVALUATIONS)}
    if run.experiment_name not in own | {whole.experiment}:
        raise InputError(
            f"the run {order.run_id!r:.60} is in the experiment {run.experiment_name!r:.80}, which is not ours",
            code="foreign_run",
            hint=f"name a run in {settings.own_experiment(GENERATIONS)}, or leave it out for a new one",
        )
    return run


def _parent(
    order: EditsOrder, run: KnownRun | None, sheet: QuestionSheet, store: DatasetStore
) -> DatasetVersion | None:
    """The version that was edited."""
    if order.dataset_id:
        dataset_id, _, number = order.dataset_id.partition("@")
        return store.version(dataset_id, int(number) if number.isdecimal() else None)
    if run is not None:
        known = store.of_run(run.run_id)
        if known is not None:
            return store.version(known.dataset_id)
    return _most_alike(sheet, store)


def _edited_from(made: DatasetVersion, store: DatasetStore) -> DatasetVersion | None:
    return None if made.parent_version is None else store.version(made.dataset_id, made.parent_version)


def _most_alike(sheet: QuestionSheet, store: DatasetStore) -> DatasetVersion | None:
    """The data set that holds most of these questions, by their ids, else by what they ask.

    Two generations on one document may share questions: of data sets with as many, the one meant is that which says
    the same of most of them, then that which holds the fewest others, then the newest.
    """
    ids = {question.id for question in sheet.questions}
    queries = {question.query.strip() for question in sheet.questions}
    columns = [column for column in COLUMNS if column in sheet.columns]
    rows = {_said(question, columns) for question in sheet.questions}
    best: tuple[tuple[int, int, int], DatasetVersion] | None = None
    for version, questions in _latest(store):
        by_id = sum(question.id in ids for question in questions)
        by_query = sum(question.query.strip() in queries for question in questions)
        same = by_id or (by_query if by_query >= _SAME_SHARE * len(queries) else 0)
        likeness = same, sum(_said(question, columns) in rows for question in questions), -len(questions)
        if same and (best is None or likeness > best[0]):
            best = likeness, version
    return None if best is None else best[1]


def _said(question: Question, columns: Sequence[str]) -> tuple[object, ...]:
    return tuple(getattr(question, column) for column in columns)


def _latest(store: DatasetStore) -> Iterator[tuple[DatasetVersion, tuple[Question, ...]]]:
    for each in store.list(limit=_MOST_SEARCHED):
        if FETCHED not in each.latest.settings:  # a copy that an evaluation made for itself
            yield each.latest, _questions(store, each.latest)


def _questions(store: DatasetStore, version: DatasetVersion) -> tuple[Question, ...]:
    file = store.folder_of(version) / "questions.jsonl"
    return read_questions(file, name=file.name)


def _kept(
    order: EditsOrder, parent: DatasetVersion | None, after: tuple[Question, ...], edits: Edits, store: DatasetStore
) -> DatasetVersion:
    """The new version, or the first one of questions that nobody knew."""
    facts = DatasetFacts(
        name=order.name if parent is None else parent.name,
        digest=questions_digest(after),
        count=len(after),
        upload_ids=() if parent is None else parent.upload_ids,
        settings={"edited": order.name} | ({ORDER: order.id} if order.id else {}),
    )
    if parent is None:
        return store.add(_files_of(after, edits), facts)
    return store.add_version(parent.dataset_id, _files_of(after, edits), facts, parent=parent.version)


def _files_of(after: tuple[Question, ...], edits: Edits) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        write_all(folder, after)
        write_difference(folder / DIFFERENCE_FILE, edits)

    return build


def _deliver(
    order: EditsOrder, run: KnownRun | None, edited: EditedDataset, settings: Settings, *, is_new: bool
) -> Landed:
    """What became of the run: the one that was named goes on to hold what it holds."""
    if order.delivery is None:
        return Landed()
    options = generation_delivery(order.delivery, settings)
    part = ""
    identity = order.id or new_id()
    if run is not None:
        tags = _tags(run, settings)
        part = _own_part(tags, identity) or free_part(tags, _PART) or _PART
        options = replace(options, run_id=run.run_id, stays_open=True, part=part)
        options = replace(options, experiment="", experiment_id=run.experiment_id)
    bundle = edits_bundle(edited, identity=identity, part=part, at=edited.dataset.created_at)
    return deliver_bundle(bundle, options, replace(settings, run_id=""), fresh=is_new, progress=lambda _: None)


def _tags(run: KnownRun, settings: Settings) -> dict[str, str]:
    """What a run's tags will say once all that waits for it has landed."""
    with Outbox(outbox_folder(settings), is_shared=settings.has_shared_home) as outbox:
        plans = [each.plan for each in outbox.waiting() if each.plan is not None]
    waiting = {name: value for plan in plans if plan.run_id == run.run_id for name, value in plan.tags.items()}
    return {**waiting, **run.tags}


def _holds(tags: Mapping[str, str], version: DatasetVersion, identity: str) -> bool:
    """Whether a run holds a version of a data set as another result than the one that lands now."""
    made = (name for name, value in tags.items() if name.startswith(PROVIDER_TAG) and value in MAKERS)
    parts = (name.removeprefix(PROVIDER_TAG) for name in made)
    held = (version.dataset_id, str(version.version))
    return any(
        (tags.get(DATASET_TAG + part), tags.get(VERSION_TAG + part)) == held and tags.get(ID_TAG + part) != identity
        for part in parts
    )


def _own_part(tags: Mapping[str, str], identity: str) -> str:
    """The part of a run that an earlier attempt at the same edits has begun; empty where there is none."""
    own = (name.removeprefix(f"{ID_TAG}.") for name, value in tags.items() if value == identity)
    return next((part for part in own if part.startswith(_PART)), "")
