"""Gated: what a gate says of a question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """A gate's score, whether it lets the question pass, and why not."""

    score: float
    """In [0, 1]."""
    passed: bool
    detail: str = ""
    """One line for people; empty where there is nothing to say."""

    @classmethod
    def at_least(cls, score: float, threshold: float, detail: str = "") -> Self:
        """Passed where the score reaches the threshold."""
        return cls(score=score, passed=score >= threshold, detail=detail)
