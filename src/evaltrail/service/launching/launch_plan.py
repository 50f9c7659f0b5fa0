"""A run configuration becomes jobs: tasks found, settings checked, nothing started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from evaltrail.config.composition.env_values import resolve_values
from evaltrail.config.redaction import redact_text, without_secrets
from evaltrail.config.settings import Settings, with_variables
from evaltrail.core.errors import EvaltrailError, InputError, PartialError
from evaltrail.core.ids import new_id, slug
from evaltrail.core.job import JobSpec
from evaltrail.core.run_config import RunConfig, TaskEntry
from evaltrail.core.values import Json
from evaltrail.executors.slurm_script import batch_script
from evaltrail.models.address import parse_address
from evaltrail.service.launching.export_check import check_export
from evaltrail.service.launching.native_order import check_native
from evaltrail.service.launching.task_places import TaskFinder, TaskPlace


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """What a launch would start."""

    config: RunConfig
    jobs: tuple[JobSpec, ...]
    names: tuple[str, ...]
    """What each job's folder is called."""
    notices: tuple[str, ...] = ()

    @property
    def invocation_id(self) -> str:
        """16 hex digits."""
        return self.jobs[0].invocation_id


def plan_launch(
    config: RunConfig, settings: Settings, *, command: Sequence[str] = (), allow_unscored: float = 0.0
) -> LaunchPlan:
    """The jobs of a run configuration, each checked.

    Args:
        config: what to do.
        settings: of this process.
        command: the command line, for the documents that jobs leave.
        allow_unscored: share of a task's samples that may stay unscored, in [0, 1].

    Raises:
        InputError: something cannot be done as it is asked for; PartialError when there are several such things.
    """
    finder = TaskFinder(config.folders, settings.environ)
    invocation = new_id()
    shown = _public(config.whole, config.secrets)
    words = redact_text(" ".join(command), config.secrets)
    errors: list[EvaltrailError] = []
    jobs: list[JobSpec] = []
    names: list[str] = []
    for number, entry in enumerate(config.tasks):
        try:
            place = finder.find(entry.name, entry.where)
            draft = _spec(config, entry, place)
            spec = replace(
                draft,
                invocation_id=invocation,
                number=number,
                config=shown,
                cwd=str(Path.cwd()),
                command=words,
                allow_unscored=allow_unscored,
            )
            _check(spec, place, entry, settings)
            jobs.append(spec)
            names.append(f"{slug(place.name)}.{number}")
        except EvaltrailError as error:
            errors += error.errors if isinstance(error, PartialError) else [error]
    notices = list(config.notices)
    try:
        _check_slurm(config)
    except InputError as error:
        errors.append(error)
    if jobs:
        check = check_export(jobs[0], config.export_places, settings)
        errors += check.errors
        notices += check.notices
    errors = list({str(error): error for error in errors}.values())  # one key missing is told once for all tasks
    if errors:
        raise errors[0] if len(errors) == 1 else PartialError(errors, exit_code=InputError.exit_code)
    return LaunchPlan(config=config, jobs=tuple(jobs), names=tuple(names), notices=tuple(notices))


def _spec(config: RunConfig, entry: TaskEntry, place: TaskPlace) -> JobSpec:
    """What a job is to do, without its place in the invocation."""
    target = entry.evaluator.get("target")
    endpoint = target.get("api_endpoint") if isinstance(target, Mapping) else None
    own = endpoint if isinstance(endpoint, Mapping) else {}
    kind = str(own.get("type") or config.endpoint_type or (place.endpoint_types or ("chat",))[0])
    return JobSpec(
        invocation_id="",
        number=0,
        task=entry.name,
        provider=place.provider,
        place=place.place,
        model=str(own.get("model_id") or config.model),
        url=str(own.get("url") or config.url),
        api_key_env=str(own.get("api_key_name") or config.api_key_env),
        endpoint_type=kind,
        evaluator=entry.evaluator,
        env_vars=entry.env_vars,
        executor=config.executor,
        mode=config.mode,
        walltime_s=config.walltime_s,
        destinations=config.destinations,
        export=config.export,
        export_env=config.export_env,
    )


def _check(spec: JobSpec, place: TaskPlace, entry: TaskEntry, settings: Settings) -> None:
    """Find out what would end the job before it has asked anything.

    Raises:
        InputError: a variable is not set, the endpoint cannot be asked so, or the task or its data are wrong.
    """
    own = resolve_values(spec.env_vars, settings.environ)
    if own.missing:
        raise InputError(
            f"not set: {', '.join(own.missing)}",
            code="missing_variable",
            where=entry.where,
            hint=f"export {own.missing[0]}=..., or take it out of env_vars",
        )
    if place.endpoint_types and spec.endpoint_type not in place.endpoint_types:
        raise InputError(
            f"{entry.name} asks endpoints of type {' or '.join(place.endpoint_types)}, not {spec.endpoint_type}",
            code="bad_endpoint_type",
            where=entry.where,
            hint="set target.api_endpoint.type",
        )
    inner = with_variables(settings, own.values)
    if spec.api_key_env and not inner.environ.get(spec.api_key_env):
        raise InputError(
            f"the variable {spec.api_key_env} named by api_key_name is not set",
            code="missing_key",
            where="target.api_endpoint.api_key_name",
            hint=f"export {spec.api_key_env}=... and run again",
        )
    if spec.provider == "native":
        check_native(spec, inner)
    else:
        parse_address(spec.url)


def _check_slurm(config: RunConfig) -> None:
    """Find out what sbatch could not be told.

    Raises:
        InputError: an option cannot stand in a script, or has a key of its own.
    """
    if config.executor == "slurm":
        batch_script(
            job_id="0.0",
            task="task",
            folder=config.output_dir,
            command=("true",),
            options=config.slurm,
            walltime_s=config.walltime_s,
        )


def _public(whole: Mapping[str, Json], secrets: frozenset[str]) -> Mapping[str, Json]:
    """The configuration without secrets: neither those under telling names nor those that variables brought in."""
    cleaned, _ = without_secrets(whole)
    return cast("Mapping[str, Json]", _blanked(cleaned, secrets))


def _blanked(value: Json, secrets: frozenset[str]) -> Json:
    if isinstance(value, str):
        return redact_text(value, secrets)
    if isinstance(value, Mapping):
        return {name: _blanked(inner, secrets) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_blanked(inner, secrets) for inner in value]
    return value
