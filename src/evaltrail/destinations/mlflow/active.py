"""What the caller's own MLflow session says, where MLflow is loaded in this process; never loads it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import Any

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.destinations.mlflow.run_plan import KEY_TAG


def join_session(options: DeliveryOptions) -> DeliveryOptions:
    """The options, landing where the caller's MLflow points and below the caller's active run.

    A tracking URI, experiment, run or parent that was given is kept. Without MLflow loaded, or without an active run
    in it, the options stay as they are.
    """
    session = sys.modules.get("mlflow")
    run = getattr(session, "active_run", lambda: None)()
    if session is None or run is None or options.run_id or options.parent_run_id:
        return options
    if options.tracking_uri and options.tracking_uri != session.get_tracking_uri():
        return options
    has_experiment = bool(options.experiment or options.experiment_id)
    return replace(
        options,
        tracking_uri=session.get_tracking_uri(),
        experiment_id=options.experiment_id if has_experiment else run.info.experiment_id,
        parent_run_id=run.info.run_id,
    )


def land_in_session(options: DeliveryOptions, name: str) -> DeliveryOptions:
    """The options, landing in the caller's own active run, which stays open; as they are where there is none.

    A run that holds a result of ours already gets a further one as a part of its own: files in a folder, params and
    our tags under a name, ``name``, ``name_2``...

    Args:
        options: a tracking URI or a run that was given is kept.
        name: of the result.

    Raises:
        DestinationUnreachableError: the active run cannot be looked into.
    """
    joined = join_session(options)
    if joined.parent_run_id == options.parent_run_id:
        return options
    session = sys.modules["mlflow"]
    run = _looked_up(session, joined.parent_run_id)
    if (options.experiment or options.experiment_id) and not _is_of(run, options, session):
        return options
    return replace(
        joined,
        parent_run_id="",
        run_id=run.info.run_id,
        experiment="",
        experiment_id=run.info.experiment_id,
        stays_open=True,
        part=free_part(run.data.tags, name),
        taken_params=dict(run.data.params),
        taken_metrics=frozenset(run.data.metrics),
    )


def free_part(tags: Mapping[str, str], name: str) -> str:
    """The name of one more result of a run; empty where it is the first."""
    parts = {tag.removeprefix(KEY_TAG).removeprefix(".") for tag in tags if f"{tag}.".startswith(f"{KEY_TAG}.")}
    if not parts:
        return ""
    wanted = (name if number == 1 else f"{name}_{number}" for number in count(1))
    return next(each for each in wanted if each not in parts)


def _looked_up(session: Any, run_id: str) -> Any:
    try:
        return session.get_run(run_id)
    except Exception as error:  # the wall before a foreign client
        raise DestinationUnreachableError(
            f"the active run cannot be read: {type(error).__name__}: {error}", where=session.get_tracking_uri()
        ) from error


def _is_of(run: Any, options: DeliveryOptions, session: Any) -> bool:
    """Whether a run lies in the experiment that was asked for; another one means another run."""
    if options.experiment_id:
        return bool(options.experiment_id == run.info.experiment_id)
    return bool(session.get_experiment(run.info.experiment_id).name == options.experiment)
