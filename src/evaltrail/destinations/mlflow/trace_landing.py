"""Send the traces of a run: spans in batches bounded in bytes, then each trace with its assessments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.decoding import decoded
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import DestinationError, DestinationUnreachableError
from evaltrail.destinations.mlflow.plan import EVALUATION_RUN, RUN_TYPE_TAG
from evaltrail.destinations.mlflow.port import Batch, Gateway, RunState
from evaltrail.destinations.mlflow.run_plan import PlannedTraces
from evaltrail.destinations.mlflow.trace import PlannedTrace

_BATCH_BYTES = 500_000
"""Of the lines as they are kept; the same as OTLP's JSON stays below the 1 MB that proxies let pass."""
_BATCH_TRACES = 100
_MOST_REFUSALS = 20
"""After so many, what is left is not tried: a server that takes no traces refuses each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedTraces:
    """How many traces a run has of those that were planned, and why not all."""

    count: int = 0
    skipped: tuple[Skipped, ...] = ()


def land_traces(
    planned: PlannedTraces, gateway: Gateway, run: RunState, *, is_new: bool, progress: Callable[[str], None]
) -> LandedTraces:
    """What became of the planned traces; those that the run has already are not sent again.

    A trace that MLflow refuses is skipped, never the run.

    Args:
        planned: the file, one trace a line.
        gateway: where the run is.
        run: that they belong to.
        is_new: whether this very attempt made the run, so that it has none yet; else MLflow is asked.
        progress: told each step.

    Raises:
        DestinationUnreachableError: MLflow is away; the next attempt goes on behind what has landed.
    """
    if not Path(planned.file).is_file():
        return LandedTraces(skipped=(Skipped(what="traces", why="the file they wait in is gone"),))
    if run.tags.get(RUN_TYPE_TAG) != EVALUATION_RUN:
        gateway.log_batch(run.run_id, Batch(tags=((RUN_TYPE_TAG, EVALUATION_RUN),)))
    there = frozenset() if is_new else gateway.find_traces(run)
    count, refusals = 0, list[str]()
    for batch in _batches(Path(planned.file)):
        progress(f"sending traces, {count:,} of {planned.count:,}")
        wanted = [trace for trace in batch if trace.id not in there]
        sent = _sent(wanted, gateway, run, refusals)
        count += len(batch) - len(wanted) + sent
        if len(refusals) >= _MOST_REFUSALS:
            break
    return LandedTraces(count=count, skipped=_skipped(planned.count - count, refusals))


def _skipped(missing: int, refusals: list[str]) -> tuple[Skipped, ...]:
    return (Skipped(what=f"{missing:,} traces", why=refusals[0]),) if refusals else ()


def _sent(traces: list[PlannedTrace], gateway: Gateway, run: RunState, refusals: list[str]) -> int:
    """How many of the traces landed; a refused batch is sent one by one."""
    try:
        if traces:
            gateway.log_spans(run, traces)
    except DestinationUnreachableError:
        raise
    except DestinationError as error:
        if len(traces) == 1:
            refusals.append(str(error))
            return 0
        return sum(_sent([trace], gateway, run, refusals) for trace in traces if len(refusals) < _MOST_REFUSALS)
    return sum(_has_landed(trace, gateway, run, refusals) for trace in traces)


def _has_landed(trace: PlannedTrace, gateway: Gateway, run: RunState, refusals: list[str]) -> bool:
    try:
        gateway.put_trace(run, trace)
    except DestinationUnreachableError:
        raise
    except DestinationError as error:
        refusals.append(str(error))
        return False
    return True


def _batches(file: Path) -> Iterator[list[PlannedTrace]]:
    """The traces of a file, as many at a time as one request may carry; a long one goes alone."""
    batch: list[PlannedTrace] = []
    size = 0
    with file.open("rb") as lines:
        for line in lines:
            if batch and (size + len(line) > _BATCH_BYTES or len(batch) == _BATCH_TRACES):
                yield batch
                batch, size = [], 0
            batch.append(decoded(line, PlannedTrace))
            size += len(line)
    if batch:
        yield batch
