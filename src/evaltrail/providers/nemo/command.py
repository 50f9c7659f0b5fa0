"""What nemo-evaluator is asked to do: its run configuration, its command line, its variables (nemo-evaluator 0.2)."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import randbelow
from urllib.parse import urlsplit, urlunsplit

import yaml

from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.ids import nearest
from evaltrail.core.job import JobSpec
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.providers.nemo.framework import HarnessTask
from evaltrail.providers.process import GRACE_S

REQUEST_FILE = "nemo_evaluator.yml"
"""Beside the artifacts: it may hold headers with keys, so that nobody else reads it, and it is never uploaded."""
_MODULE = "nemo_evaluator.core.entrypoint"
_PROGRAM = f"from {_MODULE} import run_eval; run_eval()"
"""Not ``-m``: that imports the module twice, warns of it, and does both again in the process of its proxy."""
_SECTIONS = ("config", "target", "metadata")
_OURS = {"type": "name the task in evaluation.tasks", "output_dir": "set execution.output_dir"}
_ROUTES = {
    "chat": "/chat/completions",
    "completions": "/completions",
    "completions_logprob": "/completions",
    "embedding": "/embeddings",
}
_BASE = re.compile(r"/v[0-9]+/?\Z")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_MOST_PORTS = 50
_LOCAL = ("localhost", "127.0.0.1")


def write_request(spec: JobSpec, task: HarnessTask, artifacts: Path, *, evaluator_type: str = "") -> Path:
    """The file that tells nemo-evaluator what to do: beside the artifacts, private, whole.

    Args:
        spec: the job; what its ``evaluator`` settings say of the endpoint goes before its own.
        task: what its place means.
        artifacts: the folder for the results, absolute.
        evaluator_type: what nemo-evaluator calls the task; empty = ``harness.task``.

    Raises:
        InputError: the settings hold a section that nobody reads or a value that is not theirs to set, or the task
            does not ask this type of endpoint.
        StorageError: the file cannot be written.
    """
    _check(spec)
    ours: Json = {
        "config": {"type": evaluator_type or task.query, "output_dir": str(artifacts)},
        "target": {"api_endpoint": _endpoint(spec, task)},
        "metadata": {
            "versioning": {"evaltrail": VERSION},
            "launcher_resolved_config": spec.config,
            "launcher_command": spec.command,
        },
    }
    request = _laid_over(spec.evaluator, ours)
    file = artifacts.parent / REQUEST_FILE
    try:
        artifacts.mkdir(parents=True, exist_ok=True)
        _write(file, request)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror or error}", where=str(file)) from error
    return file


def command_line(request: Path, paths: Sequence[str] | None = None) -> tuple[str, ...]:
    """The command that carries a request out, in this Python.

    Args:
        request: what ``write_request`` made.
        paths: where nemo-evaluator is looked for; None = where this Python looks.

    Raises:
        InputError: nemo-evaluator is not installed.
    """
    parts = f"{_MODULE.replace('.', '/')}.py"
    if not any((Path(folder or os.curdir) / parts).is_file() for folder in (sys.path if paths is None else paths)):
        raise InputError(
            "nemo-evaluator, which runs the tasks of NeMo harnesses, is not installed",
            code="missing_package",
            hint="pip install nemo-evaluator",
        )
    return (sys.executable, "-c", _PROGRAM, "run_eval", "--run_config", str(request))


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables for nemo-evaluator: those given, and what it needs to run quietly beside others of its kind.

    It sends nothing to its makers unless a variable asks for that, ends before its group is killed (it waits all that
    time for a process that never heeds it), and has a port of
    its own: left alone, two that start together take the same port, and one asks the other's model.
    """
    found = {
        "NEMO_EVALUATOR_TELEMETRY_LEVEL": "0",
        "NEMO_EVALUATOR_LOG_LEVEL": "INFO",
        "NEMO_EVALUATOR_SHUTDOWN_TIMEOUT_SECONDS": f"{GRACE_S / 2:g}",
        **environ,
        "PYTHONUNBUFFERED": "1",
    }
    found["PATH"] = os.pathsep.join(filter(None, (str(Path(sys.executable).parent), environ.get("PATH", os.defpath))))
    if not found.get("ADAPTER_PORT"):
        found["ADAPTER_PORT"] = str(_free_port())
    if any(name.lower() in _PROXIES for name in environ):
        direct = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
        found["no_proxy"] = found["NO_PROXY"] = ",".join(filter(None, (direct, *_LOCAL)))
    return found


def endpoint_url(url: str, endpoint_type: str) -> str:
    """The URL that requests of this type go to: as given, but ``.../v1`` with the type's own path."""
    try:
        parts = urlsplit(url)
    except ValueError:  # no URL: nemo-evaluator says so
        return url
    route = _ROUTES.get(endpoint_type, "")
    if not route or not _BASE.search(parts.path):
        return url
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + route))


def _write(file: Path, request: Json) -> None:
    made = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yaml.dump(request, out, Dumper=yaml.SafeDumper, sort_keys=False)
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)


def _endpoint(spec: JobSpec, task: HarnessTask) -> dict[str, Json]:
    settings = _at(_at(spec.evaluator, "target"), "api_endpoint")
    given = {"url": spec.url, "model_id": spec.model, "type": spec.endpoint_type, "api_key_name": spec.api_key_env}
    found = {key: str(settings.get(key) or value) for key, value in given.items() if settings.get(key) or value}
    kind = found.setdefault("type", _usual_type(task))
    if task.endpoint_types and kind not in task.endpoint_types:
        raise InputError(
            f"the task {task.query} does not ask endpoints of the type {kind!r}",
            code="endpoint_type",
            hint=f"set target.api_endpoint.type: {' or '.join(task.endpoint_types)}, with a URL that serves it",
        )
    return {**found, "url": endpoint_url(found.get("url", ""), kind)}


def _usual_type(task: HarnessTask) -> str:
    return "chat" if "chat" in task.endpoint_types or not task.endpoint_types else task.endpoint_types[0]


def _check(spec: JobSpec) -> None:
    for key in spec.evaluator:
        if key not in _SECTIONS:
            hint = nearest(key, _SECTIONS) or f"known: {', '.join(_SECTIONS)}"
            raise InputError(f"unknown key {key!r} in nemo_evaluator_config", code="unknown_key", hint=hint)
    for key, hint in _OURS.items():
        if _at(spec.evaluator, "config").get(key) is not None:
            raise InputError(f"nemo_evaluator_config.config.{key} is not to be set", code="bad_value", hint=hint)


def _at(settings: Json, key: str) -> Mapping[str, Json]:
    found = settings.get(key) if isinstance(settings, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _laid_over(lower: Json, upper: Json) -> Json:
    """The lower settings with the upper ones over them, in plain lists and dicts."""
    if isinstance(upper, Mapping):
        below = lower if isinstance(lower, Mapping) else {}
        return {
            str(key): _laid_over(below.get(key), upper[key] if key in upper else below[key])
            for key in {**below, **upper}
        }
    return [_laid_over(None, item) for item in upper] if isinstance(upper, list | tuple) else upper


def _free_port() -> int:
    """A port that nobody has, below those that connections of this machine are given by chance."""
    for _ in range(_MOST_PORTS):
        port = 10_000 + randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((_LOCAL[1], port))
            return port
    return 0  # then nemo-evaluator looks for one itself
