"""Estimate: what a generation would take, without asking anything: every request is written down, and only counted."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evaltrail.core.document import Chunk
from evaltrail.core.generation import Estimate, GenerationPlan
from evaltrail.generation.asking.answering import alone_messages, answer_messages
from evaltrail.generation.asking.tokens import guessed_prompt_tokens
from evaltrail.generation.asking.writer import MOST_QUESTIONS, write_messages
from evaltrail.generation.drafts import Passage
from evaltrail.generation.planning import check_plan, cost_of, passages_of, totals_of, windows_of
from evaltrail.generation.quotas import Quota, share_out
from evaltrail.generation.source import WriteOrder

_QUESTION = "x" * 80
"""As long as usual questions are."""
_WRITTEN_TOKENS = 45
"""Of one question with its answer, evidence and type, as JSON."""
_BARE_TOKENS = 30
"""The same where there is neither answer nor evidence."""
_ANSWERED_TOKENS, _UNANSWERED_TOKENS = 12, 10
"""Of one answer with its verdict, as JSON, and of a verdict alone."""
_STAGES = 2
"""A question is written, then checked."""


def estimate(plan: GenerationPlan, chunks: Sequence[Chunk], *, concurrency: int, latency_s: float = 1.0) -> Estimate:
    """What a plan would take over some chunks if no question were rejected; not one call is made.

    Args:
        plan: how.
        chunks: of the whole upload, numbered from 1.
        concurrency: requests in flight.
        latency_s: seconds that one request takes.

    Raises:
        InputError: the plan asks for what there is not.
    """
    check_plan(plan, has_model=True)
    windows = windows_of(plan, chunks)
    if plan.generator == "cloze":
        return Estimate(calls=0, prompt_tokens=0, completion_tokens=0, cost=None, seconds=None)
    passages = passages_of(windows, chunks)
    calls = prompt = completion = 0
    for passage, wanted in zip(passages, share_out(totals_of(plan, len(passages)), len(passages)), strict=True):
        if not wanted or not passage.text.strip():
            continue
        asked, tokens, said = _of_window(plan, passage, wanted)
        calls, prompt, completion = calls + asked, prompt + tokens, completion + said
    return Estimate(
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        cost=cost_of(plan, prompt, completion),
        seconds=latency_s * max(_STAGES, math.ceil(calls / concurrency)) if calls else 0.0,
    )


def _of_window(plan: GenerationPlan, passage: Passage, wanted: Quota) -> tuple[int, int, int]:
    """Calls, tokens of prompts and tokens of answers."""
    count, bare = sum(wanted.values()), wanted.get("unanswerable", 0)
    persona = plan.personas[(passage.window.number - 1) % len(plan.personas)] if plan.personas else ""
    order = WriteOrder(passage=passage, wanted=wanted, persona=persona)
    requests = -(-count // MOST_QUESTIONS)
    calls, prompt = requests, requests * guessed_prompt_tokens(write_messages(order))
    completion = _WRITTEN_TOKENS * (count - bare) + _BARE_TOKENS * bare
    if plan.thresholds.answerable > 0:
        calls += count
        prompt += count * guessed_prompt_tokens(answer_messages(_QUESTION, passage))
        completion += _ANSWERED_TOKENS * (count - bare) + _UNANSWERED_TOKENS * bare
    if plan.thresholds.closed_book > 0:
        calls += count - bare
        prompt += (count - bare) * guessed_prompt_tokens(alone_messages(_QUESTION))
        completion += (count - bare) * _UNANSWERED_TOKENS
    return calls, prompt, completion
