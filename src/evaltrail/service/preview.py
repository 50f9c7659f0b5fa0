"""What an order would ask and land, without asking anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.answer import Prompt
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.core.version import VERSION
from evaltrail.providers.native import NativeTask
from evaltrail.service.deliver import complete_options, open_destination
from evaltrail.service.evaluate import prepare_tasks
from evaltrail.service.order import Order

_CHARACTERS_A_TOKEN = 4
"""A rule of thumb for English text; said beside the figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The same for people and for programs."""

    text: str
    data: dict[str, Any]


def preview(order: Order, settings: Settings, *, prompts: int, with_plan: bool) -> Preview:
    """The first prompts of each task, what all would cost, and (``with_plan``) the run that would land.

    Raises:
        InputError: the order cannot be run.
    """
    tasks = prepare_tasks(order, settings)
    lines: list[str] = []
    shown: list[dict[str, Any]] = []
    for task in tasks:
        first = [task.prompt(item) for item in islice(task.items(), prompts)]
        cost = _cost(task)
        lines += [f"--- {task.name}, prompt {number}\n{_text(prompt)}" for number, prompt in enumerate(first, 1)]
        lines.append(
            f"{task.name}: {cost['requests']:,} requests, about {cost['prompt_tokens']:,} prompt tokens"
            f" (characters / {_CHARACTERS_A_TOKEN})"
            + (f", at most {cost['completion_tokens']:,} answer tokens" if cost["completion_tokens"] else "")
        )
        shown.append({"task": task.name, "prompts": [_text(prompt) for prompt in first], **cost})
    data: dict[str, Any] = {"model": order.request.target.id, "tasks": shown}
    if with_plan and order.delivery is not None:
        plans = open_destination(settings).plan(_unasked(order, tasks), complete_options(order.delivery, settings))
        data["plan"] = [msgspec.to_builtins(plan) for plan in plans]
        lines += [
            f"--- the run that would land\n{msgspec.json.format(plan.to_json(), indent=1).decode()}" for plan in plans
        ]
    return Preview(text="\n".join(lines), data=data)


def _cost(task: NativeTask) -> dict[str, int]:
    characters = sum(len(_text(task.prompt(item))) for item in task.items())
    longest = task.generation.get("max_tokens", task.generation.get("max_completion_tokens"))
    return {
        "requests": task.total,
        "prompt_tokens": characters * task.repeats // _CHARACTERS_A_TOKEN,
        "completion_tokens": longest * task.total if isinstance(longest, int) else 0,
    }


def _text(prompt: Prompt) -> str:
    if prompt.messages:
        return "\n".join(f"[{turn['role']}] {turn['content']}" for turn in prompt.messages)
    return prompt.text


def _unasked(order: Order, tasks: Sequence[NativeTask]) -> ResultBundle:
    now = datetime.now(UTC)
    return ResultBundle(
        id="not-asked-yet",
        origin=Origin(producer="evaltrail", version=VERSION),
        model=order.request.target.id,
        tasks=tuple(
            TaskResult(
                name=task.name, provider=task.provider, config=task.config(), dataset=task.dataset, counts=Counts()
            )
            for task in tasks
        ),
        params=dict(order.request.params),
        started_at=now,
        ended_at=now,
    )
