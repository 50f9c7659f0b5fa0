"""Asking a model from a test: one prompt, or many by a crew of workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.models.target import open_model


def question(number: int) -> Prompt:
    """An item the mock server answers with ``101 + number``, save that numbers ending in 7 get one more."""
    return Prompt(text=f"Item {number}: What is {number} + 101? Reply with the number only.")


def right(number: int) -> str:
    """What the mock server answers to ``question(number)``."""
    return str(number + 101 + (number % 10 == 7))


def target(url: str, **changes) -> ModelTarget:
    """The mock's model behind a URL."""
    return ModelTarget(**{"id": "mock", "url": url, **changes})


def ask_one(
    url: str,
    prompt: Prompt | None = None,
    *,
    generation: Mapping[str, object] | None = None,
    limits: RequestLimits | None = None,
    api_key: str = "",
    **changes,
) -> Answer:
    """One answer from an endpoint; no retries unless the limits say so."""

    async def run() -> Answer:
        limit = limits or RequestLimits(max_retries=0, timeout_s=10)
        model = open_model(target(url, **changes), generation=generation or {}, limits=limit, api_key=api_key)
        async with model:
            return await model.ask(prompt or question(1))

    return asyncio.run(run())


def ask_many(url: str, numbers: Sequence[int], limits: RequestLimits, **options) -> dict[int, Answer]:
    """The answers to many questions, asked by as many workers as may be in flight."""

    async def run() -> dict[int, Answer]:
        found: dict[int, Answer] = {}
        todo = iter(numbers)
        async with open_model(target(url), generation={}, limits=limits, **options) as model:

            async def work() -> None:
                for number in todo:
                    found[number] = await model.ask(question(number))

            async with asyncio.TaskGroup() as group:
                for _ in range(limits.concurrency):
                    group.create_task(work())
        return found

    return asyncio.run(run())


def body_of(stats: Mapping[str, object]) -> dict[str, object]:
    """The JSON body of the last request the mock saw."""
    last = stats["last_request"]
    assert isinstance(last, dict)
    found: dict[str, object] = json.loads(last["body"])
    return found
