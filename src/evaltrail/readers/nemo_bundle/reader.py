"""Reader `nemo_bundle`: what NeMo Evaluator's own engine writes: ``eval-<time>-<benchmark>.json``, ``results.jsonl``.

Source: ``build_artifact_bundle`` and ``write_all`` of NVIDIA-NeMo/Evaluator's engine (2026). Beside them may lie
``runtime_stats.json``, ``failure_analysis.json`` (both are in the scores too) and ``trajectories.jsonl``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.config.redaction import without_secrets
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.core.source import Evidence, Source
from evaltrail.core.values import Json
from evaltrail.readers.heads import (
    artifact_of,
    companions,
    content_id,
    count_of,
    head_text,
    mapping,
    modified_at,
    moment,
    top_keys,
    word,
)
from evaltrail.readers.leaves import leaves, number, settings, why_no_number
from evaltrail.readers.nemo_bundle.rows import NemoRows
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import whole_of
from evaltrail.readers.tables import read_json, unreadable

_HARNESS = "nemo-evaluator"
_NAMED = re.compile(r"eval-(\d{8}T\d{6}Z)-.+\.json")
_MARKS = ("run_id", "config_hash", "sdk_version", "n_results")
_SCORES = ("scores", "metrics", "categories")
_RUNTIME = "runtime"
_ROWS = "results.jsonl"
_STEPS = "trajectories.jsonl"
_SMALL = ("runtime_stats.json", "failure_analysis.json", "run_config.yaml")
_VALUES = ("value", "mean_reward")
_REWARDS = ("pass@", "mean_reward", "scorer:")
"""What the engine's own metrics are called; all of them are shares of what could be had."""
_INTERVAL = ("ci_lower", "ci_upper")
_EXAMPLES = "exemplars"
_OURS = {
    "elapsed_seconds": "runtime_seconds",
    "total_prompt_tokens": "tokens_in",
    "total_completion_tokens": "tokens_out",
}


class NemoBundleReader:
    """Reads one bundle: one benchmark, its scores and its rows."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why a file is a bundle: ``benchmark`` beside what the engine always writes, or its name and scores."""
        text = "" if source.is_folder else head_text(source.head)
        is_named = source.name.startswith("eval-") and source.name.endswith(".json")
        keys = top_keys(text) if '"benchmark"' in text or is_named else {}
        marks = [mark for mark in _MARKS if mark in keys]
        if keys.get("benchmark") == "{" and marks:
            return Evidence(confidence=0.95, why=", ".join(f'"{key}"' for key in ("benchmark", *marks[:2])))
        if is_named and ("benchmark" in keys or any(keys.get(key) == "{" for key in _SCORES)):
            return Evidence(confidence=0.7, why="named eval-*.json, with scores")
        return None

    def read(self, source: Source) -> ResultBundle:
        """The benchmark as one task.

        Raises:
            InputError: it cannot be read, or has neither a benchmark nor scores.
        """
        notes = Notes()
        whole = mapping(read_json(source.path, notes))
        if not mapping(whole.get("benchmark")) and not any(mapping(whole.get(key)) for key in _SCORES):
            raise unreadable(source.path, 'it has no "benchmark" and no scores')
        return _Bundle(source, whole, notes).bundle()


@dataclass(frozen=True, slots=True)
class _Bundle:
    """One bundle file."""

    source: Source
    whole: Mapping[str, Json]
    notes: Notes

    def bundle(self) -> ResultBundle:
        """Everything in it."""
        file = self.source.path
        beside = {each.name: each for each in companions(self.source)}
        rows = self._rows(beside)
        ended_at = moment(self.whole.get("timestamp")) or _stamped(file.name) or modified_at(file)
        task = self._task(rows, beside)
        started_at = ended_at
        if 0 <= task.usage.get("runtime_seconds", -1.0) < ended_at.timestamp():
            started_at = datetime.fromtimestamp(ended_at.timestamp() - task.usage["runtime_seconds"], UTC)
        told = {key: value for key, value in self.whole.items() if key not in {"benchmark", "timestamp", *_SCORES}}
        _, secrets = without_secrets(told)
        run_id = word(self.whole.get("run_id"))
        return ResultBundle(
            id=content_id([file] if rows is None else [file, rows]),
            origin=Origin(producer=_HARNESS, version=word(self.whole.get("sdk_version")), folder=file.parent.name),
            model=self._model(),
            tasks=(task,),
            params=settings(told, self.notes, where=file.name),
            tags={"harness": _HARNESS, "benchmark": task.name, **({"job_id": run_id} if run_id else {})},
            artifacts=tuple(self._artifacts(rows, beside)),
            started_at=started_at,
            ended_at=ended_at,
            skipped=self.notes.skipped,
            secrets=secrets,
        )

    def _benchmark(self) -> Mapping[str, Json]:
        """The benchmark with its scores, which a bundle may also hold at its top."""
        told = self.whole.get("benchmark")
        at_the_top = {key: self.whole[key] for key in _SCORES if key in self.whole}
        return {**at_the_top, **(told if isinstance(told, Mapping) else {"name": told})}

    def _task(self, rows: Path | None, beside: Mapping[str, Path]) -> TaskResult:
        benchmark = self._benchmark()
        name = word(benchmark.get("name")) or word(mapping(self.whole.get("config")).get("benchmark"))
        total = whole_of(self.whole.get("n_results"), 0)
        scores = benchmark.get("scores")
        runtime = mapping(scores).get(_RUNTIME)
        measured = {key: value for key, value in mapping(scores).items() if key != _RUNTIME}
        others = {key: benchmark[key] for key in _SCORES if key in benchmark and key != "scores"}
        if not isinstance(scores, Mapping) and scores is not None:
            others["scores"] = scores
        config = {key: value for key, value in benchmark.items() if key not in {"name", *_SCORES}}
        return TaskResult(
            name=name or self.source.path.stem,
            provider=_HARNESS,
            provider_version=word(self.whole.get("sdk_version")),
            config=settings(config, self.notes, where="benchmark"),
            metrics=(*self._metrics(measured, ()), *self._metrics(others, ())),
            counts=Counts(total=total, scored=total),
            samples=None if rows is None else NemoRows(rows),
            usage=self._usage(runtime if runtime is not None else self._stats(beside)),
        )

    def _metrics(self, value: Json, path: tuple[str, ...]) -> Iterator[MetricValue]:
        """Every number below a path; an object with a value is one metric, with its interval and its ``n``."""
        if isinstance(value, Mapping):
            main = next((key for key in _VALUES if number(value.get(key)) is not None), "")
            read = {key for key in (main, *_INTERVAL) if main and number(value.get(key)) is not None}
            read |= {"n"} if main and count_of(value.get("n")) else set()
            if main:
                yield _metric(value, (*path, main) if main != "value" else path or (main,), main)
            for key, inner in value.items():
                if key == _EXAMPLES:
                    self.notes.skip(".".join(("scores", *path, key)), "examples; they are among the samples")
                elif key not in read and not (key == "group" and isinstance(inner, str)):
                    yield from self._metrics(inner, (*path, str(key)))
        elif isinstance(value, list):
            for name, inner in zip(_names(value), value, strict=True):
                yield from self._metrics(inner, (*path, name))
        elif (found := number(value)) is not None:
            yield MetricValue(name=path[-1] if path else "value", value=found, better="neither", group=path[:-1])
        else:
            self.notes.skip(".".join(("scores", *path)), why_no_number(value))

    def _usage(self, runtime: Json) -> dict[str, float]:
        """The engine's figures by their paths; those that every provider has under our names too."""
        found: dict[str, float] = {}
        for path, value in leaves(runtime):
            amount = number(value)
            if amount is not None:
                found["/".join((_RUNTIME, *path))] = amount
            else:
                self.notes.skip(".".join(("scores", _RUNTIME, *path)), why_no_number(value))
        return {**{ours: found[key] for name, ours in _OURS.items() if (key := f"{_RUNTIME}/{name}") in found}, **found}

    def _stats(self, beside: Mapping[str, Path]) -> Json:
        """The engine's figures from their own file, for bundles that were put together without them."""
        file = beside.get(_SMALL[0])
        try:
            return {} if file is None else read_json(file, self.notes)
        except InputError as error:
            self.notes.skip(_SMALL[0], error.message)
            return {}

    def _rows(self, beside: Mapping[str, Path]) -> Path | None:
        """The rows' file, unless a later bundle in this folder has written it anew."""
        others = [stamp for name in beside if (stamp := _stamp(name))]
        if _ROWS in beside and others and _stamp(self.source.path.name) <= max(others):
            self.notes.skip(_ROWS, "it belongs to another bundle in this folder")
            return None
        return beside.get(_ROWS)

    def _artifacts(self, rows: Path | None, beside: Mapping[str, Path]) -> Iterator[Artifact]:
        yield artifact_of(self.source.path, "required", may_hold_secrets=True)
        if rows is not None:
            yield artifact_of(rows, "samples", "application/jsonl")
        for name in _SMALL:
            if name in beside:
                kind = "application/json" if name.endswith(".json") else "application/yaml"
                yield artifact_of(beside[name], "extra", kind, may_hold_secrets=True)
        if _STEPS in beside:
            self.notes.skip(_STEPS, "what happened step by step stays where it is; its samples come along")
            yield artifact_of(beside[_STEPS], "samples", "application/jsonl")

    def _model(self) -> str:
        told = mapping(self.whole.get("config")).get("model", self.whole.get("model"))
        return word(told) or word(mapping(told).get("id")) or word(mapping(told).get("name"))


def _metric(value: Mapping[str, Json], path: tuple[str, ...], main: str) -> MetricValue:
    low, high = (number(value.get(key)) for key in _INTERVAL)
    return MetricValue(
        name=path[-1],
        value=number(value.get(main)),
        better="higher" if path[-1].startswith(_REWARDS) else "neither",
        n=count_of(value.get("n")),
        ci_low=low,
        ci_high=high,
        ci_method="" if low is None or high is None else "bootstrap",
        group=path[:-1],
    )


def _names(items: list[Json]) -> list[str]:
    """What tells the items of a breakdown apart: the group each is of, else its place."""
    groups = [word(mapping(item).get("group")) for item in items]
    return [name if name and groups.count(name) == 1 else str(place) for place, name in enumerate(groups)]


def _stamp(name: str) -> str:
    found = _NAMED.fullmatch(name)
    return found[1] if found else ""


def _stamped(name: str) -> datetime | None:
    """The time in a bundle's file name."""
    try:
        return datetime.strptime(_stamp(name), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
