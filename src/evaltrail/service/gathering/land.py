"""Land: units of foreign results, read and delivered by several threads; one that fails never stops the others."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions, Receipt, Skipped
from evaltrail.core.errors import (
    DestinationError,
    DestinationUnreachableError,
    EvaltrailError,
    InputError,
    InterruptError,
    StorageError,
)
from evaltrail.core.ids import digest
from evaltrail.core.ports import Reader
from evaltrail.core.progress import Progress, ProgressSink
from evaltrail.core.result import ResultBundle
from evaltrail.core.source import HEAD_BYTES, Source
from evaltrail.destinations.mlflow.destination import Channel, MlflowDestination
from evaltrail.destinations.mlflow.points import is_wanted, metric_names
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.destinations.mlflow.tracking_uri import is_http, resolve_tracking_uri
from evaltrail.readers.detect import Found
from evaltrail.readers.tables import unreadable
from evaltrail.service.deliver import complete_options, incomplete, open_destination
from evaltrail.service.gathering.merge import labels_of, merge
from evaltrail.service.gathering.reading import guarded, stumbled
from evaltrail.service.gathering.survey import Unit
from evaltrail.service.gathering.unpacking import named

_THREADS = 4
"""More make no server of four workers on this machine faster (Nov 2026)."""
_Told = TypeVar("_Told", bound=EvaltrailError)
_SPLIT = frozenset({"per_task", "nested"})
"""The layouts that give each task a run of its own."""
NO_METRIC = "no_metric"
"""Code of the error that says: none of its metrics is named like those asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one unit."""

    unit: Unit
    bundle_id: str = ""
    status: str = ""
    """How the evaluation itself went; empty = it could not be read."""
    runs: tuple[RunPlan, ...] = ()
    """The plans, for ``--dry-run``; empty once they were carried out."""
    files: tuple[Path, ...] = ()
    """The files that belong to it."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Metrics whose names had to change: name in MLflow to name in the result."""
    receipts: tuple[Receipt, ...] = ()
    errors: tuple[EvaltrailError, ...] = ()


def exit_code_of(outcomes: Iterable[Outcome], errors: Sequence[EvaltrailError]) -> int:
    """The exit code of a command that landed several results: 0 without errors, 2 when it could not even begin.

    An input that cannot be read beside others that landed is a failed part (1), not a command that was refused.
    """
    has_begun = any(outcome.receipts or outcome.runs for outcome in outcomes)
    if errors and not has_begun and all(isinstance(error, InputError) for error in errors):
        return InputError.exit_code
    return max((1 if isinstance(error, InputError) else error.exit_code for error in errors), default=0)


def read_unit(
    unit: Unit, readers: Mapping[str, Reader], *, is_split: bool = False
) -> tuple[ResultBundle, tuple[InputError, ...]]:
    """The bundle of a unit, and why some of its heads could not be read.

    Args:
        unit: what to read.
        readers: name to reader.
        is_split: whether each task of it becomes a run of its own.

    Raises:
        InputError: none of them can be read.
    """
    bundles: list[ResultBundle] = []
    read: list[Found] = []
    errors: list[InputError] = []
    for found in unit.heads:
        try:
            bundles.append(guarded(readers[found.reader].read(_with_head(found.source)), found))
            read.append(found)
        except InputError as error:
            errors.append(_named(error, unit))
        except Exception as error:  # noqa: BLE001  a reader's wall: whatever it stumbles over is told by path
            errors.append(_named(stumbled(found, error), unit))
    if not bundles:
        raise errors[0] if len(errors) == 1 else _none_readable(unit, errors)
    is_own = len(unit.heads) == 1 and not (unit.group and bundles[0].origin.invocation)
    if is_own:
        return _distinct(bundles[0], unit, readers), ()
    labels = labels_of([found.source for found in read])
    whole = merge(bundles, labels, group=unit.group, name=unit.name, is_split=is_split)
    missing = tuple(Skipped(what=error.where, why=error.message) for error in errors)
    return _distinct(replace(whole, skipped=(*missing, *whole.skipped)), unit, readers), tuple(errors)


def plan_units(
    units: Sequence[Unit], readers: Mapping[str, Reader], options: DeliveryOptions, settings: Settings
) -> Iterator[Outcome]:
    """What each unit would become; nothing is written or sent."""
    whole, destination = complete_options(options, settings), open_destination(settings)
    for unit in units:
        try:
            bundle, errors = read_unit(unit, readers, is_split=whole.layout in _SPLIT)
            runs = _plans(bundle, whole, destination)
            yield replace(_begun(unit, bundle), runs=runs, errors=errors)
        except InputError as error:
            yield Outcome(unit=unit, errors=(_named(error, unit),))


def land_units(
    units: Sequence[Unit],
    readers: Mapping[str, Reader],
    options: DeliveryOptions,
    settings: Settings,
    *,
    progress: ProgressSink = lambda _: None,
    title: str = "ingest",
) -> list[Outcome]:
    """What became of each unit, in the order given.

    Once MLflow cannot be reached, the rest is put into the outbox without another try.

    Args:
        units: what to read and deliver.
        readers: name to reader.
        options: how it is to land.
        settings: fill what the options leave open.
        progress: told after each unit.
        title: what the progress is of.

    Raises:
        InputError: the tracking URI or its settings cannot be used; nothing was started.
        StorageError: the outbox cannot be written.
        InterruptError: interrupted; the same command goes on.
    """
    whole = complete_options(options, settings)
    destination = open_destination(settings)
    destination.check(whole)
    if len(units) > 1 and whole.run_id:
        raise InputError(
            f"{len(units)} results cannot land in the one run that MLFLOW_RUN_ID names",
            code="usage",
            hint="unset MLFLOW_RUN_ID",
        )
    crew = _Crew(units=units, readers=readers, options=whole, destination=destination, progress=progress, title=title)
    is_remote = is_http(resolve_tracking_uri(whole.tracking_uri, settings.environ))
    crew.work(min(len(units), _THREADS) if is_remote else 1)
    return crew.outcomes


@dataclass(slots=True, kw_only=True)
class _Crew:
    """Threads that take one unit after another."""

    units: Sequence[Unit]
    readers: Mapping[str, Reader]
    options: DeliveryOptions
    destination: MlflowDestination
    progress: ProgressSink
    title: str
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next: int = 0
    _done: dict[int, Outcome] = field(default_factory=dict)
    _away: DestinationUnreachableError | None = None
    _is_stopped: bool = False

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of the units, in their order."""
        return [self._done[number] for number in sorted(self._done)]

    def work(self, threads: int) -> None:
        """Take every unit.

        Raises:
            InterruptError: interrupted.
        """
        self.progress(Progress(task=self.title, done=0, total=len(self.units)))
        with ThreadPoolExecutor(max(1, threads)) as pool:
            tasks = [pool.submit(self._take) for _ in range(max(1, threads))]
            try:
                for task in tasks:
                    task.result()
            except KeyboardInterrupt as interrupt:
                raise InterruptError(
                    f"interrupted: {len(self._done)} of {len(self.units)} have landed", hint="the same command goes on"
                ) from interrupt
            finally:
                self._is_stopped = True

    def _take(self) -> None:
        with self.destination.channel(self.options) as channel:
            while (number := self._claimed()) is not None:
                outcome = self._landed(self.units[number], channel)
                with self._lock:
                    self._done[number] = outcome
                    errors = {"errors": sum(bool(one.errors) for one in self._done.values())}
                    self.progress(
                        Progress(
                            task=self.title,
                            done=len(self._done),
                            total=len(self.units),
                            errors=errors if errors["errors"] else {},
                        )
                    )

    def _claimed(self) -> int | None:
        with self._lock:
            if self._is_stopped or self._next >= len(self.units):
                return None
            self._next += 1
            return self._next - 1

    def _landed(self, unit: Unit, channel: Channel) -> Outcome:
        outcome = Outcome(unit=unit)
        try:
            bundle, unread = read_unit(unit, self.readers, is_split=self.options.layout in _SPLIT)
            outcome = replace(_begun(unit, bundle), errors=unread)
            plans = _plans(bundle, self.options, self.destination)
            changed = {new: old for plan in plans for new, old in plan.names.metrics.items()}
            outcome = replace(outcome, renamed=changed)
            if self._away is not None:
                channel.keep(bundle, self.options, plans)
                raise self._away
            receipts = channel.send(bundle, self.options, plans)
        except StorageError:
            self._is_stopped = True
            raise
        except DestinationUnreachableError as error:
            return replace(outcome, errors=(*outcome.errors, self._went_away(error)))
        except (InputError, DestinationError) as error:
            return replace(outcome, errors=(*outcome.errors, _named(error, unit)))
        return replace(outcome, receipts=receipts, errors=(*outcome.errors, *incomplete(receipts)))

    def _went_away(self, error: DestinationUnreachableError) -> DestinationUnreachableError:
        """The error that all share once the server cannot be reached; one that it stumbles over stays alone."""
        if error.code != DestinationUnreachableError.default_code:
            return error
        with self._lock:
            self._away = self._away or error
            return self._away


def _begun(unit: Unit, bundle: ResultBundle) -> Outcome:
    files = tuple(item.file for item in bundle.artifacts)
    return Outcome(unit=unit, bundle_id=bundle.id, status=bundle.status, files=files)


def _plans(bundle: ResultBundle, options: DeliveryOptions, destination: MlflowDestination) -> tuple[RunPlan, ...]:
    names = metric_names(bundle.tasks)
    if options.log_metrics and names and not any(is_wanted(name, options.log_metrics) for name in names):
        raise InputError(
            f"no metric is named like {', '.join(options.log_metrics)}",
            code=NO_METRIC,
            where=bundle.name or bundle.origin.folder,
            hint=f"there are {', '.join(names[:20])}" + (f" and {len(names) - 20} more" if len(names) > 20 else ""),
        )
    return destination.plan(bundle, options)


def _distinct(bundle: ResultBundle, unit: Unit, readers: Mapping[str, Reader]) -> ResultBundle:
    """The bundle under an identity of its own, where an earlier unit with the very same bytes has this one."""
    original = unit.copy_of
    if original is None or bundle.origin.invocation or read_unit(original, readers)[0].id != bundle.id:
        return bundle
    note = Skipped(what=unit.label, why=f"it has the same bytes as {original.label}; both landed")
    return replace(bundle, id=digest([bundle.id, *unit.places]), skipped=(note, *bundle.skipped))


def _named(error: _Told, unit: Unit) -> _Told:
    """The error, about archives rather than the folders that they were unpacked to."""
    error.where, error.message = named(error.where, unit.archives), named(error.message, unit.archives)
    return error


def _none_readable(unit: Unit, errors: Sequence[InputError]) -> InputError:
    places = "; ".join(f"{error.where}: {error.message}" for error in errors)
    return InputError(
        f"none of its {len(errors)} results can be read: {places}",
        code=errors[0].code,
        where=unit.label,
        hint=errors[0].hint,
    )


def _with_head(source: Source) -> Source:
    """The source with its first bytes, which were let go after the survey."""
    if source.is_folder:
        return source
    try:
        with source.path.open("rb") as data:
            return replace(source, head=data.read(HEAD_BYTES))
    except OSError as error:
        raise unreadable(source.path, error.strerror or str(error)) from error
