"""A judge in a YAML file: written as one entry of a task file's metrics, or with its name among its options."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.port import Judge

_FORMS = "write `NAME: {definition: ..., grading_prompt: ...}`, or `name: NAME` with the same keys beside it"


def read_judge(file: Path, *, target: str = "", votes: int | None = None) -> Judge:
    """The judge of a file.

    Args:
        file: YAML.
        target: which model judges, in place of what the file says; empty = as the file says.
        votes: times each row is judged; None = as the file says.

    Raises:
        InputError: the file cannot be read, holds no judge, or an option cannot be used.
    """
    name, options = _entry(_load(file), str(file))
    given: dict[str, Json] = {"model": target} if target else {}
    given |= {} if votes is None else {"votes": votes}
    try:
        metric = _made(name, options | given, file)
    except InputError:
        metric = _made(name, options, file)  # a metric that is no judge has neither a model nor votes
        if isinstance(metric, Judge):
            raise
    if not isinstance(metric, Judge):
        hint = "calibration measures what asks a model; metrics like this one are the same for everybody"
        raise InputError(f"{name!r} is no judge", code="bad_judge", where=str(file), hint=hint)
    return metric


def _made(name: str, options: Mapping[str, Json], file: Path) -> Scorer:
    try:
        return make_metrics([{name: dict(options)}], folder=file.parent)[0]
    except InputError as error:
        error.where = str(file)
        raise


def _entry(content: object, where: str) -> tuple[str, dict[str, Json]]:
    """Name and options."""
    if isinstance(content, dict) and "metrics" in content and "name" not in content:
        content = content["metrics"]
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    if isinstance(content, str):
        return content, {}
    if isinstance(content, dict) and all(isinstance(key, str) for key in content):
        if isinstance(content.get("name"), str):
            return content["name"], {key: value for key, value in content.items() if key != "name"}
        if len(content) == 1:
            ((name, options),) = content.items()
            if options is None or isinstance(options, Mapping):
                return name, dict(options or {})
    raise InputError("the file holds not one judge", code="bad_judge", where=where, hint=_FORMS)


def _load(file: Path) -> object:
    try:
        return cast("Any", yaml.safe_load(file.read_text(encoding="utf-8-sig")))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"the judge cannot be read: {reason}", code="missing_judge", where=str(file)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or error
        place = f"{file}:{mark.line + 1}" if mark else str(file)
        raise InputError(f"the file is no YAML: {problem}", code="broken_yaml", where=place, hint=_FORMS) from error
