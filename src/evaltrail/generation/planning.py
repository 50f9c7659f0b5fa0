"""Planning: what a plan comes to over some chunks, before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan
from evaltrail.core.ids import nearest
from evaltrail.core.question import QUESTION_TYPES, QuestionType
from evaltrail.generation.drafts import Passage
from evaltrail.generation.windows import Windows, windows_over

_PER = 1_000_000
"""Tokens that a price is for."""


def check_plan(plan: GenerationPlan, *, has_model: bool) -> None:
    """Find out whether a plan can be carried out.

    Raises:
        InputError: it cannot; the message names the setting.
    """
    for kind, count in plan.types.items():
        if kind not in QUESTION_TYPES:
            hint = nearest(kind, QUESTION_TYPES) or f"known: {', '.join(QUESTION_TYPES)}"
            raise InputError(f"there is no question type {kind!r}", code="unknown_type", where="types", hint=hint)
        _check_count(f"types.{kind}", count, least=0)
    _check_count("questions_per_window", plan.questions_per_window, least=1)
    _check_count("rounds", plan.rounds, least=1)
    if plan.budget_tokens is not None:
        _check_count("budget_tokens", plan.budget_tokens, least=0)
    if plan.generator == "llm" and not has_model:
        hint = "name one with its URL, or take the generator cloze, which needs none"
        raise InputError("the generator llm needs a model", code="no_model", where="generator", hint=hint)


def windows_of(plan: GenerationPlan, chunks: Sequence[Chunk]) -> Windows:
    """The windows of a plan.

    Raises:
        InputError: size, step or scope is wrong (``bad_window``).
    """
    return windows_over(chunks, size=plan.window_size, step=plan.window_step, scope=plan.window_scope)


def passages_of(windows: Windows, chunks: Sequence[Chunk]) -> tuple[Passage, ...]:
    """Every window with its chunks."""
    return tuple(Passage(window=window, chunks=window.chunks_of(chunks)) for window in windows.windows)


def totals_of(plan: GenerationPlan, windows: int) -> dict[QuestionType, int]:
    """How many questions of each type are asked for over all windows; no zeros."""
    if plan.types:
        return {kind: plan.types[kind] for kind in QUESTION_TYPES if plan.types.get(kind, 0) > 0}
    return {"simple": plan.questions_per_window * windows} if windows else {}


def cost_of(plan: GenerationPlan, prompt_tokens: int, completion_tokens: int) -> float | None:
    """What tokens cost; None where a price is not known."""
    if plan.price_prompt is None or plan.price_completion is None:
        return None
    return (prompt_tokens * plan.price_prompt + completion_tokens * plan.price_completion) / _PER


def _check_count(name: str, value: int, *, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}, and no whole number from {least}", code="bad_count", where=name)
