"""Everything about an order that can be found wrong before anything is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from evaltrail.bundle.write import check_out
from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.models.target import open_model
from evaltrail.providers.catalog import Task, is_task_file, names_dataset, open_task
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
from evaltrail.service.evaluation.broken_task import BrokenTask
from evaltrail.service.evaluation.elsewhere import readers_for
from evaltrail.service.evaluation.judges import SELF_JUDGED, Grading, find_gradings, named_judge, public_judge
from evaltrail.service.evaluation.order import Order, check_limits
from evaltrail.service.evaluation.report import repeat_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order whose tasks, model, key and destination were checked."""

    order: Order
    tasks: tuple[Task, ...]
    key: str
    """The model's key; empty = none."""
    gradings: tuple[tuple[Grading, ...], ...]
    """Of each task the judges, with the models that they will ask."""

    @property
    def total(self) -> int:
        """Samples of all tasks."""
        return sum(task.total for task in self.tasks)

    @property
    def resume_key(self) -> str:
        """Digest of tasks, data, model and parameters: the same order finds its own unfinished work."""
        request = self.order.request
        identities: list[Json] = [[task.name, task.identity] for task in self.tasks]
        target: list[Json] = [request.target.id, request.target.url, dict(request.target.headers)]
        judges: list[Json] = [
            [grading.judge.name, grading.target.id, grading.target.url] for task in self.gradings for grading in task
        ]
        return digest([identities, target, dict(request.params), judges])

    def open_model(self, task: NativeTask, settings: Settings) -> Model:
        """The model that answers a task; enter it before it is asked."""
        return open_model(
            self.order.request.target,
            generation=task.generation,
            limits=self.order.request.limits,
            api_key=self.key,
            references=tuple(task.references.elements()),
            seed=self.order.request.seed or 0,
            environ=settings.environ,
            wording=self.order.wording,
        )

    def command(self, settings: Settings) -> tuple[str, ...]:
        """How to repeat it, with the judge that a variable of this process names."""
        words = self.order.command or repeat_words(self.order.request)
        is_silent = "--judge" not in words and any(
            not grading.judge.target for task in self.gradings for grading in task
        )
        return (*words, "--judge", public_judge(settings.judge)) if is_silent and settings.judge else words

    def unasked(self) -> ResultBundle:
        """What the bundle would say if nothing had been asked yet."""
        now = datetime.now(UTC)
        results = (
            TaskResult(name=task.name, provider=task.provider, config=task.config(), dataset=task.dataset)
            for task in self.tasks
        )
        return ResultBundle(
            id="not-asked-yet",
            origin=Origin(producer="evaltrail", version=VERSION),
            model=self.order.request.target.id,
            tasks=tuple(results),
            params=self.order.request.logged_params,
            started_at=now,
            ended_at=now,
        )


def prepare(order: Order, settings: Settings) -> Prepared:
    """The order, checked; nothing is asked, written or sent.

    Raises:
        InputError: it cannot be carried out.
    """
    check_limits(order.request.limits, order.allow_unscored)
    request = order.request
    tasks = order.tasks or tuple(_opened(request, number, settings) for number in range(len(request.tasks)))
    for number, task in enumerate(tasks):
        _check_single(task, tasks[:number])
    key = find_key(request.target, settings.openai_base_url, settings.environ)
    gradings = tuple(_gradings(request.of_task(number), task, settings) for number, task in enumerate(tasks))
    prepared = Prepared(order=order, tasks=tasks, key=key, gradings=gradings)
    for task in tasks:
        _check_runnable(prepared, task, settings)
    if order.out is not None:
        check_out(order.out)
    if order.delivery is not None:
        from evaltrail.service.deliver import check_delivery  # noqa: PLC0415  a job delivers nothing by itself

        check_delivery(prepared.unasked(), order.delivery, settings)
    return prepared


def prepare_apart(
    order: Order, settings: Settings, own: Callable[[Settings, int], Settings] = lambda settings, _: settings
) -> Prepared:
    """The order, checked task by task: one that cannot be run stands in it as broken, with the reason.

    Args:
        order: names its tasks.
        settings: of this process.
        own: makes of them those of a task, by its number; raises InputError where it must not be opened.
    """
    request = order.request
    refusal: InputError | None = None
    key = ""
    try:
        key = find_key(request.target, settings.openai_base_url, settings.environ)
    except InputError as error:
        refusal = error
    whole = Prepared(order=order, tasks=(), key=key, gradings=())
    tasks: list[Task] = []
    gradings: list[tuple[Grading, ...]] = []
    for number, name in enumerate(request.tasks):
        try:
            if refusal is not None:
                raise refusal
            its = own(settings, number)
            task = _opened(request, number, its)
            _check_single(task, tasks)
            graded = _gradings(request.of_task(number), task, its)
            _check_runnable(whole, task, its)
        except InputError as error:
            task, graded = _broken(name, request.of_task(number), error, tasks), ()
        tasks.append(task)
        gradings.append(graded)
    return replace(whole, tasks=tuple(tasks), gradings=tuple(gradings))


def _opened(request: EvaluationRequest, number: int, settings: Settings) -> Task:
    return open_task(
        request.tasks[number],
        request.of_task(number),
        datasets_dir=settings.datasets_dir,
        environ={**settings.environ, **_judge_variable(settings)},
    )


def _judge_variable(settings: Settings) -> Mapping[str, str]:
    """The judge of the settings as the variable that tasks look for: an order from elsewhere brings its own."""
    return {"EVALTRAIL_JUDGE": settings.judge} if settings.judge else {}


def _gradings(request: EvaluationRequest, task: Task, settings: Settings) -> tuple[Grading, ...]:
    return find_gradings(
        task.metrics if isinstance(task, NativeTask | StoredTask) else (),
        settings,
        default=named_judge(request),
        tested=request.target,
        may_be_tested=task.provider in SELF_JUDGED,
    )


def _check_runnable(prepared: Prepared, task: Task, settings: Settings) -> None:
    """Return where there are a model that can be asked, and readers for what a program leaves.

    Raises:
        InputError: there are not.
    """
    if isinstance(task, NativeTask):
        prepared.open_model(task, settings)
    elif not isinstance(task, StoredTask):
        readers_for(task)


def _check_single(task: Task, others: Sequence[Task]) -> None:
    """Return where no other task is called so: results are told apart by their names.

    Raises:
        InputError: one is.
    """
    if any(task.name == other.name for other in others):
        raise InputError(f"two tasks are called {task.name!r}", code="duplicate_task", hint="rename one of them")


def _broken(name: str, request: EvaluationRequest, error: InputError, others: Sequence[Task]) -> BrokenTask:
    provider, _, task = name.partition(":" if names_dataset(name) and "/" not in name else "/")
    if is_task_file(name):
        provider, task = "native", Path(name).stem
    names = chain((task,), (f"{task}_{number}" for number in count(2)))
    free = next(each for each in names if all(each != other.name for other in others))
    return BrokenTask(name=free, provider=provider, error=error, settings=request.params)
