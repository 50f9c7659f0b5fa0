"""How likely a model finds each choice as continuation of a prompt: /completions with echo and logprobs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from evaltrail.core.answer import Answer
from evaltrail.core.decoding import decoder
from evaltrail.core.values import Json
from evaltrail.models.connection import Reply

ASK: Mapping[str, Json] = {"echo": True, "logprobs": 1, "max_tokens": 0, "temperature": 0}


class _Logprobs(msgspec.Struct, gc=False):
    tokens: list[str]
    token_logprobs: list[float | None]
    text_offset: list[int]


class _Choice(msgspec.Struct, gc=False):
    index: int = 0
    logprobs: _Logprobs | None = None


class _Body(msgspec.Struct, gc=False):
    choices: list[_Choice]


_decode = decoder(_Body).decode


class LogprobReader:
    """Reads the answer to one prompt with each of its choices appended.

    Args:
        context: the prompt's text.
        choices: the continuations, in the order they were sent.
    """

    def __init__(self, context: str, choices: tuple[str, ...]) -> None:
        self._start = len(context)
        self._choices = choices

    def __call__(self, reply: Reply, attempts: int) -> Answer:
        """The likeliest choice as text, with one log-probability a choice; else ``no_logprobs`` or ``garbage``."""
        try:
            rows = sorted(_decode(reply.body).choices, key=lambda row: row.index)
        except (ValueError, RecursionError) as error:
            return Answer(error="garbage", detail=str(error), attempts=attempts)
        sums = [_continuation(row.logprobs, self._start) for row in rows]
        known = tuple(value for value in sums if value is not None)
        if not known or len(known) != len(self._choices) or len(rows) != len(known):
            detail = "the endpoint gives no log-probabilities of the prompt (echo with logprobs)"
            return Answer(error="no_logprobs", detail=detail, attempts=attempts)
        best = self._choices[max(range(len(known)), key=known.__getitem__)]
        return Answer(text=best, choice_logprobs=known, latency_s=reply.latency_s, attempts=attempts)


def _continuation(found: _Logprobs | None, start: int) -> float | None:
    """Sum over the tokens that reach beyond ``start``; None where one of them is unknown or there is none."""
    if found is None or not len(found.tokens) == len(found.token_logprobs) == len(found.text_offset):
        return None
    ends = [offset + len(token) for offset, token in zip(found.text_offset, found.tokens, strict=True)]
    values = [value for value, end in zip(found.token_logprobs, ends, strict=True) if end > start]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(known) if known and len(known) == len(values) else None
