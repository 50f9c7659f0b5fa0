"""The providers that can be named, and the task that a name means to one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, cast

from evaltrail.core.errors import InputError
from evaltrail.core.ids import did_you_mean, nearest
from evaltrail.core.plugins import Registry
from evaltrail.core.ports import FolderTask
from evaltrail.core.request import EvaluationRequest
from evaltrail.providers.native import NativeTask, check_limit
from evaltrail.providers.stored import StoredTask
from evaltrail.providers.tasks import read_task

PROVIDERS = Registry(
    "evaltrail.providers",
    {
        "command": "evaltrail.providers.command:command_task",
        "dataset": "evaltrail.providers.questions.task:questions_task",
        "lm_evaluation_harness": "evaltrail.providers.lm_eval.task:lm_eval_task",
        "mlflow": "evaltrail.providers.mlflow_scorers:mlflow_task",
        "ragas": "evaltrail.providers.ragas:ragas_task",
    },
)
"""A provider's plugin is a function like ``TaskMaker``; task files need none."""

Task = NativeTask | StoredTask | FolderTask
"""A task that was checked: one that we ask ourselves or score anew, or one that another program runs."""

DATASET = "dataset:"
"""How the name of a task begins that is a data set of questions: its id comes behind it."""
_ENDINGS = (".yaml", ".yml")
_WITHOUT_URL = ("command", "mlflow", "ragas")
_SHORT = {"lm_eval": "lm_evaluation_harness", "lm_eval_harness": "lm_evaluation_harness"}
"""What a provider's package or project is called, too."""


class TaskMaker(Protocol):
    """Makes the task of a name."""

    def __call__(
        self, name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
    ) -> Task:
        """The task, with everything found that can be found wrong before anything is asked.

        Args:
            name: as the provider knows it, without the provider's own name.
            request: what was asked for; ``params`` are the provider's settings.
            datasets_dir: EVALTRAIL_DATASETS_DIR.
            environ: every variable.

        Raises:
            InputError: it cannot be run.
        """
        ...


def open_task(name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]) -> Task:
    """The task of a name, checked; for the arguments see ``TaskMaker``.

    Args:
        name: a task file, ``provider/task``, or ``dataset:ID``.
        request: see ``TaskMaker``.
        datasets_dir: see ``TaskMaker``.
        environ: see ``TaskMaker``.

    Raises:
        InputError: there is no such task, or it cannot be run.
    """
    if is_task_file(name):
        return NativeTask(read_task(_existing(Path(name))), request, datasets_dir)
    provider, slash, task = name.partition(":" if name.startswith(DATASET) else "/")
    if not (slash and task):
        raise _unknown(name, environ)
    check_limit(request.limit)
    make = cast("TaskMaker", PROVIDERS.load(provider_named(provider) or provider))
    return make(task, request, datasets_dir=datasets_dir, environ=environ)


def is_task_file(name: str) -> bool:
    """Whether a name means a task file, and no ``provider/task``."""
    if names_dataset(name):
        return False
    file = Path(name)
    return file.suffix.lower() in _ENDINGS or file.is_file()


def names_dataset(name: str) -> bool:
    """Whether a name means a stored data set of questions."""
    return name.startswith((DATASET, "dataset/"))


def needs_no_url(name: str) -> bool:
    """Whether a task may do without an endpoint: its data may bring the outputs, or its program may know where to ask.

    Its provider refuses it where that turns out to be otherwise.
    """
    return provider_named(name.partition("/")[0]) in _WITHOUT_URL and "/" in name


def provider_named(word: str) -> str | None:
    """The provider that a run configuration's word means (``lm-evaluation-harness``); None where there is none."""
    name = word.replace("-", "_").lower()
    name = _SHORT.get(name, name)
    return name if name in PROVIDERS.builtin else None


def _unknown(name: str, environ: Mapping[str, str]) -> InputError:
    from evaltrail.providers.directory import tasks_like  # noqa: PLC0415  a list of thousands, for this error alone

    known = f"name a task file, such as capitals.yaml, dataset:ID, or provider/task: {', '.join(PROVIDERS.names())}"
    hint = did_you_mean(tasks_like(name, environ))
    return InputError(f"no provider offers the task {name!r}", code="unknown_task", hint=hint or known)


def _existing(file: Path) -> Path:
    if not file.is_file():
        beside = [path.name for path in file.parent.glob("*.y*ml") if path.is_file()]
        hint = nearest(file.name, beside) or f"task files here: {', '.join(sorted(beside)) or 'none'}"
        raise InputError("the task file is not there", code="missing_task", where=str(file), hint=hint)
    return file
