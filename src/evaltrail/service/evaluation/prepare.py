"""Everything about an order that can be found wrong before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.bundle.write import check_out
from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.ports import Model
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.models.target import open_model
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import read_task
from evaltrail.service.evaluation.order import Order, check_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An order whose tasks, model, key and destination were checked."""

    order: Order
    tasks: tuple[NativeTask, ...]
    key: str
    """The model's key; empty = none."""

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
        return digest([identities, target, dict(request.params)])

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
        )

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
            params=dict(self.order.request.params),
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
    tasks = tuple(NativeTask(read_task(_task_file(name)), request, settings.datasets_dir) for name in request.tasks)
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two tasks are called {name!r}", code="duplicate_task", hint="rename one of them")
    key = find_key(request.target, settings.openai_base_url, settings.environ)
    prepared = Prepared(order=order, tasks=tasks, key=key)
    for task in tasks:
        prepared.open_model(task, settings)
    if order.out is not None:
        check_out(order.out)
    if order.delivery is not None:
        from evaltrail.service.deliver import check_delivery  # noqa: PLC0415  a job delivers nothing by itself

        check_delivery(prepared.unasked(), order.delivery, settings)
    return prepared


def _task_file(name: str) -> Path:
    file = Path(name)
    if file.suffix.lower() in {".yaml", ".yml"} or file.is_file():
        if not file.is_file():
            beside = [path.name for path in file.parent.glob("*.y*ml") if path.is_file()]
            hint = nearest(file.name, beside) or f"task files here: {', '.join(sorted(beside)) or 'none'}"
            raise InputError("the task file is not there", code="missing_task", where=name, hint=hint)
        return file
    raise InputError(
        f"no provider offers the task {name!r}", code="unknown_task", hint="name a task file, such as capitals.yaml"
    )
