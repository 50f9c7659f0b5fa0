"""How likely a model finds given continuations of given contexts, and whether it would say them itself.

Source: /completions with ``echo`` and ``logprobs`` (the OpenAI HTTP interface); the pair of log-probability and
"is greedy" is what lm-evaluation-harness calls a loglikelihood.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import msgspec

from evaltrail.core.answer import Answer
from evaltrail.core.decoding import decoder
from evaltrail.models.connection import Reply

_NOT_THERE = "the endpoint gives no log-probabilities of the prompt (echo with logprobs)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """One continuation."""

    logprob: float
    """Natural logarithm; the sum over its tokens."""
    is_greedy: bool | None
    """Whether each of its tokens is the likeliest one at its place; None where the endpoint does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihoods:
    """One answer: a likelihood for every pair that was asked, or the reason why there is none."""

    each: tuple[Likelihood, ...] = ()
    answer: Answer
    """Its error, or what it cost; ``no_logprobs`` where the endpoint answers without them."""


class _Logprobs(msgspec.Struct, gc=False):
    tokens: list[str]
    token_logprobs: list[float | None]
    text_offset: list[int]
    top_logprobs: list[dict[str, float | None] | None] | None = None


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    logprobs: _Logprobs | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Body(msgspec.Struct, gc=False):
    choices: list[_Choice]
    usage: _Usage | None = None


_decode = decoder(_Body).decode


class LikelihoodReader:
    """Reads the answer to several texts; ``each`` holds the likelihoods once an answer was usable.

    Args:
        starts: where the continuation begins in each text, in characters. What begins at 0 is scored from the first
            token on that has a probability: endpoints give none to the very first.
    """

    def __init__(self, starts: Sequence[int]) -> None:
        self._starts = starts
        self.each: tuple[Likelihood, ...] = ()

    def __call__(self, reply: Reply, attempts: int) -> Answer:
        """An answer without ``error`` where every text has its likelihood; else ``no_logprobs`` or ``garbage``."""
        try:
            body = _decode(reply.body)
        except (ValueError, RecursionError) as error:
            return Answer(error="garbage", detail=str(error), attempts=attempts)
        rows = sorted(body.choices, key=lambda row: row.index)
        if len(rows) != len(self._starts):
            detail = f"{len(rows)} answers to {len(self._starts)} texts"
            return Answer(error="garbage", detail=detail, attempts=attempts)
        found = [*starmap(_likelihood, zip((row.logprobs for row in rows), self._starts, strict=True))]
        known = tuple(each for each in found if each is not None)
        if len(known) != len(found):
            return Answer(error="no_logprobs", detail=_NOT_THERE, attempts=attempts)
        self.each = known
        used = body.usage or _Usage()
        return Answer(
            text="",
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            latency_s=reply.latency_s,
            attempts=attempts,
        )


def _likelihood(found: _Logprobs | None, start: int) -> Likelihood | None:
    """Over the tokens that reach beyond ``start``; None where one of them is unknown or there is none."""
    if found is None or not len(found.tokens) == len(found.token_logprobs) == len(found.text_offset):
        return None
    ends = [offset + len(token) for offset, token in zip(found.text_offset, found.tokens, strict=True)]
    places = [place for place, end in enumerate(ends) if end > start]
    if start == 0 and places and found.token_logprobs[places[0]] is None:
        places = places[1:]
    values = [found.token_logprobs[place] for place in places]
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known or len(known) != len(values):
        return None
    return Likelihood(logprob=math.fsum(known), is_greedy=_is_greedy(found, places))


def _is_greedy(found: _Logprobs, places: Sequence[int]) -> bool | None:
    """By probability, not by name: endpoints write the same token in different ways."""
    tops = found.top_logprobs
    if tops is None or len(tops) != len(found.tokens):
        return None
    for place in places:
        rivals = [value for value in (tops[place] or {}).values() if value is not None]
        own = found.token_logprobs[place]
        if not rivals or own is None:
            return None
        if max(rivals) > own:
            return False
    return True
