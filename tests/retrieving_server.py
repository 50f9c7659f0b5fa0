"""RetrievingServer: a system that looks passages up by itself, behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from judge_server import JudgeServer

Place = Callable[[Sequence[str]], Mapping[str, Any]]
"""Passages to the fields of the message that tell them."""


class RetrievingServer(JudgeServer):
    """Answers a question with the passage that shares most words with it, and tells what it found.

    Args:
        passages: what it looks into.
        tells: how it tells what it found; usually as ``contexts``.
        most: passages that it finds for each question.
    """

    def __init__(
        self, passages: Sequence[str], *, tells: Place = lambda found: {"contexts": list(found)}, most: int = 2
    ) -> None:
        super().__init__(lambda text: self.found(text)[0])
        self._passages = passages
        self._tells = tells
        self._most = most

    def found(self, question: str) -> list[str]:
        """The passages for a question, best first."""
        words = _words(question)
        return sorted(self._passages, key=lambda passage: -len(words & _words(passage)))[: self._most]

    def reply(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer to one request."""
        status, answer = super().reply(path, body)
        answer["choices"][0]["message"] |= self._tells(self.found(body["messages"][-1]["content"]))
        return status, answer


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.casefold()) if len(word) > 3}
