"""What the process that asks for a harness task and the child that runs it tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from evaltrail.core.errors import EndpointError, EvaltrailError, InputError, StorageError
from evaltrail.core.progress import Progress
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.providers.lm_eval.options import Options

ACCESS_VARIABLE = "EVALTRAIL_LM_EVAL_ACCESS"
"""Holds the endpoint and its key as JSON: neither stands in a file or on a command line."""
_KINDS: Mapping[str, type[EvaltrailError]] = {
    "input": InputError,
    "endpoint": EndpointError,
    "storage": StorageError,
    "other": EvaltrailError,
}


class ChildRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the child is to do; it lies in a file, so that it holds no secret."""

    task: str
    """A task, group or tag of the harness, or of the folder that the options include."""
    is_own: bool
    """Whether the folder that the options include has it, so that the harness's own tasks need not be looked at."""
    folders: tuple[str, ...] = ()
    """Where its files lie below the harness's tasks; empty = not known, so that all of them are looked through."""
    instead: tuple[str, ...] = ()
    """Tasks that need no log-probabilities, for the error that says there are none."""
    results: str
    """The folder that results are written into, absolute."""
    journal: str
    """The file that answers are kept in, absolute."""
    datasets_dir: str = ""
    """A mirror of data sets; empty = none."""
    options: Options
    limits: RequestLimits
    limit: int | float | None = None
    """First so many documents of each task, or this share of them, below 1."""
    samples: tuple[int, ...] = ()
    """Only the documents at these places; empty = all."""
    seed: int | None = None
    generation: Mapping[str, Any] = {}
    """The user's settings, as they go into a request's body."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, and with what key."""

    target: ModelTarget
    api_key: str = ""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error on its way from the child."""

    kind: str
    message: str
    code: str = ""
    hint: str = ""
    where: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line that the child tells."""

    progress: Progress | None = None
    failure: Failure | None = None
    is_done: bool = False
    """Whether the results are whole."""


def failure_of(error: EvaltrailError) -> Failure:
    """The error as it is told."""
    kind = next((kind for kind, each in _KINDS.items() if isinstance(error, each)), "other")
    return Failure(kind=kind, message=error.message, code=error.code, hint=error.hint, where=error.where)


def error_of(failure: Failure) -> EvaltrailError:
    """The error that was told."""
    return _KINDS[failure.kind](failure.message, code=failure.code, hint=failure.hint, where=failure.where)
