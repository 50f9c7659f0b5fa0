"""Everything about an order that can be found wrong before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from evaltrail.bundle.write import check_out
from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.models.target import open_model
from evaltrail.providers.catalog import Task, open_task
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
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
    tasks = order.tasks or tuple(
        open_task(name, request, datasets_dir=settings.datasets_dir, environ=settings.environ) for name in request.tasks
    )
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two tasks are called {name!r}", code="duplicate_task", hint="rename one of them")
    key = find_key(request.target, settings.openai_base_url, settings.environ)
    judge = named_judge(request)
    gradings = tuple(
        find_gradings(
            task.metrics if isinstance(task, NativeTask | StoredTask) else (),
            settings,
            default=judge,
            tested=request.target,
            may_be_tested=task.provider in SELF_JUDGED,
        )
        for task in tasks
    )
    prepared = Prepared(order=order, tasks=tasks, key=key, gradings=gradings)
    for task in tasks:
        if isinstance(task, NativeTask):
            prepared.open_model(task, settings)
        elif not isinstance(task, StoredTask):
            readers_for(task)
    if order.out is not None:
        check_out(order.out)
    if order.delivery is not None:
        from evaltrail.service.deliver import check_delivery  # noqa: PLC0415  a job delivers nothing by itself

        check_delivery(prepared.unasked(), order.delivery, settings)
    return prepared
