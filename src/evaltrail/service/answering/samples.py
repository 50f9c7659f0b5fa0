"""Samples of one benchmark, by the page: what was asked, what came back, and how it scored or why it did not.

Where the benchmark was asked by us, its journals are read: plain JSON lines, which also tell of one that still runs.
Samples that another program left lie in a parquet file alone; reading that loads 60 MB into a process for good, so a
short-lived child does it (0.3 s a page, Nov 2026).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltrail.bundle.layout import ANSWERS, SAMPLES
from evaltrail.config.secrets import redact
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Scalar
from evaltrail.service.answering.account import BenchmarkAccount, EvaluationAccount
from evaltrail.service.answering.bundles import bundle_folder
from evaltrail.service.answering.journal_pages import journals_below, samples_from
from evaltrail.service.answering.parquet_pages import ParquetQuestion, read_page
from evaltrail.service.answering.sample_choice import FILTERS, Chosen, Wanted, choose
from evaltrail.service.working.places import jobs_folder

_LIMITS = range(1, 101)
_LONGEST = 20_000
"""Characters of a text that are told; more lie in the bundle."""
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAccount:
    """One metric's value for one sample, or the reason it has none."""

    value: float | bool | str | None = None
    reason: str = ""
    """Why it is unscored; empty = it has a value."""
    rationale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleAccount:
    """One sample. Long texts are cut."""

    id: str
    index: int
    """Position in the data set, from 0."""
    repeat: int
    task: str = ""
    """Which one of a group of tasks; empty = the benchmark is one task."""
    input: str | tuple[Mapping[str, str], ...] = ""
    """Text, or chat turns."""
    output: str | None = None
    """None where the request failed."""
    extracted: str | None = None
    """What was scored where that is not the whole output."""
    reference: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    scores: Mapping[str, ScoreAccount] = field(default_factory=dict)
    error: str = ""
    """Why there is no output."""
    detail: str = ""
    finish_reason: str = ""
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    latency_s: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplePage:
    """Some samples of a benchmark."""

    evaluation_id: str
    benchmark: int
    benchmark_id: str
    provider_id: str
    items: tuple[SampleAccount, ...]
    next_cursor: str = ""
    """Gives the next page; empty = there is nothing after it. A page that was filtered may hold few items, or none,
    and have one all the same: so many samples were looked at."""
    is_final: bool
    """Whether all samples are there that there will be."""
    note: str = ""
    """Why there is none, where that needs to be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSource:
    """Where the samples of a benchmark are looked for."""

    account: EvaluationAccount
    benchmark: BenchmarkAccount
    results: tuple[TaskResult, ...] | None
    """Of the benchmark, in the bundle; None where there is no bundle, or none yet."""


class SamplePages:
    """Reads pages of samples; any thread may use it.

    Args:
        settings: where bundles and work lie.
    """

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home

    def page(self, source: SampleSource, *, limit: int, cursor: str, only: str) -> SamplePage:
        """Some samples of one benchmark; see Answers.samples.

        Args:
            source: where they are.
            limit: samples at most.
            cursor: where to go on; empty = from the first.
            only: which samples.

        Raises:
            InputError: the limit, the cursor or the filter is none, or the samples cannot be read.
        """
        chosen = self._chosen(source, _wanted(source, limit, only), _place(cursor))
        results, benchmark = source.results or (), source.benchmark
        return SamplePage(
            evaluation_id=source.account.id,
            benchmark=benchmark.index,
            benchmark_id=benchmark.id,
            provider_id=benchmark.provider_id,
            items=tuple(_told(each.sample, each.task if len(results) > 1 else "") for each in chosen.found),
            next_cursor="" if chosen.goes_on is None else _cursor(chosen.goes_on),
            is_final=source.account.is_over,
            note="" if chosen.found or cursor or only else _note(source),
        )

    def _chosen(self, source: SampleSource, wanted: Wanted, place: tuple[int, int]) -> Chosen:
        account, number = source.account, source.benchmark.index
        if source.results is None:
            parts = journals_below(jobs_folder(self._home) / account.id, number)
            return choose(samples_from(parts, place), wanted)
        kept = bundle_folder(self._home, account.id)
        parts = journals_below(kept / ANSWERS, number)
        if parts or not (kept / SAMPLES).is_file():
            return choose(samples_from(parts, place), wanted)
        tasks = tuple(result.name for result in source.results)
        question = ParquetQuestion(file=str(kept / SAMPLES), tasks=tasks, wanted=wanted, place=place)
        return read_page(question)


def _wanted(source: SampleSource, limit: int, only: str) -> Wanted:
    if limit not in _LIMITS:
        raise InputError(f"a limit of {limit}", where="limit", hint=f"{_LIMITS.start} to {_LIMITS.stop - 1}")
    chosen = next((each for each in FILTERS if each == only), None)
    if chosen is None:
        raise InputError(f"{only!r:.40} is no filter", where="only", hint="failed or unscored; leave it out for all")
    metrics = [metric for result in source.results or () for metric in result.metrics]
    observed = frozenset(metric.name for metric in metrics if not metric.is_grade)
    return Wanted(limit=limit, only=chosen, observed=observed, has_metrics=source.results is not None)


def _cursor(place: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(f"{place[0]}.{place[1]}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[int, int]:
    """Where a page begins."""
    if not cursor:
        return 0, 0
    try:
        text = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", altchars=b"-_", validate=True).decode("ascii")
        match = _PLACE.fullmatch(text)
    except (ValueError, binascii.Error):
        match = None
    if match is None:
        raise InputError(f"{cursor!r:.40} is no cursor", where="cursor", hint="take next_cursor of the page before")
    return int(match[1]), int(match[2])


def _note(source: SampleSource) -> str:
    """Why there is no sample at all."""
    if not source.account.is_over:
        return "nothing is answered yet; what another program runs is known when it has ended"
    if source.benchmark.error is not None:
        return source.benchmark.error.message
    return "no samples were kept"


def _told(sample: Sample, task: str) -> SampleAccount:
    asked = sample.input
    return SampleAccount(
        id=sample.id,
        index=sample.index,
        repeat=sample.repeat,
        task=task,
        input=_cut(asked) if isinstance(asked, str) else tuple(map(_turn, asked)),
        output=None if sample.output is None else _cut(sample.output),
        extracted=None if sample.extracted is None else _cut(sample.extracted),
        reference=tuple(map(_cut, sample.reference)),
        contexts=tuple(map(_cut, sample.contexts)),
        scores={name: _score(score) for name, score in sample.scores.items()},
        error=sample.error,
        detail=redact(_cut(sample.detail)),
        finish_reason=sample.finish_reason,
        attributes=sample.attributes,
        latency_s=sample.usage.latency_s,
        tokens_in=sample.usage.prompt_tokens,
        tokens_out=sample.usage.completion_tokens,
    )


def _turn(turn: Mapping[str, str]) -> Mapping[str, str]:
    return {name: _cut(text) for name, text in turn.items()}


def _score(score: Score) -> ScoreAccount:
    return ScoreAccount(value=score.value, reason=score.reason, rationale=_cut(score.rationale))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text):,} characters)"
