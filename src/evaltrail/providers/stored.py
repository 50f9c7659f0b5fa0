"""A task whose answers are there already: they are scored anew, and no model under test is asked."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

import msgspec

from evaltrail.bundle.journal import Journal
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.progress import Progress, ProgressSink
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, SampleStream, Score
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.extract import NO_MATCH
from evaltrail.providers.side_by_side import side_by_side
from evaltrail.providers.slices import NO_SLICES, SliceValues
from evaltrail.scoring.apply import Bench, Scorer, judge_into, score_into
from evaltrail.scoring.judging.port import Judge

_PROGRESS_SECONDS = 0.2
_NOTHING_TAKEN = frozenset({NO_MATCH, "extract_error"})
"""Reasons that say: the part that was to be graded is not in the output."""


class StoredTask:
    """One task of a finished result, to be scored by other metrics.

    Ids, repeats, groups, references, contexts and what was extracted stay as they are, and so does what could not be
    answered, with its reason.

    Args:
        source: the task as it was.
        metrics: what to score it by.
        values: of a task on questions, to be told apart as before; None = another task, without slices.

    Raises:
        InputError: it has no samples, or they cannot be read.
    """

    prefix: str | None = None
    """Its metrics stand below the task's name, whatever its producer did."""
    slices: Mapping[str, Sequence[str]] = NO_SLICES
    """Attribute of the samples to its values for which the metrics are told apart, too."""
    skipped: Sequence[Skipped] = ()
    """What the result will not tell, and why."""

    def __init__(self, source: TaskResult, metrics: Sequence[Scorer], values: SliceValues | None = None) -> None:
        if source.samples is None:
            raise InputError(
                "its samples were not kept",
                code="no_samples",
                where=source.name,
                hint="only results with inputs and outputs can be scored anew",
            )
        self.name = source.name
        self.provider, self.provider_version = source.provider, source.provider_version
        self.metrics = tuple(metrics)
        self.dataset = source.dataset
        self.total, self.repeats = 0, 1
        self._config = source.config
        self._samples: SampleStream = source.samples
        self._is_numbered = False
        """Whether its samples have to be numbered here, because two of them bear one number."""
        self._content = self._first_pass(values)
        if not self.total:
            raise InputError("the result has no samples", code="no_samples", where=source.name)
        if values is not None:
            self.slices, self.skipped = values.slices(), values.left_out()

    @property
    def identity(self) -> str:
        """Digest of the answers and of what scores them."""
        scorers: list[Json] = [[metric.name, metric.source] for metric in self.metrics]
        return digest([self._content, scorers])

    def config(self) -> Mapping[str, Scalar]:
        """The settings that it was asked with, flat."""
        return self._config

    def samples(self) -> Iterator[Sample]:
        """Its samples as they were, each with a number of its own."""
        for number, sample in enumerate(self._samples):
            yield replace(sample, index=number, repeat=0) if self._is_numbered else sample

    def _first_pass(self, values: SliceValues | None) -> str:
        encode = msgspec.json.Encoder().encode
        content = blake2b(digest_size=16)
        places: set[tuple[int, int]] = set()
        for sample in self._samples:
            self.total += 1
            self.repeats = max(self.repeats, sample.repeat + 1)
            places.add((sample.index, sample.repeat))
            content.update(encode(replace(sample, scores={})))
            if values is not None and not sample.repeat:
                values.see(sample.attributes)
        if len(places) < self.total:
            self._is_numbered, self.repeats = True, 1
        return content.hexdigest()


async def score_stored(
    task: StoredTask,
    journal: Journal,
    *,
    concurrency: int,
    on_progress: ProgressSink,
    benches: Sequence[Bench] = (),
) -> None:
    """Fill the journal until every sample of the task is in it.

    Args:
        task: what to score.
        journal: what is in it is not scored again.
        concurrency: samples in work at a time, at most.
        on_progress: told a few times a second.
        benches: the task's judges, each with its model; already open.

    Raises:
        EndpointError: a judge's endpoint refuses every request or is gone; what was scored is in the journal.
        StorageError: the journal cannot be written.
    """
    scoring = _Scoring(task, journal, on_progress, benches)
    try:
        await side_by_side(scoring.work, min(concurrency, task.total) if benches else 1)
    finally:
        scoring.tell(force=True)


class _Scoring:
    """What the workers of one task share."""

    def __init__(self, task: StoredTask, journal: Journal, on_progress: ProgressSink, benches: Sequence[Bench]) -> None:
        self._task = task
        self._journal = journal
        self._on_progress = on_progress
        self._benches = benches
        self._metrics = [metric for metric in task.metrics if not isinstance(metric, Judge)]
        self._waiting = (sample for sample in task.samples() if not journal.has(sample.index, sample.repeat))
        self._reasons: Counter[str] = Counter()
        self._told_at = 0.0

    async def work(self) -> None:
        """Take samples until none is left."""
        for sample in self._waiting:
            scored = await self._scored(sample)
            self._journal.append(scored)
            self._reasons.update({score.reason for score in scored.scores.values() if score.reason})
            self.tell()
            await asyncio.sleep(0)  # perhaps nothing was waited for, so let signals in

    def tell(self, *, force: bool = False) -> None:
        """Report the progress, a few times a second at most."""
        now = time.monotonic()
        if force or now - self._told_at >= _PROGRESS_SECONDS:
            self._told_at = now
            done, total = len(self._journal.done), self._task.total
            self._on_progress(Progress(task=self._task.name, done=done, total=total, errors=dict(self._reasons)))

    async def _scored(self, sample: Sample) -> Sample:
        scores: dict[str, Score] = {}
        fresh = replace(sample, scores=scores)
        nothing_taken = "" if sample.error else _nothing_taken(sample)
        if nothing_taken:
            grades = [metric for metric in self._task.metrics if metric.is_grade]
            scores |= {metric.name: Score(reason=nothing_taken, source=metric.source) for metric in grades}
            score_into(fresh, [metric for metric in self._metrics if not metric.is_grade], scores)
            return fresh
        score_into(fresh, self._metrics, scores)
        if self._benches:
            await judge_into(fresh, self._benches, scores)
        return fresh


def _nothing_taken(sample: Sample) -> str:
    """Why there is nothing to grade in an output, as its first scoring said; empty where there is."""
    if sample.extracted is not None:
        return ""
    return next((score.reason for score in sample.scores.values() if score.reason in _NOTHING_TAKEN), "")
