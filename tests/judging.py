"""Asking a judge from a test: one sample, or many, of a real endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.core.sample import Sample, Score
from evaltrail.models.target import open_model
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge


def sample(output: str | None = "Paris", **changes) -> Sample:
    """A sample about the capital of France."""
    told = {
        "id": "s",
        "index": 0,
        "input": "What is the capital of France?",
        "reference": ("Paris",),
        "contexts": ("Paris is the capital of France.", "Berlin is the capital of Germany."),
    }
    return Sample(output=output, **{**told, **changes})


def judge_all(judge: Judge, url: str, samples: Sequence[Sample], *, at_once: bool = False, **limits) -> list[Score]:
    """The scores of some samples by one judging model, one after the other or all at once."""

    async def run() -> list[Score]:
        limit = RequestLimits(**{"max_retries": 0, "timeout_s": 10, "concurrency": 8, **limits})
        async with open_model(ModelTarget(id="judge-1", url=url), generation={}, limits=limit) as plain:
            model = JudgeModel(plain, id="judge-1")
            if at_once:
                return list(await asyncio.gather(*(judge.judge(one, model) for one in samples)))
            return [await judge.judge(one, model) for one in samples]

    return asyncio.run(run())


def judge_one(judge: Judge, url: str, one: Sample | None = None, **limits) -> Score:
    """The score of one sample."""
    return judge_all(judge, url, [one or sample()], **limits)[0]
