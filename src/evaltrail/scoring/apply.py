"""Runs metrics and judges over one sample: the wall behind which each of them may fail."""

from __future__ import annotations

import asyncio
import math
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from evaltrail.config.secrets import redact
from evaltrail.core.errors import EndpointError, StorageError
from evaltrail.core.ports import Instrument, Metric
from evaltrail.core.sample import Sample, Score
from evaltrail.models.text_repair import whole_text
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge

_RATIONALE_CHARACTERS = 500

Scorer = Metric | Judge
"""Anything that scores a sample: at once, or by asking a model."""


class Bench(NamedTuple):
    """A judge with the model that it asks."""

    judge: Judge
    model: JudgeModel


def score_into(sample: Sample, metrics: Sequence[Metric], scores: MutableMapping[str, Score]) -> None:
    """Puts each metric's score of a sample under the metric's name.

    A sample with an error is unscored for that reason by every metric. A metric that raises leaves the sample unscored
    (``metric_error``) with the exception as rationale, and so does one that answers NaN or infinity (``not_finite``).
    """
    if sample.error:
        failed = Score(reason=sample.error)
        for metric in metrics:
            scores[metric.name] = failed
        return
    for metric in metrics:
        try:
            score = _sound(metric.score(sample), metric)
        except Exception as error:  # noqa: BLE001 - a plugin's wall: its failure is a reason, not the run's end
            score = _raised(error, metric)
        scores[metric.name] = score


async def judge_into(sample: Sample, benches: Sequence[Bench], scores: MutableMapping[str, Score]) -> None:
    """Puts each judge's score of a sample under the judge's name; all of them are asked at a time.

    What holds for metrics in ``score_into`` holds for judges.

    Raises:
        EndpointError: a judge's model refuses every request or is gone.
        StorageError: what it answered cannot be kept.
    """
    if sample.error:
        for bench in benches:
            scores[bench.judge.name] = Score(reason=sample.error)
    elif len(benches) == 1:
        scores[benches[0].judge.name] = await _judged(sample, benches[0])
    else:
        found = await asyncio.gather(*(_judged(sample, bench) for bench in benches))
        scores.update({bench.judge.name: score for bench, score in zip(benches, found, strict=True)})


async def _judged(sample: Sample, bench: Bench) -> Score:
    try:
        return _sound(await bench.judge.judge(sample, bench.model), bench.judge)
    except (EndpointError, StorageError):
        raise
    except Exception as error:  # noqa: BLE001 - a plugin's wall, as above
        return _raised(error, bench.judge)


def _sound(score: Score, scorer: Instrument) -> Score:
    """The score in what a journal can hold: a finite number, True, False or a word, and texts that UTF-8 can say."""
    value = score.value
    if isinstance(value, str):
        value = whole_text(str(value))
    elif value is not None and not isinstance(value, bool):
        value = float(value)  # a number of another library's too
        if not math.isfinite(value):
            return Score(reason="not_finite", source=scorer.source)
    rationale, raw = whole_text(score.rationale), whole_text(score.raw)
    if value is score.value and rationale is score.rationale and raw is score.raw:
        return score
    return replace(score, value=value, rationale=rationale, raw=raw)


def _raised(error: Exception, scorer: Instrument) -> Score:
    rationale = redact(whole_text(f"{type(error).__name__}: {error}"))[:_RATIONALE_CHARACTERS]
    return Score(reason="metric_error", rationale=rationale, source=scorer.source)
