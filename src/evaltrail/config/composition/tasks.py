"""The tasks of a run configuration: their entries, what stands above them laid under, and which of them are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from evaltrail.config.composition.changes import TASKS
from evaltrail.config.composition.evaluator import Evaluator, laid_over, read_evaluator
from evaltrail.config.composition.kinds import kind_of
from evaltrail.config.composition.node import MISSING, Path, dotted
from evaltrail.config.composition.reading import Reading
from evaltrail.config.composition.task_names import answers_to, nearest_task
from evaltrail.config.composition.variables import variables
from evaltrail.core.errors import InputError
from evaltrail.core.run_config import TaskEntry
from evaltrail.core.values import Json


def read_tasks(reading: Reading, wanted: Sequence[str]) -> dict[int, TaskEntry]:
    """Place in the list to the entry there, for each task that is chosen.

    Args:
        reading: the configuration; what is wrong with its tasks is noted there.
        wanted: ``-t``: names, parts after the dot, or patterns; none = all.
    """
    items = reading.items(*TASKS)
    if not items:
        if reading.given(TASKS) in (None, []):
            hint = "write `evaluation:`, below it `tasks:`, and below that `- name: TASK`"
            reading.wrong(TASKS, "evaluation.tasks names no task", hint, code="missing_value")
        return {}
    names = {place: _name(reading, place, item) for place, item in enumerate(items)}
    chosen = _chosen(reading, {place: name for place, name in names.items() if name}, wanted)
    above = read_evaluator(reading, ("evaluation",))
    return {place: _entry(reading, names[place], (*TASKS, place), above) for place in chosen}


def _entry(reading: Reading, name: str, path: Path, above: Evaluator) -> TaskEntry:
    is_mapping = isinstance(reading.given(path), Mapping)
    evaluator = above.under(read_evaluator(reading, path), reading) if is_mapping else above.checked(reading)
    places: list[Path] = [("env_vars",), ("execution", "env_vars", "evaluation"), ("evaluation", "env_vars")]
    if is_mapping:
        places.append((*path, "env_vars"))
        endpoint_type = reading.text(*path, "endpoint_type")
        if endpoint_type:
            evaluator = laid_over({"target": {"api_endpoint": {"type": endpoint_type}}}, evaluator)
    return TaskEntry(
        name=name,
        evaluator=evaluator,
        env_vars=variables(reading, *places),
        where=reading.composed.where(path),
    )


def _name(reading: Reading, place: int, item: Json) -> str:
    path: Path = (*TASKS, place)
    if isinstance(item, Mapping):
        name = reading.text(*path, "name").strip()
        if not name and item.get("name") != MISSING:
            reading.wrong(path, f"{dotted(path)} has no name", "write `name: TASK`", code="missing_value")
        return name
    if item == MISSING:
        reading.missing(path)
    elif isinstance(item, str) and item.strip():
        return item.strip()
    else:
        hint = f"it is {kind_of(item)}; write `- name: TASK`"
        reading.wrong(path, f"{dotted(path)} is no task", hint, code="wrong_type")
    return ""


def _chosen(reading: Reading, names: Mapping[int, str], wanted: Sequence[str]) -> list[int]:
    """Places of the tasks that ``-t`` names, in the order of the configuration."""
    if not wanted:
        return list(names)
    found: set[int] = set()
    for word in wanted:
        fitting = [place for place, name in names.items() if _fits(name, word.strip())]
        found.update(fitting)
        if not fitting:
            near = nearest_task(names.values(), word)
            error = InputError(f"no task is named {word!r:.80}", code="unknown_task", where="-t", hint=near)
            reading.problems.take(error)
    return [place for place in names if place in found]


def _fits(name: str, word: str) -> bool:
    return answers_to(name, word) or (any(sign in word for sign in "*?[") and fnmatchcase(name, word))
