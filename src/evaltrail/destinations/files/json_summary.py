"""Summary as JSON: every entry whole, in the shape of the launcher's local exporter, so that each reads the other's.

Source: NeMo Evaluator Launcher 0.2.6, ``{"benchmarks": {task: {"models": {model: [entry]}}}, "export_timestamp"}``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaltrail.core.delivery import Skipped
from evaltrail.destinations.files.entry import Entry, Key, NamedMetric
from evaltrail.destinations.files.shape import other_shape

_NAMELESS = "unknown"
"""Stands for a model or task that nobody names."""
Benchmarks = dict[str, dict[str, Any]]


def merge_json(old: bytes, entries: Sequence[Entry], file: Path) -> bytes:
    """The summary with these entries in it; those of the same jobs that were there before are replaced.

    Args:
        old: the summary so far; empty = none.
        entries: whole jobs.
        file: named in errors.

    Returns:
        The bytes; the very same ones where nothing changed.

    Raises:
        InputError: the file holds something else.
    """
    whole = _read(old, file)
    before: Benchmarks = whole["benchmarks"]
    after = _merged(before, entries)
    if old and after == before:
        return old
    whole |= {"benchmarks": after, "export_timestamp": datetime.now(UTC).isoformat()}
    try:
        return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # half a character, which only an escape can say
        return (json.dumps(whole, indent=2) + "\n").encode()


def _merged(before: Benchmarks, entries: Sequence[Entry]) -> Benchmarks:
    """Replaced entries keep their places, others come last; what they leave empty goes."""
    mine = {entry.job.key for entry in entries}
    waiting: dict[tuple[str, str, Key], list[dict[str, Any]]] = {}
    for entry in entries:
        place = (entry.task or _NAMELESS, entry.model or _NAMELESS, entry.job.key)
        waiting.setdefault(place, []).append(_object(entry))
    after: Benchmarks = {}
    for task, part in before.items():
        models: dict[str, list[Any]] = {}
        for model, rows in part["models"].items():
            kept: list[Any] = []
            for row in rows:
                key = _key(row)
                kept += waiting.pop((task, model, key), []) if key in mine else [row]
            if kept or not rows:
                models[model] = kept
        if models or not part["models"]:
            after[task] = {**part, "models": models}
    for (task, model, _), rows in waiting.items():
        after.setdefault(task, {"models": {}})["models"].setdefault(model, []).extend(rows)
    return after


def _read(old: bytes, file: Path) -> dict[str, Any]:
    """The summary so far, with only what its shape says."""
    if not old.strip():
        return {"benchmarks": {}}
    try:
        whole = json.loads(old)
    except (ValueError, RecursionError) as error:
        raise other_shape(file, f"it is no JSON: {error!s:.100}") from error
    benchmarks = whole.get("benchmarks") if isinstance(whole, dict) else None
    if not isinstance(benchmarks, dict):
        raise other_shape(file, "it has no `benchmarks`")
    for task, part in benchmarks.items():
        models = part.get("models") if isinstance(part, dict) else None
        if not isinstance(models, dict) or not all(_are_rows(rows) for rows in models.values()):
            raise other_shape(file, f"benchmark {task!r:.80} holds no lists of entries below `models`")
    return dict(whole)


def _are_rows(rows: object) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _key(row: dict[str, Any]) -> Key:
    return str(row.get("invocation_id") or ""), str(row.get("job_id") or "")


def _object(entry: Entry) -> dict[str, Any]:
    """The launcher's keys first, then everything else that is known."""
    job, result = entry.job, entry.result
    return {
        "invocation_id": job.invocation_id,
        "job_id": job.job_id,
        "harness": entry.harness,
        "container": job.container,
        "scores": {each.name: each.metric.value for each in entry.metrics if each.metric.value is not None},
        "timestamp": job.timestamp,
        "executor": job.executor,
        "results_dir": job.results_dir,
        "task_name": result.name,
        "status": result.status,
        "error": result.error,
        "started_at": entry.started_at,
        "ended_at": entry.ended_at,
        "metrics": [_metric(each) for each in entry.metrics],
        "counts": {
            "total": result.counts.total,
            "scored": result.counts.scored,
            "unscored": dict(result.counts.unscored),
            "failed": result.counts.failed,
        },
        "dataset": asdict(result.dataset) if result.dataset else None,
        "config": dict(result.config),
        "params": dict(entry.params),
        "tags": dict(entry.tags),
        "skipped": [_note(item) for item in entry.skipped],
    }


def _metric(each: NamedMetric) -> dict[str, Any]:
    """What every metric says, and of the rest what is known: a summary may hold thousands of jobs."""
    metric = each.metric
    more = {
        "unit": metric.unit,
        "unscored": dict(metric.unscored),
        "ci_level": None if metric.ci_low is None else metric.ci_level,
        "ci_method": metric.ci_method,
        "floor": metric.floor,
    }
    return {
        "name": each.name,
        "value": metric.value,
        "n": metric.n,
        "n_unscored": each.n_unscored,
        "stderr": metric.stderr,
        "ci_low": metric.ci_low,
        "ci_high": metric.ci_high,
        "step": metric.step,
        "better": metric.better,
        "is_grade": metric.is_grade,
        **{name: value for name, value in more.items() if value not in (None, "", {})},
    }


def _note(item: Skipped) -> dict[str, str]:
    return {"what": item.what, "why": item.why}
