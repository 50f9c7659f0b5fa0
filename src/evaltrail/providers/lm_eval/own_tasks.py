"""Harness tasks of the user's own: what the task files (YAML) of a folder offer, read without the harness."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from evaltrail.config.yaml_document import YamlLimitError, first_document
from evaltrail.core.values import Json
from evaltrail.providers.lm_eval.index import TEXT, HarnessTask

_MOST_BYTES = 4_000_000
_MOST_INCLUDES = 10

Settings = Mapping[str, Json]


def own_tasks(folder: Path) -> Mapping[str, HarnessTask]:
    """The tasks, groups and tags of a folder, by name; a file that cannot be read offers none.

    A task's settings are those of its file over those of the files that it includes.
    """
    files = [_settings(file) for file in sorted(folder.rglob("*.yaml"))]
    tasks = {str(each["task"]): each for each in files if isinstance(each.get("task"), str) and "group" not in each}
    found = {name: _task(name, settings) for name, settings in tasks.items()}
    for name, settings in tasks.items():
        for tag in _names(settings.get("tag")):
            kinds = {*found[name].output_types, *(found[tag].output_types if tag in found else ())}
            found[tag] = HarnessTask(name=tag, kind="tag", output_types=tuple(sorted(kinds)))
    groups = {str(each["group"]): each for each in files if isinstance(each.get("group"), str)}
    for name, settings in groups.items():
        members = set(_names(settings.get("task")))
        kinds = {kind for member in members & found.keys() for kind in found[member].output_types}
        found[name] = HarnessTask(
            name=name,
            kind="group",
            output_types=tuple(sorted(kinds)),
            is_whole=members <= {*tasks, *groups, *found},
        )
    return found


def _task(name: str, settings: Settings) -> HarnessTask:
    data = " ".join(str(settings[key]) for key in ("dataset_path", "dataset_name") if settings.get(key))
    # A task in Python says its type in its code alone.
    kinds = () if "class" in settings else (str(settings.get("output_type", TEXT)),)
    return HarnessTask(name=name, output_types=kinds, dataset=data)


def _settings(file: Path, depth: int = 0) -> dict[str, Json]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            return {}
        found = first_document(file.read_text(encoding="utf-8")).value
    except (
        OSError,
        UnicodeDecodeError,
        yaml.YAMLError,
        YamlLimitError,
    ):  # the harness tells of it when it is asked for
        return {}
    own = dict(found) if isinstance(found, Mapping) else {}
    settings: dict[str, Json] = {}
    for included in _names(own.get("include")) if depth < _MOST_INCLUDES else ():
        settings |= _settings(file.parent / included, depth + 1)
    return settings | own


def _names(value: Json) -> Iterator[str]:
    """The names in a field: one, a list of them, or objects that hold one."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _names(value.get("group") or value.get("task"))
    elif isinstance(value, Sequence):
        for each in value:
            yield from _names(each)
