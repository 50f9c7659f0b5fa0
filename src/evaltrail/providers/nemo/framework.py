"""Harnesses of NeMo Evaluator and their tasks, as the ``framework.yml`` of an installed package defines them.

Format: nemo-evaluator 0.2: framework {name, pkg_name}, defaults {command, config, target}, evaluations [{name,
description, defaults {config {type, supported_endpoint_types, params}}}].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from evaltrail.config.yaml_document import first_document
from evaltrail.core.values import Json

FRAMEWORK_FILE = "framework.yml"
_MOST_BYTES = 8_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessTask:
    """One task that a harness offers."""

    harness: str
    name: str
    endpoint_types: tuple[str, ...] = ()
    """What kinds of endpoint it can ask, the usual one first; empty = any, or none at all."""
    description: str = ""
    params: Mapping[str, Json] = field(default_factory=dict)
    """What it is asked with unless told otherwise: ``temperature``, ``max_new_tokens``, ``extra``..."""

    @property
    def query(self) -> str:
        """``harness.task``: its name among the tasks of all harnesses."""
        return f"{self.harness}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Harness:
    """What one installed package offers to NeMo Evaluator."""

    name: str
    """As tasks are named by: ``simple_evals``; of a broken one, its package's."""
    package: str
    """Its folder's name."""
    file: Path
    tasks: Mapping[str, HarnessTask] = field(default_factory=dict)
    problem: str = ""
    """Why its file cannot be used; empty where it can."""


def read_harness(file: Path) -> Harness:
    """The harness that a framework file defines; one that cannot be used has a problem and no tasks."""
    package = file.parent.name
    try:
        name, tasks = _framework(first_document(_text(file)).value)
    except OSError as error:
        return Harness(name=package, package=package, file=file, problem=f"it cannot be read: {error.strerror}")
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # YamlLimitError and our own are ValueErrors
        return Harness(name=package, package=package, file=file, problem=" ".join(str(error).split())[:300])
    return Harness(name=name, package=package, file=file, tasks=tasks)


def _text(file: Path) -> str:
    with file.open("rb") as data:
        content = data.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
    return content.decode("utf-8-sig")


def _framework(document: Json) -> tuple[str, Mapping[str, HarnessTask]]:
    content = _mapping(document, "the file")
    name = _word(_mapping(content.get("framework"), "framework").get("name"), "framework.name")
    defaults = _mapping(content.get("defaults"), "defaults")
    entries = content.get("evaluations")
    if not isinstance(entries, list):
        raise ValueError("evaluations is no list")  # noqa: TRY004  all problems of the file are one kind
    tasks = [_task(name, defaults, entry, f"evaluations[{place}]") for place, entry in enumerate(entries)]
    return name, {task.name: task for task in tasks}


def _task(harness: str, defaults: Mapping[str, Json], entry: Json, where: str) -> HarnessTask:
    content = _mapping(entry, where)
    own = _config(_mapping(content.get("defaults"), f"{where}.defaults"))
    shared = _config(defaults)
    types = own.get("supported_endpoint_types") or shared.get("supported_endpoint_types")
    description = content.get("description")
    return HarnessTask(
        harness=harness,
        name=_word(own.get("type"), f"{where}.defaults.config.type"),
        endpoint_types=tuple(str(kind) for kind in types) if isinstance(types, list) else (),
        description=" ".join(description.split()) if isinstance(description, str) else "",
        params=_over(own.get("params"), shared.get("params")),
    )


def _config(defaults: Mapping[str, Json]) -> Mapping[str, Json]:
    config = defaults.get("config")
    return config if isinstance(config, Mapping) else {}


def _over(upper: Json, lower: Json) -> Mapping[str, Json]:
    """The upper settings, with the lower ones where they say nothing."""
    above = upper if isinstance(upper, Mapping) else {}
    below = lower if isinstance(lower, Mapping) else {}
    found = {name: value for name, value in {**below, **above}.items() if value is not None}
    both = [
        name for name, value in above.items() if isinstance(value, Mapping) and isinstance(below.get(name), Mapping)
    ]
    return found | {name: _over(above[name], below[name]) for name in both}


def _mapping(value: Json, where: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is no mapping")  # noqa: TRY004  all problems of the file are one kind
    return value


def _word(value: Json, where: str) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool) or not str(value).strip():
        raise ValueError(f"{where} is no name")
    return str(value)
