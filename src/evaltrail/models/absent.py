"""Absent: the model of data that bring their outputs; what they do not bring has none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.ids import digest

_NO_OUTPUT = Answer(error="no_output", detail="the data bring no output, and there is no model to ask", attempts=0)


class Absent:
    """Answers nothing: every answer is the error ``no_output``."""

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of what would be asked."""
        return digest([prompt.text, [dict(turn) for turn in prompt.messages]])

    async def ask(self, prompt: Prompt) -> Answer:  # noqa: ARG002  whatever is asked
        """No answer."""
        return _NO_OUTPUT

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:  # noqa: ARG002  the same
        """No answer."""
        return _NO_OUTPUT

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:  # noqa: ARG002  whichever is named
        """None.

        Raises:
            EndpointError: always.
        """
        raise EndpointError(
            f"no model makes embeddings for {len(texts)} texts", code="no_embeddings", hint="name an endpoint"
        )
