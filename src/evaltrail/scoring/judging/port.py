"""Judge: an instrument that scores a sample by asking a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from evaltrail.core.ports import Instrument
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.judging.judge_model import JudgeModel


@runtime_checkable
class Judge(Instrument, Protocol):
    """Scores one sample at a time by asking a model; used by many coroutines at a time."""

    target: str
    """Which model judges: ``openai:/NAME``, ``URL#model``, ``baseline:...``; empty = the run's own judge."""
    headers: Mapping[str, str]
    """Extra request headers of the judge's model; their values are secrets."""
    fields: tuple[str, ...]
    """Fields of a record that it reads beside input, output and reference; they reach it as ``Sample.attributes``."""

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The score of a sample that has an output; unscored with a reason, and ``raw``, where the judge was unclear.

        Raises:
            EndpointError: every further question would fail too.
        """
        ...


def needs_of(judge: Judge) -> tuple[str, ...]:
    """The columns without which a judge leaves a sample unscored, as its ``needs`` tells them."""
    return tuple(getattr(judge, "needs", ()))


def questions_of(judge: Judge) -> int:
    """Requests that one sample takes at least: the judge's ``questions``, or its ``votes``."""
    return int(getattr(judge, "questions", getattr(judge, "votes", 1)))
