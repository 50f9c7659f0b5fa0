"""A composed run configuration, checked and read: what one launch is to do.

Source: the keys of the NeMo Evaluator Launcher 0.1.27 to 0.2.6 and of seed 002; ours beside them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from evaltrail.config.composition.compose import Composed
from evaltrail.config.composition.env_values import is_variable_name
from evaltrail.config.composition.execution import read_executor, read_mode, read_output_dir, read_slurm
from evaltrail.config.composition.inspection import inspect_keys
from evaltrail.config.composition.keys import read_keys
from evaltrail.config.composition.node import MISSING, Step
from evaltrail.config.composition.reading import Reading
from evaltrail.config.composition.tasks import read_tasks
from evaltrail.config.composition.variables import variables
from evaltrail.core.ids import nearest
from evaltrail.core.run_config import EndpointType, RunConfig, SlurmOptions
from evaltrail.core.values import Json

_ENDPOINT = ("target", "api_endpoint")
_DESTINATIONS = ("mlflow", "local")
_COMPUTED = "baseline:"
"""Models that are computed here, without an endpoint."""
_NOT_YET = ("wandb", "gsheets")
_ENDPOINT_TYPES: Sequence[EndpointType] = get_args(EndpointType)
_DESTINATIONS_AT = ("execution", "auto_export", "destinations")


def read_run_config(composed: Composed, *, tasks: Sequence[str] = (), cwd: Path | None = None) -> RunConfig:
    """What a composed configuration asks for.

    Args:
        composed: the configuration.
        tasks: names of the tasks to run, parts of them after the dot, or patterns; none = all.
        cwd: what a relative ``output_dir`` is relative to; None = the working folder.

    Raises:
        InputError: one thing in it is wrong: an unknown key, a value of the wrong kind or missing.
        PartialError: several things are; it holds an error for each.
    """
    reading = Reading(composed, read_keys())
    inspect_keys(reading)
    executor = read_executor(reading)
    chosen = read_tasks(reading, tasks)
    _check_deployment(reading)
    destinations = _destinations(reading)
    export = _export(reading, destinations)
    model = _needed(reading, "model_id")
    config = RunConfig(
        whole=_whole(reading, list(chosen)),
        tasks=tuple(chosen.values()),
        model=model,
        url=_url(reading, is_needed=not model.startswith(_COMPUTED)),
        api_key_env=_api_key_env(reading),
        endpoint_type=_endpoint_type(reading),
        executor=executor,
        mode=read_mode(reading),
        output_dir=read_output_dir(reading, cwd or Path.cwd()),
        walltime_s=reading.number("execution", "walltime"),
        slurm=read_slurm(reading) if executor == "slurm" else SlurmOptions(),
        destinations=destinations,
        export=export,
        export_places={name: _places(reading, name, options) for name, options in export.items()},
        export_env=variables(reading, ("execution", "env_vars", "export"), ("export", "env_vars")),
        folders=composed.folders,
        secrets=composed.secrets,
        notices=tuple(reading.notices),
    )
    reading.problems.tell()
    return config


def _needed(reading: Reading, name: str) -> str:
    path = (*_ENDPOINT, name)
    found = reading.text(*path).strip()
    if not found and reading.given(path) in (None, "") and not _is_missing(reading, path):
        reading.missing(path, "is missing")
    return found


def _url(reading: Reading, *, is_needed: bool) -> str:
    path = (*_ENDPOINT, "url")
    found = _needed(reading, "url") if is_needed else reading.text(*path).strip()
    if not found:
        return ""
    try:
        parts = urlsplit(found)
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_url = False
    if not is_url or not found.isprintable() or " " in found:
        hint = f"it is {reading.shown(path, found)}; write http://host:port/v1/chat/completions"
        reading.wrong(path, "target.api_endpoint.url is no URL", hint, code="bad_url")
    return found


def _api_key_env(reading: Reading) -> str:
    path = (*_ENDPOINT, "api_key_name")
    found = reading.text(*path).strip()
    if found.startswith("<") and found.endswith(">"):
        return ""  # the launcher's own files hold <YOUR_API_KEY_NAME> where nothing was chosen
    if found and not is_variable_name(found):
        hint = "write the name of the variable that holds the key, not the key itself"
        reading.wrong(path, "target.api_endpoint.api_key_name is no name of a variable", hint)
        return ""
    return found


def _endpoint_type(reading: Reading) -> EndpointType | Literal[""]:
    path = (*_ENDPOINT, "type")
    found = reading.text(*path)
    known = next((each for each in _ENDPOINT_TYPES if each == found), None)
    if found and known is None:
        hint = nearest(found, _ENDPOINT_TYPES) or f"known: {', '.join(_ENDPOINT_TYPES)}"
        reading.wrong(path, f"there is no type of endpoint {found!r:.80}", hint)
    return known or ""


def _check_deployment(reading: Reading) -> None:
    found = reading.text("deployment", "type", default="none")
    if found not in {"none", ""}:
        hint = "start the server yourself, use deployment: none, and put its URL under target.api_endpoint.url"
        message = f"deployment.type: {found!r:.80} is not done yet"
        reading.wrong(("deployment", "type"), message, hint, code="not_yet")


def _destinations(reading: Reading) -> tuple[str, ...]:
    """Where results go when a job ends, each once."""
    given = reading.mapping("execution", "auto_export").get("destinations")
    is_list = not isinstance(reading.given(_DESTINATIONS_AT[:2]), Mapping)
    path = _DESTINATIONS_AT[:2] if is_list else _DESTINATIONS_AT
    found: dict[str, None] = {}
    for name in cast("Sequence[str]", reading.typed(path, "texts", given) or []):
        if name in _DESTINATIONS:
            found[name] = None
        elif name in _NOT_YET:
            reading.notice(path, f"the destination {name} is accepted and not acted on: there is mlflow and local")
        elif name == MISSING:
            reading.missing(path)
        else:
            hint = nearest(name, _DESTINATIONS) or f"known: {', '.join(_DESTINATIONS)}"
            reading.wrong(path, f"there is no destination {name!r:.80}", hint, code="unknown_destination")
    return tuple(found)


def _export(reading: Reading, destinations: Sequence[str]) -> Mapping[str, Mapping[str, Json]]:
    found = {name: reading.mapping("export", name) for name in _DESTINATIONS}
    for name in destinations:
        reading.no_gaps(("export", name), found[name])
    return {name: options for name, options in found.items() if options or name in destinations}


def _places(reading: Reading, destination: str, options: Mapping[str, Json]) -> Mapping[str, str]:
    """Where each option of a destination stands."""
    return {name: reading.composed.where(("export", destination, name)) for name in options}


def _whole(reading: Reading, places: Sequence[int]) -> Mapping[str, Json]:
    """Everything, with the tasks that are chosen, each as a mapping."""
    value = _by_reference(reading, reading.composed.value, ())
    if not isinstance(value, Mapping):
        return {}
    evaluation = value.get("evaluation")
    items = evaluation.get("tasks") if isinstance(evaluation, Mapping) else None
    if not isinstance(evaluation, Mapping) or not isinstance(items, list):
        return value
    tasks = [items[place] if isinstance(items[place], Mapping) else {"name": items[place]} for place in places]
    return {**value, "evaluation": {**evaluation, "tasks": tasks}}


def _by_reference(reading: Reading, value: Json, path: tuple[Step, ...]) -> Json:
    """The values of jobs' variables as they stand in the files, where a variable of this machine is a part of them."""
    if isinstance(value, Mapping):
        return {name: _by_reference(reading, inner, (*path, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_by_reference(reading, inner, (*path, place)) for place, inner in enumerate(value)]
    if "env_vars" in path and path in reading.composed.from_environ:
        return reading.written(path)
    return value


def _is_missing(reading: Reading, path: tuple[str, ...]) -> bool:
    """Whether ``???`` stands there, which is told already."""
    above = reading.given(path[:-1])
    return isinstance(above, Mapping) and above.get(path[-1]) == MISSING
