"""What is asked for: an evaluation of one target on some tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from evaltrail.core.values import Json, Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTarget:
    """The model under test. Its key is named, never held."""

    id: str
    """Model name as the endpoint knows it, or ``baseline:extractive|majority|random``."""
    url: str = ""
    """OpenAI-compatible base URL (``.../v1``), or a full ``/chat/completions`` or ``/completions`` URL."""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty = OPENAI_API_KEY where set."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Extra request headers; their values are secrets."""
    is_asked: bool = True
    """False where it answered elsewhere: the data bring its outputs, and nothing is asked."""
    is_outside: bool = False
    """The URL stood in a request: only addresses that the operator lets requests reach are connected to."""

    @property
    def is_baseline(self) -> bool:
        """Whether the model is computed here, without an endpoint."""
        return self.id.startswith("baseline:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What errors call the settings of a target, and what goes on after them: as its user knows them."""

    url: str = "--url"
    api_key_env: str = "--api-key-env NAME"
    resume: str = "the same command"


COMMAND_LINE = Wording()
"""Of an evaluation whose settings are flags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How hard an endpoint may be pressed and how patient we are."""

    concurrency: int = 32
    """Requests in flight at most."""
    rpm: int | None = None
    """Requests a minute at most."""
    tpm: int | None = None
    """Tokens a minute at most, prompt and completion together."""
    timeout_s: float = 300.0
    """Seconds for one attempt, connection included."""
    max_retries: int = 5
    """Further attempts after a failed or unusable one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """What holds for one task of an evaluation, over what holds for all of them."""

    limit: int | float | None = None
    seed: int | None = None
    repeats: int | None = None
    generation: Mapping[str, Json] = field(default_factory=dict)
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """One evaluation: one target on one or several tasks."""

    tasks: tuple[str, ...]
    """Task files, or ``provider/task`` names."""
    target: ModelTarget
    limits: RequestLimits = RequestLimits()
    limit: int | float | None = None
    """First so many records of each task (int), or this share of them (float below 1)."""
    sample_ids: tuple[str, ...] = ()
    """Only these samples; empty = all."""
    seed: int | None = None
    repeats: int | None = None
    """Times each sample is asked; None = as the task says, else 1."""
    generation: Mapping[str, Json] = field(default_factory=dict)
    """Overrides of the tasks' generation settings."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    """Task or provider parameters of the user."""
    params_prefix: str = ""
    """What stands before their names where they are logged."""
    reuse_answers: bool = False
    """Whether stored answers of earlier evaluations may serve this one."""
    task_settings: tuple[TaskSettings, ...] = ()
    """Of each task its own, in the order of the tasks; empty = none has any."""

    def of_task(self, number: int) -> EvaluationRequest:
        """The request as one of its tasks has it.

        Args:
            number: which task, from 0.
        """
        if not self.task_settings:
            return self
        own = self.task_settings[number]
        return replace(
            self,
            limit=self.limit if own.limit is None else own.limit,
            seed=self.seed if own.seed is None else own.seed,
            repeats=self.repeats if own.repeats is None else own.repeats,
            generation={**self.generation, **own.generation},
            params={**self.params, **own.params},
        )

    @property
    def logged_params(self) -> dict[str, Scalar]:
        """The parameters under the names that runs bear them by."""
        return {f"{self.params_prefix}{name}": value for name, value in self.params.items()}
