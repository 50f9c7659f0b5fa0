"""What an order would ask and land, without asking anything."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.providers.native import Item, NativeTask
from evaltrail.service.deliver import complete_options, open_destination
from evaltrail.service.evaluation.judge_preview import preview_judges, turns_text
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import prepare

_CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English text; said beside the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The same for people and for programs."""

    text: str
    data: dict[str, Any]


def preview(order: Order, settings: Settings, *, prompts: int, with_plan: bool) -> Preview:
    """The first prompts of each task and of its judges, what all would cost, and (``with_plan``) the run to land.

    Raises:
        InputError: the order cannot be run.
    """
    prepared = prepare(order, settings)
    lines: list[str] = []
    shown: list[dict[str, Any]] = []
    for task, gradings in zip(prepared.tasks, prepared.gradings, strict=True):
        if not isinstance(task, NativeTask):
            lines.append(f"{task.name}: {task.provider} asks{f' {task.total:,} samples' if task.total else ''}")
            shown.append({"task": task.name, "prompts": [], "requests": task.total or None})
            continue
        first = [_prompt_text(task, item) for item in islice(task.items(), prompts)]
        cost = _cost(task)
        lines += [f"--- {task.name}, prompt {number}\n{text}" for number, text in enumerate(first, 1)]
        lines.append(
            f"{task.name}: {cost['requests']:,} requests, about {cost['prompt_tokens']:,} prompt tokens"
            f" (characters / {_CHARACTERS_A_TOKEN})"
            + (f", at most {cost['completion_tokens']:,} answer tokens" if cost["completion_tokens"] else "")
        )
        judges = preview_judges(task, gradings)
        for judge in judges:
            lines += [f"--- {task.name}, prompt of {judge.metric}\n{judge.prompt}"] if judge.prompt else []
            lines.append(f"{task.name}: {judge.line()}")
        told = {"judges": {judge.metric: judge.model for judge in judges}, "judging": [*map(asdict, judges)]}
        shown.append({"task": task.name, "prompts": first, **cost, **(told if judges else {})})
    data: dict[str, Any] = {"model": order.request.target.id, "tasks": shown}
    if with_plan and order.delivery is not None:
        plans = open_destination(settings).plan(prepared.unasked(), complete_options(order.delivery, settings))
        data["plan"] = [msgspec.to_builtins(plan) for plan in plans]
        lines += [
            f"--- the run that would land\n{msgspec.json.format(plan.to_json(), indent=1).decode()}" for plan in plans
        ]
    return Preview(text="\n".join(lines), data=data)


def _cost(task: NativeTask) -> dict[str, int]:
    asked = [len(_prompt_text(task, item)) for item in task.items() if _is_asked(task, item)]
    longest = task.generation.get("max_tokens", task.generation.get("max_completion_tokens"))
    return {
        "requests": len(asked) * task.repeats,
        "prompt_tokens": sum(asked) * task.repeats // _CHARACTERS_A_TOKEN,
        "completion_tokens": longest * len(asked) * task.repeats if isinstance(longest, int) else 0,
    }


def _is_asked(task: NativeTask, item: Item) -> bool:
    """Whether a request is sent for an item: its record brings no output of its own."""
    try:
        return task.given(item.record) is None
    except InputError:
        return False


def _prompt_text(task: NativeTask, item: Item) -> str:
    """The prompt as one text, or why this sample cannot be asked."""
    try:
        prompt = task.prompt(item)
    except InputError as error:
        return f"cannot be asked: {error}"
    if prompt.messages:
        return turns_text(prompt.messages)
    return prompt.text
