"""A working model for tests: answers from a table of rules, counts what it was asked, and can fail on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.ids import digest


def echo(prompt: Prompt) -> Answer:
    """``a7`` to a prompt that asks ``q7``, as an endpoint would tell it."""
    return Answer(text=prompt.question.replace("q", "a"), prompt_tokens=5, completion_tokens=2, latency_s=0.25)


class CountingModel:
    """Answers by a rule.

    Args:
        rule: prompt to answer.
        gives_out_after: prompts after which every further one raises EndpointError; None = never.
    """

    def __init__(self, rule: Callable[[Prompt], Answer] = echo, gives_out_after: int | None = None) -> None:
        self._rule = rule
        self._left = gives_out_after
        self.asked: list[Prompt] = []
        self.in_flight = 0
        self.peak = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of the request."""
        return digest([prompt.text, [dict(turn) for turn in prompt.messages], prompt.seed])

    async def ask(self, prompt: Prompt) -> Answer:
        """The rule's answer, after others had their turn."""
        if self._left is not None:
            if not self._left:
                raise EndpointError("the endpoint is gone")
            self._left -= 1
        self.asked.append(prompt)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        return self._rule(prompt)

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The choice that the rule's answer names, with a log-probability each."""
        answer = await self.ask(prompt)
        return Answer(
            text=answer.text, choice_logprobs=tuple(0.0 if answer.text == one.strip() else -9.0 for one in choices)
        )

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:
        """How long each text is, and 1."""
        return tuple((float(len(text)), 1.0) for text in texts)
