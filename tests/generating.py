"""Generating from a test: a plan carried out against a real endpoint, or any model."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import uvloop

from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.core.document import Chunk
from evaltrail.core.generation import Generation, GenerationPlan
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.generation.asking.limits import FIRST_IN_FLIGHT
from evaltrail.generation.generate import generate
from evaltrail.models.target import open_model

LIMITS = RequestLimits(concurrency=16, max_retries=0, timeout_s=10)


def generated(
    url: str,
    chunks: tuple[Chunk, ...],
    *,
    log: Path | None = None,
    on_progress: ProgressSink = lambda _: None,
    concurrency: int = 16,
    **plan: object,
) -> Generation:
    """What a plan makes of some chunks with the model behind a URL; without a URL the plan needs none."""
    limits = replace(LIMITS, concurrency=concurrency)
    made = GenerationPlan(**{"window_size": 2, "window_step": 2, **plan})

    async def run() -> Generation:
        answers = AnswerLog(log) if log else None
        try:
            if not url:
                return await generate(made, chunks, None, limits=limits, answers=answers, on_progress=on_progress)
            target = ModelTarget(id="writer-1", url=url)
            async with open_model(target, generation=made.generation, limits=limits, start=FIRST_IN_FLIGHT) as model:
                return await generate(made, chunks, model, limits=limits, answers=answers, on_progress=on_progress)
        finally:
            if answers:
                answers.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())
