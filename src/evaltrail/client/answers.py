"""What the service answers, as values: the words that programs ask for most, with the whole answer beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeGuard, get_args

from evaltrail.core.values import Json

EvaluationState = Literal["pending", "running", "completed", "partially_failed", "failed", "cancelled"]
OVER: frozenset[str] = frozenset({"completed", "partially_failed", "failed", "cancelled"})
Wire = Mapping[str, Json]
"""A JSON object of an answer, under the names of the REST interface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation as the service tells it."""

    id: str
    state: EvaluationState
    message: str
    """What the state means, or why it failed."""
    name: str = ""
    model: str = ""
    experiment: str = ""
    """MLflow's experiment, with the prefix."""
    done: int = 0
    """Samples that are finished."""
    total: int | None = None
    """None = not known yet."""
    tokens: int = 0
    run_urls: tuple[str, ...] = ()
    """Where MLflow shows its runs; empty until something has landed."""
    mlflow_sync: str = ""
    """``pending`` until everything has landed, then ``synced``; ``off`` where nothing is to land, or ``failed``."""
    warnings: tuple[str, ...] = ()
    """What was understood otherwise than written."""
    is_replayed: bool = False
    """Whether the service knew this submission by its key already."""
    raw: Wire = field(default_factory=dict, repr=False)
    """Everything that was told."""

    @property
    def is_over(self) -> bool:
        """Whether it goes no further by itself."""
        return self.state in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some evaluations, newest first."""

    items: tuple[Evaluation, ...]
    total_count: int
    """On all pages."""
    next_cursor: str = ""
    """Gives the next page; empty = this is the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """One thing that happened to an evaluation."""

    id: int
    """Grows; what came after it can be asked for."""
    kind: str
    """``state``, ``benchmark`` or ``progress``."""
    data: Wire


def evaluation_of(told: Wire, *, is_replayed: bool = False) -> Evaluation:
    """The evaluation that an answer tells.

    Args:
        told: the answer.
        is_replayed: whether the answer says that it was there before.

    Raises:
        ValueError: it tells none.
    """
    identity, state = told.get("id"), told.get("status")
    if not isinstance(identity, str) or not _is_state(state):
        raise ValueError("it tells no evaluation")
    progress, runs, warnings = told.get("progress"), told.get("runs"), told.get("warnings")
    counts = progress if isinstance(progress, dict) else {}
    urls = [_text(run, "url") for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return Evaluation(
        id=identity,
        state=state,
        message=_text(_object(told, "message"), "message"),
        name=_text(told, "name"),
        model=_text(_object(told, "model"), "name"),
        experiment=_text(_object(told, "experiment"), "name"),
        done=_count(counts, "done") or 0,
        total=_count(counts, "total"),
        tokens=_count(told, "tokens") or 0,
        run_urls=tuple(filter(None, urls)),
        mlflow_sync=_text(told, "mlflow_sync"),
        warnings=tuple(map(str, warnings)) if isinstance(warnings, list) else (),
        is_replayed=is_replayed,
        raw=told,
    )


def page_of(told: Wire) -> Page:
    """The page that an answer tells.

    Raises:
        ValueError: it tells none.
    """
    items = tuple(evaluation_of(each) for each in items_of(told))
    return Page(
        items=items, total_count=_count(told, "total_count") or len(items), next_cursor=_text(told, "next_cursor")
    )


def items_of(told: Wire) -> tuple[Wire, ...]:
    """The objects that a list holds.

    Raises:
        ValueError: it is no list.
    """
    items = told.get("items")
    if isinstance(items, list):
        return tuple(each for each in items if isinstance(each, dict))
    raise ValueError("it tells no list")


def cursor_of(told: Wire) -> str:
    """What gives the next page; empty on the last one."""
    return _text(told, "next_cursor")


def _is_state(value: Json) -> TypeGuard[EvaluationState]:
    return value in get_args(EvaluationState)


def _object(told: Wire, name: str) -> Wire:
    value = told.get(name)
    return value if isinstance(value, dict) else {}


def _text(told: Wire, name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def _count(told: Wire, name: str) -> int | None:
    value = told.get(name)
    return value if isinstance(value, int) else None
