"""What a request may set of a benchmark or a model, and what only the operator may."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from evaltrail.config.secret_names import is_secret_name
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.providers.datasets import is_hub_name
from evaltrail.providers.lm_eval.options import read_options
from evaltrail.service.working.submission_spec import LIMITS, task_settings

DATASET_PATH = "dataset_path"
_OPERATORS: Mapping[str, str] = {
    "include_path": "put the task files where the service's operator keeps tasks",
    "allow_unsafe_code": "tasks that run what a model writes are run by `evaltrail run`",
    "api_key": "keys belong to the servers that the operator sets up",
    "api_key_env": "keys belong to the servers that the operator sets up",
    "base_url": "the model is asked where `model` says",
    "url": "the model is asked where `model` says",
    "command": "commands come from the operator's files",
}
"""Settings that no request may bring, and what to do instead."""
_WHOLE = {"seed": (0, 2**63 - 1), "repeats": (1, 1000)}
_HARNESS = "lm_evaluation_harness"
_MOST_CHARACTERS = 4000


def check_settings(provider: str, config: Mapping[str, Json], where: str, data_root: Path) -> Iterator[InputError]:
    """What is wrong with the settings of a benchmark, or of the model for all of them.

    Args:
        provider: of the benchmark; empty = of the model.
        config: as the request has it.
        where: path of the settings in the request.
        data_root: data sets lie below it.
    """
    broken: set[str] = set()
    for name, value in config.items():
        problem = _problem(name, value, data_root)
        if problem:
            broken.add(name)
            message, hint = problem
            yield InputError(message, code="bad_setting_in_request", where=f"{where}.{name}", hint=hint)
    if provider == _HARNESS:
        good = {name: value for name, value in config.items() if name not in broken}
        try:
            read_options(task_settings(good).params)
        except InputError as error:
            message = error.message.removeprefix("--param ")
            yield InputError(message, code=error.code, where=where, hint=error.hint.replace("--param ", ""))


def _problem(name: str, value: Json, data_root: Path) -> tuple[str, str] | None:
    """What is wrong with one setting, and what to do."""
    if name in _OPERATORS or is_secret_name(name):
        return "no request may set this", _OPERATORS.get(name, "a request holds no secrets")
    if name in _CHECKS:
        return _CHECKS[name](value, data_root)
    if name in _WHOLE:
        return _whole(value, *_WHOLE[name])
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        return f"{len(value):,} characters", f"{_MOST_CHARACTERS:,} are allowed"
    if isinstance(value, Mapping) or (isinstance(value, list | tuple) and not task_settings({name: value}).generation):
        return "a list or an object", "give a text, a number, true or false"
    return None


def _limit(value: Json, _root: Path) -> tuple[str, str] | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if value is None or (is_number and isinstance(value, int | float) and (0 < value < 1 or _is_count(value))):
        return None
    return f"a limit of {value!r:.40}", "give the first so many records, or a share such as 0.1"


def _is_count(value: float) -> bool:
    return value >= 1 and float(value).is_integer()


def _generation(value: Json, _root: Path) -> tuple[str, str] | None:
    return None if isinstance(value, Mapping) else ("no object", "give settings by their names: {temperature: 0}")


def _dataset(value: Json, root: Path) -> tuple[str, str] | None:
    hint = "give a path below the service's data root (EVALTRAIL_DATA_ROOT)"
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return "no path", hint
    path = value.strip()  # as it is read
    if path.startswith("hf://"):
        return None if is_hub_name(path) else ("no data set of the hub", "write hf://OWNER/NAME?split=test")
    if "://" in path or path.startswith("~"):
        return "no path of a file", hint
    found = Path(os.path.realpath(root / path))
    if not found.is_relative_to(os.path.realpath(root)):
        return "a path outside the data root", hint
    return None


def _judge(value: Json, _root: Path) -> tuple[str, str] | None:
    hint = "write SERVER#MODEL with a server of the catalog, or openai:/MODEL"
    if not isinstance(value, str) or not value.strip():
        return "no judge", hint
    if "://" in value:
        return "a judge is named by a server of the catalog", hint
    server, sign, model = value.partition("#")
    is_named = bool(server and sign and model) or bool(value.removeprefix("openai:/") != value)
    return None if is_named else ("it names no server and model", hint)


def _whole(value: Json, least: int, most: int) -> tuple[str, str] | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
        return None
    return f"{value!r:.40} is none", f"give a whole number from {least} to {most:,}"


_CHECKS: Mapping[str, Callable[[Json, Path], tuple[str, str] | None]] = {
    **dict.fromkeys(LIMITS, _limit),
    "generation": _generation,
    DATASET_PATH: _dataset,
    "judge": _judge,
}
