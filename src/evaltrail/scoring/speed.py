"""Metrics of what an answer cost: latency and tokens; they observe and never make a sample unscored."""

from __future__ import annotations

from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score


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
            return Score(reason="no_usage")
        return Score(value=float(usage.prompt_tokens + usage.completion_tokens), source=self.source)
