"""What the configuration files of a NeMo Evaluator job say: whose it is, what it asked, which secrets it holds.

``results.yml`` {config, target, results}, ``run_config.yml`` {framework_name, config, target}, ``metadata.yaml``
{versioning, launcher_resolved_config, launcher_command}, ``eval_factory_metrics.json``, ``omni-info.json``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evaltrail.config.redaction import redact_text, without_secrets
from evaltrail.config.secrets import public_url
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.leaves import settings
from evaltrail.readers.nemo_launcher.files import JobFiles
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_json, read_yaml, unreadable
from evaltrail.store.executions import Job
from evaltrail.store.job_folders import JobPlace, JobState, job_place

_VARIABLE = re.compile(r"[A-Z]+(?:_(?:[A-Z]+|[0-9]{1,3}))+")
"""The name of a variable where a key might stand: ``api_key: NGC_API_KEY``."""
_READ_ELSEWHERE = frozenset({"command", "config", "metadata", "results", "target"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The documents of a job; empty or None where there is none, or none that can be read."""

    results: Mapping[str, Json]
    run_config: Mapping[str, Json]
    metadata: Mapping[str, Json]
    runtime: Json = None
    omni: Json = None

    def asked(self, part: str) -> Json:
        """``config`` or ``target`` as it was in force: the results file's, completed by the run configuration's."""
        return _over(self.results.get(part), self.run_config.get(part))

    def launcher(self, *path: str) -> Json:
        """What stands at a path of the launcher's own configuration."""
        return at(self.metadata, "launcher_resolved_config", *path)

    @property
    def versions(self) -> Json:
        """Which programs ran it."""
        return at(self.metadata, "versioning") or at(self.results, "metadata", "versioning")

    def secrets(self) -> frozenset[str]:
        """The secret values in all of them; names of variables are none."""
        met: set[str] = set()
        results = {key: value for key, value in self.results.items() if key != "results"}
        for document in (results, self.run_config, self.metadata, self.omni):
            met |= without_secrets(document)[1]
        return frozenset(secret for secret in met if not _VARIABLE.fullmatch(secret))


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Whose job it is and what it asked; empty texts where nothing says it."""

    invocation: str
    job_id: str
    task: str
    benchmark: str
    harness: str
    executor: str
    model: str
    endpoint: str
    """Without login and query."""

    def params(self) -> dict[str, Scalar]:
        """What is known, as params."""
        shown = ("invocation_id", "job_id", "executor", "harness", "model", "endpoint")
        return {name: value for name, value in self._named().items() if value and name in shown}

    def tags(self) -> dict[str, str]:
        """What is known, as tags."""
        return {name: value for name, value in self._named().items() if value and name != "endpoint"}

    def _named(self) -> dict[str, str]:
        return {
            "invocation_id": self.invocation,
            "job_id": self.job_id,
            "task_name": self.task,
            "benchmark": self.benchmark,
            "harness": self.harness,
            "executor": self.executor,
            "model": self.model,
            "endpoint": self.endpoint,
        }


def read_documents(files: JobFiles, state: JobState, notes: Notes) -> Documents:
    """The documents of a job; a companion that cannot be read is noted.

    Args:
        files: where they lie.
        state: of a job that did not end well, results that cannot be read are noted too.
        notes: told what is left out.

    Raises:
        InputError: the results of a job that ended well cannot be read.
    """
    return Documents(
        results=_results(files, state, notes),
        run_config=_mapping(_companion(files, "run_config.yml", read_yaml, notes), "run_config.yml", notes),
        metadata=_mapping(_companion(files, "metadata.yaml", read_yaml, notes), "metadata.yaml", notes),
        runtime=_companion(files, "eval_factory_metrics.json", read_json, notes),
        omni=_companion(files, "omni-info.json", read_json, notes),
    )


def job_labels(files: JobFiles, documents: Documents, known: Job | None) -> Labels:
    """Whose job it is: as the execution database says, else names of folders, else the documents."""
    place = JobPlace() if files.is_alone else job_place(files.folder)
    endpoint = at(documents.asked("target"), "api_endpoint")
    benchmark = _text(at(documents.asked("config"), "type"))
    task = place.task or (known.task if known else "") or _launched(documents, place) or benchmark
    if not task:
        task = files.results.stem if files.is_alone and files.results else files.folder.name
    harness = _text(documents.run_config.get("framework_name")) or (known.harness if known else "")
    models = (
        at(endpoint, "model_id"),
        documents.launcher("target", "api_endpoint", "model_id"),
        documents.launcher("deployment", "served_model_name"),
        known.model if known else None,
    )
    url = at(endpoint, "url") or documents.launcher("target", "api_endpoint", "url")
    return Labels(
        invocation=known.invocation_id if known else place.invocation,
        job_id=known.id if known else place.job_id,
        task=task,
        benchmark=benchmark,
        harness=harness or (task.partition(".")[0] if "." in task else ""),
        executor=_text(documents.launcher("execution", "type")) or (known.executor if known else ""),
        model=next((text for model in models if (text := _text(model))), ""),
        endpoint=_address(_text(url)),
    )


def job_settings(documents: Documents, notes: Notes) -> dict[str, Scalar]:
    """The settings of a job under dotted names, without secrets: ``config.params.temperature``."""
    target = documents.asked("target")
    endpoint = at(target, "api_endpoint")
    if isinstance(target, Mapping) and isinstance(endpoint, Mapping):  # model and address are params of their own
        rest = {name: value for name, value in endpoint.items() if name not in {"model_id", "url"}}
        target = {**target, "api_endpoint": rest}
    others = {name: value for name, value in documents.results.items() if name not in _READ_ELSEWHERE and value != ""}
    shown: dict[str, Json] = {
        "config": documents.asked("config"),
        "target": target,
        "versioning": documents.versions,
        "omni-info": documents.omni,
        **others,
    }
    return settings(shown, notes, where="configuration")


def at(document: Json, *path: str) -> Json:
    """What stands at a path of mappings, or None."""
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def _results(files: JobFiles, state: JobState, notes: Notes) -> Mapping[str, Json]:
    if files.results is None:
        return {}
    found: Json = None
    try:
        found = read_yaml(files.results, notes)
        if not isinstance(found, Mapping) or "results" not in found:
            raise unreadable(files.results, "it has no `results`")
    except InputError as error:
        if state == "success":
            raise
        notes.skip(files.results.name, error.message)
    return found if isinstance(found, Mapping) else {}


def _companion(files: JobFiles, name: str, read: Callable[..., Json], notes: Notes) -> Json:
    file = files.companion(name)
    if file is None:
        return None
    try:
        return read(file, notes)
    except InputError as error:
        notes.skip(name, error.message)
        return None


def _mapping(document: Json, name: str, notes: Notes) -> Mapping[str, Json]:
    if isinstance(document, Mapping):
        return document
    if document is not None:
        notes.skip(name, "it holds no settings")
    return {}


def _launched(documents: Documents, place: JobPlace) -> str:
    """The task's name in the launcher's configuration, where it is clear which one is meant."""
    tasks = documents.launcher("evaluation", "tasks")
    if not isinstance(tasks, list | tuple):
        return ""
    number = place.number if place.number is not None else 0 if len(tasks) == 1 else len(tasks)
    return _text(at(tasks[number], "name")) if number < len(tasks) else ""


def _over(upper: Json, lower: Json) -> Json:
    """The upper settings, with the lower ones where they say nothing."""
    if isinstance(upper, Mapping) and isinstance(lower, Mapping):
        return {name: _over(upper.get(name), lower.get(name)) for name in {**lower, **upper}}
    return lower if upper is None else upper


def _text(value: Json) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _address(url: str) -> str:
    try:
        return redact_text(public_url(url))
    except ValueError:  # no URL at all
        return redact_text(url)
