"""Metrics of what an answer cost: latency, tokens and USD; they observe and never make a sample unscored."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evaltrail.core.errors import InputError
from evaltrail.core.metric import Better, MetricValue
from evaltrail.core.sample import Sample, Score

_NO_USAGE = Score(reason="no_usage")


class Latency:
    """Seconds of the last attempt; unscored (``not_measured``) where the answer was stored or computed here."""

    name: str = "latency"
    better: Better = "lower"
    unit: str = "s"
    source: str = "latency/1"
    is_grade: bool = False

    def score(self, sample: Sample) -> Score:
        """The latency of one sample."""
        seconds = sample.usage.latency_s
        return Score(reason="not_measured") if seconds is None else Score(value=seconds, source=self.source)


class Tokens:
    """Tokens of prompt and answer together; unscored (``no_usage``) where the endpoint does not tell both."""

    name: str = "tokens"
    better: Better = "lower"
    unit: str = "tokens"
    source: str = "tokens/1"
    is_grade: bool = False

    def score(self, sample: Sample) -> Score:
        """The tokens of one sample."""
        usage = sample.usage
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return _NO_USAGE
        return Score(value=float(usage.prompt_tokens + usage.completion_tokens), source=self.source)


class Cost:
    """USD of prompt and answer by their tokens; unscored (``no_usage``) where the endpoint does not tell both.

    Beside the mean stands ``cost_total``, the USD of all scored samples. What judges cost is not in it.

    Args:
        input_per_million: USD for a million tokens of the prompt.
        output_per_million: USD for a million tokens of the answer, reasoning included.

    Raises:
        InputError: a price is missing, below 0 or not finite.
    """

    name: str = "cost"
    better: Better = "lower"
    unit: str = "USD"
    source: str = "cost/1"
    is_grade: bool = False

    def __init__(self, *, input_per_million: float | None = None, output_per_million: float | None = None) -> None:
        self._input = _price("input_per_million", input_per_million)
        self._output = _price("output_per_million", output_per_million)

    def score(self, sample: Sample) -> Score:
        """The cost of one sample."""
        usage = sample.usage
        if usage.prompt_tokens is None or usage.completion_tokens is None:
            return _NO_USAGE
        millionths = usage.prompt_tokens * self._input + usage.completion_tokens * self._output
        return Score(value=millionths / 1e6, source=self.source)

    def whole_task(self) -> CostTotal:
        """The sum of one task, still empty."""
        return CostTotal(metric_of=self)


@dataclass(slots=True, kw_only=True)
class CostTotal:
    """USD of all samples of a task whose tokens are known."""

    metric_of: Cost
    _usd: float = 0.0
    _n: int = 0

    def add(self, sample: Sample) -> None:
        """Takes in one scored sample."""
        value = self.metric_of.score(sample).value
        if isinstance(value, float):
            self._usd += value
            self._n += 1

    def metric(self) -> MetricValue:
        """``cost_total``, without an interval: it is no estimate."""
        value = self._usd if self._n else None
        return MetricValue(name="cost_total", value=value, unit="USD", better="lower", is_grade=False, n=self._n)


def _price(option: str, value: float | None) -> float:
    if value is None or not (math.isfinite(value) and value >= 0.0):
        raise InputError(
            f"metric 'cost': {option} " + ("is missing" if value is None else f"cannot be {value!r}"),
            code="bad_option",
            hint="give both prices in USD: {cost: {input_per_million: 0.15, output_per_million: 0.6}}",
        )
    return value
