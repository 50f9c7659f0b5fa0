"""Verdict: what a judge's model said, read; or the reason why it could not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from evaltrail.core.sample import Usage

UNREADABLE = "judge_unreadable"
"""Neither the form that was asked for, nor anything else that says one thing clearly."""
REFUSAL = "judge_refusal"
TRUNCATED = "judge_truncated"
EMPTY = "judge_empty"
OUT_OF_RANGE = "judge_out_of_range"
SPLIT = "judge_split"
"""Asked several times, it said different things equally often."""

Found = TypeVar("Found")
_FREE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Generic[Found]):
    """One question's outcome."""

    value: Found | None = None
    """What was read; None exactly when ``reason`` is set."""
    reason: str = ""
    """``judge_unreadable``, ``judge_refusal``, ``judge_truncated``, ``judge_empty``, ``judge_out_of_range``, or
    ``judge_`` and the endpoint's own reason, such as ``judge_http_500``."""
    raw: str = ""
    """What the model said where it could not be read, cut to some kilobytes."""
    usage: Usage = _FREE
    """Of every request that it took; ``latency_s`` is their sum."""


def total_usage(parts: list[Usage]) -> Usage:
    """What several questions cost together; a count that one of them does not tell is left out of the sum."""
    return Usage(
        prompt_tokens=_sum([part.prompt_tokens for part in parts]),
        completion_tokens=_sum([part.completion_tokens for part in parts]),
        latency_s=_sum([part.latency_s for part in parts]),
        attempts=sum(part.attempts for part in parts),
    )


Amount = TypeVar("Amount", int, float)


def _sum(values: list[Amount | None]) -> Amount | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
