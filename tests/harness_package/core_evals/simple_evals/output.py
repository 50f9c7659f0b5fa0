"""What nemo-evaluator takes over from this harness: the scores of the answers that it kept."""

from __future__ import annotations

import json
import math
from pathlib import Path

from core_evals.simple_evals.run import ANSWERS
from nemo_evaluator.api.api_dataclasses import (
    EvaluationResult,
    GroupResult,
    MetricResult,
    Score,
    ScoreStats,
    TaskResult,
)


def parse_output(output_dir: str) -> EvaluationResult:
    """The task as a group with the share over all questions and the mean of the groups' shares; and each group."""
    file = next(Path(output_dir).glob(f"*/{ANSWERS}"))
    answers = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    groups: dict[str, list[float]] = {}
    for answer in answers:
        groups.setdefault(answer["group"], []).append(answer["score"])
    micro = score([answer["score"] for answer in answers])
    macro = score([math.fsum(scores) / len(scores) for scores in groups.values()])
    whole = MetricResult(scores={"micro": micro, "macro": macro})
    parts = {name: MetricResult(scores={"micro": score(scores)}) for name, scores in groups.items()}
    return EvaluationResult(
        groups={file.parent.name.rpartition(".")[2]: GroupResult(metrics={"score": whole})},
        tasks={name: TaskResult(metrics={"score": part}) for name, part in parts.items()},
    )


def score(values: list[float]) -> Score:
    """The mean of some values with its statistics."""
    count = len(values)
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / count
    stats = ScoreStats(
        count=count,
        sum=math.fsum(values),
        sum_squared=math.fsum(value * value for value in values),
        min=min(values),
        max=max(values),
        mean=mean,
        variance=variance,
        stddev=math.sqrt(variance),
        stderr=math.sqrt(variance / count),
    )
    return Score(value=mean, stats=stats)
