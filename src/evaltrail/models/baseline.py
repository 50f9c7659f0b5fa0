"""Baselines: weak but real models that need no endpoint. BM25 after Robertson and Zaragoza (2009)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.ids import digest, nearest

KINDS = ("extractive", "majority", "random")
_K1, _B = 1.5, 0.75
_WORD = re.compile(r"\w+")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")  # noqa: RUF001 - full-width stops end sentences too


def check_kind(kind: str) -> None:
    """Return where there is such a baseline.

    Raises:
        InputError: there is none.
    """
    if kind not in KINDS:
        hint = nearest(kind, KINDS) or f"known: {', '.join(KINDS)}"
        raise InputError(f"unknown baseline {kind!r:.60}", code="unknown_model", hint=hint)


class Baseline:
    """Answers by a fixed rule: the best sentence of the contexts, the commonest reference, or a seeded guess.

    Args:
        kind: ``extractive``, ``majority`` or ``random``.
        references: the accepted answers of the task, one for each sample.
        seed: of ``random``; the same prompt gets the same answer in any order of asking.

    Raises:
        InputError: there is no such baseline.
    """

    def __init__(self, kind: str, *, references: Sequence[str] = (), seed: int = 0) -> None:
        check_kind(kind)
        self._kind = kind
        self._references = tuple(references)
        self._seed = seed
        counts = Counter(self._references)
        self._majority = max(counts, key=lambda text: counts[text], default="")
        self._told = {"majority": self._majority, "random": digest(self._references)}.get(kind, "")

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of what is asked: kind, seed, references and everything of the prompt."""
        parts: Mapping[str, object] = {name: getattr(prompt, name) for name in Prompt.__slots__}
        return digest([self._kind, self._seed, self._told, {**parts, "messages": [dict(m) for m in prompt.messages]}])  # type: ignore[dict-item]

    async def ask(self, prompt: Prompt) -> Answer:
        """The rule's answer; error ``empty`` where it has nothing to choose from."""
        rule = {"extractive": self._extract, "majority": self._commonest, "random": self._guess}[self._kind]
        text = rule(prompt)
        if not text.strip():
            return Answer(error="empty", detail="nothing to choose an answer from", attempts=0)
        return Answer(text=text, finish_reason="stop", attempts=0)

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The rule's answer: a baseline has no probabilities, it chooses."""
        return await self.ask(replace(prompt, choices=tuple(choice.strip() for choice in choices)))

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:  # noqa: ARG002  whichever is named
        """None: a baseline has no vectors.

        Raises:
            EndpointError: always.
        """
        raise EndpointError(
            f"baseline:{self._kind} makes no embeddings for {len(texts)} texts",
            code="no_embeddings",
            hint="name an endpoint that does",
        )

    def _extract(self, prompt: Prompt) -> str:
        sentences = [part.strip() for text in prompt.contexts for part in _SENTENCE.split(text) if part.strip()]
        question = prompt.question or prompt.text or " ".join(message["content"] for message in prompt.messages[-1:])
        best = best_match(question, sentences) if sentences else ""
        return best_match(best or question, prompt.choices) if prompt.choices else best

    def _commonest(self, prompt: Prompt) -> str:
        return self._majority or (prompt.choices[0] if prompt.choices else "")

    def _guess(self, prompt: Prompt) -> str:
        options = prompt.choices or self._references
        if not options:
            return ""
        return Random(self.request_digest(prompt)).choice(options)  # noqa: S311 - a guess, not a secret


def best_match(query: str, texts: Sequence[str]) -> str:
    """The text that matches a query best by BM25; the first of several that match alike.

    Args:
        query: any text.
        texts: what to choose from; not empty.
    """
    bags = [Counter(_WORD.findall(text.lower())) for text in texts]
    lengths = [sum(bag.values()) for bag in bags]
    mean = sum(lengths) / len(lengths) or 1.0
    words = set(_WORD.findall(query.lower()))
    weight = {word: _rarity(sum(word in bag for bag in bags), len(bags)) for word in sorted(words)}

    def score(index: int) -> float:
        bag, norm = bags[index], _K1 * (1 - _B + _B * lengths[index] / mean)
        return math.fsum(weight[word] * bag[word] * (_K1 + 1) / (bag[word] + norm) for word in weight if bag[word])

    return texts[max(range(len(texts)), key=score)]


def _rarity(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))
