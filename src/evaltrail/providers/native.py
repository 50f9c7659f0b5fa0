"""The provider `native`: a task file joined with its data, checked in a first pass, ready to be asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Self

import msgspec

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, digest_bytes, nearest
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.datasets import Record, RecordSource, find_dataset
from evaltrail.providers.extract import make_extractor
from evaltrail.providers.fewshot import read_examples
from evaltrail.providers.judge_columns import WantedColumns
from evaltrail.providers.rendering import TaskTemplates, Turns
from evaltrail.providers.slices import NO_SLICES
from evaltrail.providers.tasks import NAME, TaskFile, check_generation
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.port import Judge

_CONTEXTS = ("contexts", "context", "passage", "document", "text", "story", "article")
_QUESTIONS = ("question", "query", "input")
_REFERENCES_KEPT = 10_000
_ATTRIBUTE_CHARACTERS = 200
_REASON_CHARACTERS = 64
_OUTPUT_ERROR = "output_error"
_IN_TASK_FILE = {
    "reference": 'add target: "{{ FIELD }}" to the task',
    "contexts": 'add context: "{{ FIELD }}" to the task',
}
_IN_PYTHON = {"reference": "name its column: targets=", "contexts": "name their column: contexts="}


@dataclass(frozen=True, slots=True)
class Item:
    """One record with its place in the data set."""

    index: int
    id: str
    record: Record


NO_TAGS: Mapping[str, str] = MappingProxyType({})


class NativeTask:
    """A task that was read, checked against its data and is ready to run.

    Args:
        task: the task file.
        request: what was asked for: limit, samples, repeats, seed, generation.
        mirror: EVALTRAIL_DATASETS_DIR.
        metrics: instruments made elsewhere; None = those that the task file names.
        provider: who offers the task.
        prefix: stands before the names of its metrics; None = the task's name and a ``/``.
        source: the data set, found elsewhere; None = the one that the task file names.

    Raises:
        InputError: the data cannot be read, an id stands twice, a template names a field that is not there.
    """

    takes_contexts: bool = False
    """Whether a sample's contexts are those that the answer tells, not those of the prompt."""
    slices: Mapping[str, Sequence[str]] = NO_SLICES
    """Attribute of the samples to its values for which the metrics are told apart, too."""
    tags: Mapping[str, str] = NO_TAGS
    """What the run is to say of where the data came from."""
    skipped: Sequence[Skipped] = ()
    """What the result will not tell of the data, and why."""

    def __init__(
        self,
        task: TaskFile,
        request: EvaluationRequest,
        mirror: Path | None,
        *,
        metrics: Sequence[Scorer] | None = None,
        provider: str = "native",
        prefix: str | None = None,
        source: RecordSource | None = None,
    ) -> None:
        self.name, self.provider, self.prefix = task.name, provider, prefix
        self.repeats = request.repeats or task.repeats
        if self.repeats < 1:
            raise InputError(f"the repeats cannot be {self.repeats}", code="bad_repeats", hint="give 1 or more")
        check_generation(request.generation)
        self.generation: Mapping[str, Json] = {**task.generation, **request.generation}
        self.metrics = (
            make_metrics(task.metrics, where=task.where("metrics"), folder=task.file.parent)
            if metrics is None
            else tuple(metrics)
        )
        self._kept = frozenset[str]().union(*(metric.fields for metric in self.metrics if isinstance(metric, Judge)))
        self.extractor = make_extractor(task.extract, task.where("extract"))
        self.chooses_by_logprob = task.choose_by == "logprob"
        self.references: Counter[str] = Counter()
        """First accepted answers and how often each stands in the data; what a baseline may know."""
        self._task = task
        self._has_own_metrics = metrics is None
        self._seed = request.seed
        self._templates = TaskTemplates(task)
        self._source = source or find_dataset(task.dataset, task.file.parent, mirror, task.where("dataset"))
        shots = task.fewshot
        self._examples = read_examples(shots, task, self._source, self._templates, mirror) if shots else None
        self._wanted = frozenset(request.sample_ids)
        self._stop = self._records_wanted(request.limit)
        self.positions: range | None = None
        """Which of the chosen records are asked; None = all."""
        self.dataset = self._first_pass()

    @property
    def total(self) -> int:
        """Samples this task will have: records times repeats."""
        size = self.dataset.size or 0
        return (size if self.positions is None else len(self.positions)) * self.repeats

    def part(self, start: int, stop: int) -> Self:
        """The same task, of whose records only some are asked.

        Identity, prompts, ids, seeds and metrics are those of the whole, whose data set is not read again for it.

        Args:
            start: position of the first one among the chosen records of the whole, from 0.
            stop: position behind the last one.

        Raises:
            InputError: the task has no such records.
        """
        size = self.dataset.size or 0
        if not 0 <= start < stop <= size:
            raise InputError(
                f"the records {start} to {stop} are no part of {size}",
                code="bad_range",
                where=self.name,
                hint="where the data set was changed, run again",
            )
        part = copy(self)
        part.positions = range(start, stop)
        return part

    @property
    def identity(self) -> str:
        """Digest of everything that decides what is asked and how it is scored, except the model."""
        shots = self._examples.digest if self._examples else ""
        parts: list[Json] = [
            self._task.digest,
            self.dataset.digest,
            shots,
            self.repeats,
            self._seed,
            dict(self.generation),
            [[metric.name, metric.source] for metric in self.metrics],
        ]
        return digest(parts)

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        flat: dict[str, Scalar] = {f"generation.{key}": _flat(value) for key, value in self.generation.items()}
        if shots := self._task.fewshot:
            flat |= {"fewshot.k": shots.k, "fewshot.seed": shots.seed, "fewshot.dataset": shots.dataset}
        if self.repeats > 1:
            flat["repeats"] = self.repeats
        return {**flat, "task.digest": self._task.digest}

    def items(self) -> Iterator[Item]:
        """The chosen records in order; each call reads the data set afresh."""
        start, stop = (0, None) if self.positions is None else (self.positions.start, self.positions.stop)
        if self._wanted:
            yield from islice((item for item in self._numbered() if item.id in self._wanted), start, stop)
        else:
            yield from self._numbered(start, stop)

    def prompt(self, item: Item, repeat: int = 0) -> Prompt:
        """What the model is asked for one item.

        Raises:
            InputError: a template fails on this record.
        """
        record = item.record
        turns = self._templates.turns(record)
        system = self._templates.system(record)
        shots = self._examples.before(turns) if self._examples else ()
        plain = not (system or shots or self._task.messages)
        fields = record.fields
        return Prompt(
            messages=() if plain else (*system, *shots, *turns),
            text="" if self._task.messages else _as_one_text(system, shots, turns),
            seed=None if self._seed is None and self.repeats == 1 else (self._seed or 0) + repeat,
            question=next((str(fields[name]) for name in _QUESTIONS if fields.get(name)), turns[-1]["content"]),
            contexts=self._contexts(record),
            choices=self._templates.values("choices", record),
        )

    def given(self, record: Record) -> Answer | None:
        """The answer that a record brings, or why it has none; None where the model is to be asked."""
        reason = "".join(self._templates.values("output_error", record)).strip()
        if reason:
            code, _, detail = reason.partition(": ")
            if not NAME.fullmatch(code) or len(code) > _REASON_CHARACTERS:  # a message: reasons are counted, each alone
                code, detail = _OUTPUT_ERROR, reason
            return Answer(error=code, detail=detail, attempts=0)
        parts = self._templates.values("output", record)
        return Answer(text="\n".join(parts), attempts=0) if parts else None

    def reference(self, record: Record) -> tuple[str, ...]:
        """The accepted answers of a record."""
        return self._templates.values("target", record)

    def group(self, record: Record) -> str:
        """The cluster a record belongs to, or an empty string."""
        return next(iter(self._templates.values("group", record)), "")

    def attributes(self, record: Record) -> Mapping[str, Scalar]:
        """The record's other short fields, kept for slicing the results, and those that a judge reads."""
        needs, kept = self._templates.needs, self._kept
        found: dict[str, Scalar] = {}
        for name, value in record.fields.items():
            if name in kept:
                found[name] = value if isinstance(value, str) else _flat(value)
            elif name not in needs and _is_short(value):
                found[name] = value
        return found

    def _contexts(self, record: Record) -> tuple[str, ...]:
        if self._task.context:
            return self._templates.values("context", record)
        value = next((record.fields[name] for name in _CONTEXTS if name in record.fields), ())
        parts = value if isinstance(value, list | tuple) else [value]
        return tuple(str(part) for part in parts if part is not None)

    def _numbered(self, start: int = 0, stop: int | None = None) -> Iterator[Item]:
        encode = msgspec.json.Encoder(enc_hook=str).encode
        has_ids = bool(self._task.id)
        stop = self._stop if stop is None else stop
        for index, record in enumerate(islice(self._source, start, stop), start):
            name = next(iter(self._templates.values("id", record)), "") if has_ids else ""
            yield Item(index, name or f"{index + 1}-{digest_bytes(encode(record.fields))[:8]}", record)

    def _records_wanted(self, limit: float | None) -> int | None:
        check_limit(limit)
        if not isinstance(limit, float):
            return limit
        # rounded first: 0.07 of 100 is 7.000000000000001 in binary
        return max(1, math.ceil(round(limit * sum(1 for _ in self._source), 6)))

    def _first_pass(self) -> Dataset:
        encode = msgspec.json.Encoder(enc_hook=str).encode
        content = blake2b(digest_size=16)
        seen: dict[str, str] = {}
        wanted = WantedColumns(self.metrics, {"reference": self.reference, "contexts": self._contexts})
        size = 0
        for item in self._numbered():
            place = item.record.where
            wanted.see(item.record)
            if item.id in seen:
                raise InputError(
                    f"the id {item.id!r} stands at {seen[item.id]} already",
                    code="duplicate_id",
                    where=place,
                    hint="ids must differ: change the data, or the task's 'id'",
                )
            seen[item.id] = place
            if not self._wanted or item.id in self._wanted:
                self._templates.check(item.record)
                self._remember(item.record)
                content.update(encode((item.id, item.record.fields)))
                size += 1
        for name in sorted(self._wanted.difference(seen)):
            raise InputError(f"no sample has the id {name!r}", code="unknown_sample", hint=nearest(name, seen))
        if not size:
            raise InputError("the data set has no records", code="empty_dataset", where=self._task.where("dataset"))
        self._refuse_missing(wanted)
        source = self._source
        return Dataset(name=source.name, digest=content.hexdigest(), source=source.source, size=size)

    def _refuse_missing(self, wanted: WantedColumns) -> None:
        if self._has_own_metrics:
            wanted.refuse_missing(
                data=self._source.source,
                where=lambda place: self._task.where(f"metrics[{place}]"),
                hints=_IN_TASK_FILE,
            )
        else:
            wanted.refuse_missing(data="the data", where=lambda _: "metrics", hints=_IN_PYTHON)

    def _remember(self, record: Record) -> None:
        answer = next(iter(self.reference(record)), None)
        if answer is not None and (answer in self.references or len(self.references) < _REFERENCES_KEPT):
            self.references[answer] += 1


def check_limit(limit: float | None) -> None:
    """Refuse a limit that is neither a number of records nor a share of them.

    Raises:
        InputError: it is not.
    """
    if limit is not None and (not limit > 0 or (isinstance(limit, float) and limit > 1)):
        hint = "give a number of records from 1 on, or a share up to 1.0"
        raise InputError(f"the limit cannot be {limit!r}", code="bad_limit", hint=hint)


def _as_one_text(system: Turns, shots: Turns, turns: Turns) -> str:
    """The turns as a completions endpoint reads them: prompt, space, answer, blank line."""
    parts = [f"{turn['content']}\n\n" for turn in system]
    parts += [f" {turn['content']}\n\n" if turn["role"] == "assistant" else turn["content"] for turn in shots]
    parts += [turn["content"] for turn in turns]
    return "".join(parts)


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= _ATTRIBUTE_CHARACTERS
    return value is None or isinstance(value, int | float)


def _flat(value: Json) -> Scalar:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return msgspec.json.encode(value).decode()
