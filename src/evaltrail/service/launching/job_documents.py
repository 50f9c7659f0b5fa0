"""The documents that the launcher's tools look for in a job's ``artifacts``, made of a bundle of ours.

``results.yml``, ``run_config.yml``, ``metadata.yaml``, ``eval_factory_metrics.json`` and ``progress``, as the NeMo
Evaluator Launcher 0.2.6 leaves them; ``bundle/`` beside them holds everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

from evaltrail.bundle.folders import make_private, write_whole
from evaltrail.config.redaction import without_secrets
from evaltrail.core.job import JobSpec
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.store.job_files import PROGRESS


def write_documents(spec: JobSpec, artifacts: Path, bundle: ResultBundle) -> None:
    """Write the documents of a finished native job.

    Raises:
        StorageError: the disk refuses.
    """
    make_private(artifacts)
    (task,) = bundle.tasks
    config = _config(spec, task)
    target = _target(spec)
    versioning: Json = {"evaltrail": VERSION}
    results = {
        "command": spec.command,
        "config": config,
        "target": target,
        "metadata": {"versioning": versioning},
        "results": {"tasks": {task.name: {"metrics": {each.name: _metric(each) for each in task.metrics}}}},
    }
    metadata = {
        "versioning": versioning,
        "launcher_resolved_config": dict(spec.config),
        "launcher_command": spec.command,
    }
    _write(artifacts / "run_config.yml", {"framework_name": task.provider, "config": config, "target": target})
    _write(artifacts / "metadata.yaml", metadata)
    runtime = msgspec.json.format(msgspec.json.encode(_runtime(bundle, task)), indent=1)
    write_whole(artifacts / "eval_factory_metrics.json", runtime)
    write_whole(artifacts / PROGRESS.name, str(task.counts.total).encode())
    _write(artifacts / "results.yml", results)  # last: where it stands, the job's documents are whole


def _config(spec: JobSpec, task: TaskResult) -> Json:
    given = spec.evaluator.get("config")
    params = given.get("params") if isinstance(given, Mapping) else None
    return {"type": task.name, "params": params or {}}


def _target(spec: JobSpec) -> Json:
    endpoint = {
        "url": spec.url,
        "model_id": spec.model,
        "type": spec.endpoint_type,
        "api_key_name": spec.api_key_env,
    }
    return {"api_endpoint": {name: value for name, value in endpoint.items() if value}}


def _metric(metric: MetricValue) -> Json:
    """One metric as the launcher nests it; its score bears the same name, which readers then leave out."""
    stats = {
        "count": metric.n,
        "stderr": metric.stderr,
        "mean": metric.value,
    }
    known = {name: value for name, value in stats.items() if value is not None}
    return {"scores": {metric.name: {"value": metric.value, "stats": known}}}


def _runtime(bundle: ResultBundle, task: TaskResult) -> dict[str, Json]:
    usage = task.usage
    responses: dict[str, Json] = {
        "count": task.counts.total,
        "successful_count": task.counts.total - task.counts.failed,
        **{f"total_{name}": usage[own] for own, name in _TOKENS.items() if own in usage},
    }
    return {
        "response_stats": responses,
        "evaluation": {
            "runtime_seconds": (bundle.ended_at - bundle.started_at).total_seconds(),
            "start_time": bundle.started_at.isoformat(),
            "end_time": bundle.ended_at.isoformat(),
        },
    }


_TOKENS = {"tokens_in": "prompt_tokens", "tokens_out": "completion_tokens"}


def _write(file: Path, document: Mapping[str, Json]) -> None:
    cleaned, _ = without_secrets(document)
    text = yaml.dump(cleaned, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
    write_whole(file, text.encode())
