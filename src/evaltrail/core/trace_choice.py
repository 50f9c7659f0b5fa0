"""TraceChoice: which samples become traces in MLflow, and the words people say it with."""

from __future__ import annotations

from typing import Literal

from evaltrail.core.errors import InputError

TraceChoice = Literal["failures", "all"] | int
"""Those that are unscored or graded wrong, every one, or so many from the first on; 0 = none."""


def read_trace_choice(text: str | int, *, where: str = "") -> TraceChoice:
    """The choice that a word or a number stands for; ``none`` and 0 are none.

    Args:
        text: ``failures``, ``all``, ``none`` or a whole number from 0 on.
        where: what the user set, for the error.

    Raises:
        InputError: it is none of these.
    """
    word = str(text).strip().lower()
    if word == "none":
        return 0
    if word in {"failures", "all"}:
        return "all" if word == "all" else "failures"
    if word.isascii() and word.isdigit() and len(word) < 16:
        return int(word)
    raise InputError(
        f"{str(text)!r:.80} says no samples to trace",
        code="bad_traces",
        hint="write failures, all, none, or a number",
        where=where,
    )
