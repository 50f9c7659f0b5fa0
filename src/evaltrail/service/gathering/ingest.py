"""Ingest: whatever lies below some places lands in MLflow, each result once; what does not is named."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions, Receipt, RunLayout, Skipped
from evaltrail.core.errors import EvaltrailError, InputError, PartialError
from evaltrail.core.ids import nearest
from evaltrail.core.ports import Reader
from evaltrail.core.progress import ProgressSink
from evaltrail.core.trace_choice import TraceChoice, read_trace_choice
from evaltrail.destinations.mlflow.staging import passing_folder
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, resolve_tracking_uri
from evaltrail.readers.catalog import READERS
from evaltrail.readers.nemo_service.names import EVALUATIONS, evaluation_called
from evaltrail.service.deliver import complete_options, outbox_folder
from evaltrail.service.gathering.land import NO_METRIC, Outcome, exit_code_of, land_units, plan_units
from evaltrail.service.gathering.survey import Search, Survey, load_readers, survey
from evaltrail.service.gathering.unpacking import Unpacking, named


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOrder:
    """What is to be ingested, and how it is to land."""

    search: Search
    delivery: DeliveryOptions = field(default_factory=DeliveryOptions)
    dry_run: bool = False
    """Only say what would land."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """What became of everything that was found."""

    outcomes: tuple[Outcome, ...]
    passed: tuple[Skipped, ...]
    """Files that no reader knows or that are not followed, and why."""
    unread: tuple[InputError, ...] = ()
    """What may be a result and could not even be opened."""

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """One a run."""
        return tuple(receipt for outcome in self.outcomes for receipt in outcome.receipts)

    @property
    def errors(self) -> tuple[EvaltrailError, ...]:
        """Everything that did not go as it should; what is the same for several results stands once."""
        every = (*self.unread, *(error for outcome in self.outcomes for error in outcome.errors))
        return tuple({str(error): error for error in every}.values())

    @property
    def exit_code(self) -> int:
        """0 all landed, 1 some did not, 2 nothing could begin, 3 MLflow is away and the rest waits."""
        return exit_code_of(self.outcomes, self.errors)


def ingest_results(order: IngestOrder, settings: Settings, progress: ProgressSink = lambda _: None) -> Ingested:
    """What became of every result below the paths of an order.

    Raises:
        InputError: a path does not exist, nothing is recognised, or the options cannot be used; nothing was started.
        StorageError: the outbox cannot be written.
        InterruptError: interrupted; the same order goes on.
    """
    readers = load_readers(order.search.reader)
    whole = complete_options(order.delivery, settings)
    check_tracking_uri(resolve_tracking_uri(whole.tracking_uri, settings.environ))
    _check_evaluation(order.search.evaluation, readers)
    search = replace(order.search, layout=whole.layout or "per_bundle")
    with Unpacking(passing_folder(outbox_folder(settings))) as unpacking:
        found = survey(search, readers, unpacking)
        if not found.units and not found.errors:
            raise _nothing(replace(found, passed=_told(found, (), unpacking.archives)), search)
        if order.dry_run:
            outcomes = list(plan_units(found.units, readers, order.delivery, settings))
        else:
            outcomes = land_units(found.units, readers, order.delivery, settings, progress=progress)
        passed = _told(found, outcomes, unpacking.archives)
    wanted, unwanted = _with_metrics(outcomes)
    return Ingested(outcomes=wanted, passed=(*passed, *unwanted), unread=found.errors)


def _with_metrics(outcomes: Sequence[Outcome]) -> tuple[tuple[Outcome, ...], tuple[Skipped, ...]]:
    """The outcomes, without those that have none of the metrics asked for where others have some."""

    def is_without(outcome: Outcome) -> bool:
        return [error.code for error in outcome.errors] == [NO_METRIC]

    if all(map(is_without, outcomes)):
        return tuple(outcomes), ()
    return (
        tuple(outcome for outcome in outcomes if not is_without(outcome)),
        tuple(Skipped(what=each.unit.label, why=each.errors[0].message) for each in outcomes if is_without(each)),
    )


class IngestOptions(TypedDict, total=False):
    """What may be said about an ingest besides the paths."""

    experiment: str
    """Default MLFLOW_EXPERIMENT_NAME, else ``evaltrail``."""
    tracking_uri: str
    """Default MLFLOW_TRACKING_URI, else MLflow's own default store."""
    layout: RunLayout
    """``per_bundle``, ``per_task``, ``per_file`` or ``nested``."""
    format: str
    """Only this reader."""
    evaluation: str
    """Name of the evaluation, where neither content nor path decides."""
    run_name: str
    """Default as the reader's format has it."""
    description: str
    """What MLflow shows as the runs' note."""
    tags: dict[str, str]
    """Tags of every run."""
    log_metrics: Sequence[str]
    """Only metrics whose names hold one of these."""
    include: Sequence[str]
    """Globs of the files to take."""
    exclude: Sequence[str]
    """Globs of the files to leave."""
    skip_existing: bool
    """Leave a source alone that has a complete run, however it was delivered."""
    traces: TraceChoice
    """Samples that become traces: ``failures``, ``all``, or so many of them."""
    progress: ProgressSink
    """Told after each result."""


def ingest(paths: str | Path | Sequence[str | Path], **options: Unpack[IngestOptions]) -> list[Receipt]:
    """The receipts of everything below the paths, one a run; ingesting the same again changes nothing.

    Args:
        paths: files, folders or archives of any supported harness.
        options: see IngestOptions.

    Raises:
        InputError: a path does not exist, nothing is recognised or can be read, or an option cannot be used; nothing
            was started.
        PartialError: some of it did not land; the rest did, and its receipts are ``error.receipts``.
    """
    unknown = sorted(set(options) - set(IngestOptions.__annotations__))
    if unknown:
        raise InputError(f"ingest() has no option {unknown[0]!r}", code="unknown_option")
    names = [paths] if isinstance(paths, str | Path) else list(paths)
    order = IngestOrder(
        search=Search(
            paths=tuple(map(Path, names)),
            reader=options.get("format", ""),
            evaluation=options.get("evaluation", ""),
            include=tuple(options.get("include", ())),
            exclude=tuple(options.get("exclude", ())),
        ),
        delivery=DeliveryOptions(
            experiment=options.get("experiment", ""),
            tracking_uri=options.get("tracking_uri", ""),
            layout=options.get("layout", ""),
            run_name=options.get("run_name", ""),
            description=options.get("description", ""),
            tags=options.get("tags", {}),
            log_metrics=tuple(options.get("log_metrics", ())),
            skip_existing=options.get("skip_existing", False),
            traces=read_trace_choice(options["traces"]) if "traces" in options else None,
        ),
    )
    done = ingest_results(order, load_settings(), options.get("progress", lambda _: None))
    if done.errors:
        raise _failure(done)
    return list(done.receipts)


def _failure(done: Ingested) -> EvaltrailError:
    """The one error where nothing could begin, else one that holds what did land."""
    if done.exit_code == InputError.exit_code and len(done.errors) == 1:
        return done.errors[0]
    return PartialError(done.errors, done.receipts, exit_code=done.exit_code)


def _check_evaluation(name: str, readers: Mapping[str, Reader]) -> None:
    """Refuse an evaluation that nobody knows; readers of strangers may know more than ours do."""
    if name and not evaluation_called(name) and set(readers) <= set(READERS.builtin):
        raise InputError(
            f"unknown evaluation {name!r}",
            code="unknown_evaluation",
            hint=nearest(name, EVALUATIONS) or f"known: {', '.join(EVALUATIONS)}",
        )


def _nothing(found: Survey, search: Search) -> InputError:
    where = ", ".join(map(str, search.paths))
    if found.unwanted:
        return InputError(
            f"none of the {found.unwanted:,} results is named like {', '.join(search.include)}",
            code="no_results",
            where=where,
            hint="--include takes globs of file names or paths, such as '*.json'",
        )
    seen = f"{len(found.passed):,} files were looked at" if found.passed else "the folder is empty"
    if len(found.passed) == 1:
        (only,) = found.passed
        seen = only.why if only.what == where else f"{only.what}: {only.why}"
    return InputError(
        f"no result of a known format is here: {seen}",
        code="no_results",
        where=where,
        hint=f"known formats: {', '.join(load_readers())}; --format NAME reads a file as that one",
    )


def _told(found: Survey, outcomes: Sequence[Outcome], archives: Mapping[Path, Path]) -> tuple[Skipped, ...]:
    """What was passed by, without the files that came along with a result; members by their archive's path."""
    taken = {os.path.realpath(file) for outcome in outcomes for file in outcome.files}
    return tuple(
        Skipped(what=named(item.what, archives), why=named(item.why, archives))
        for item in found.passed
        if os.path.realpath(item.what) not in taken
    )
