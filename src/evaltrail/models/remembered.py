"""Remembered: a model whose answers are kept, and which is not asked again what it has answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model


class Remembered:
    """A model in front of which answers are looked up.

    Args:
        model: whom to ask what was not asked before; opened and closed with this.
        find: request digest to a kept answer, or None.
        keep: told each new answer that is no failure.
    """

    def __init__(self, model: Model, find: Callable[[str], Answer | None], keep: Callable[[str, Answer], None]) -> None:
        self._model = model
        self._find = find
        self._keep = keep

    async def __aenter__(self) -> Self:
        """Open the model."""
        await self._model.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close the model."""
        await self._model.__aexit__(*exc)

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of the request, as the model says it."""
        return self._model.request_digest(prompt)

    async def ask(self, prompt: Prompt) -> Answer:
        """The kept answer, else the model's."""
        request = self._model.request_digest(prompt)
        found = self._find(request)
        if found is not None:
            return found
        answer = await self._model.ask(prompt)
        if not answer.error:
            self._keep(request, answer)
        return answer

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The kept answer, else the model's."""
        request = digest([self._model.request_digest(prompt), *choices])
        found = self._find(request)
        if found is not None:
            return found
        answer = await self._model.choice_logprobs(prompt, choices)
        if not answer.error:
            self._keep(request, answer)
        return answer

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:
        """The model's vectors; nothing is kept of them."""
        return await self._model.embed(texts, model=model)
