"""Totals: what the samples of a task cost together, asking and judging."""

from __future__ import annotations

from array import array

from evaltrail.core.sample import Sample, Usage


class Totals:
    """Requests, tokens and latencies of a task, from samples in any order, in 8 bytes a sample."""

    def __init__(self) -> None:
        self._latencies = array("d")
        self._requests = 0
        self._asked = self._counted = 0
        self._tokens_in = self._tokens_out = 0
        self._truncated = 0
        self._is_judged = False
        self._judge_requests = self._judge_tokens_in = self._judge_tokens_out = 0

    def add(self, sample: Sample) -> None:
        """Takes in what one sample cost."""
        used = sample.usage
        self._requests += used.attempts
        self._truncated += sample.finish_reason == "length"
        if used.attempts and not sample.error:
            self._asked += 1
            self._counted += used.prompt_tokens is not None and used.completion_tokens is not None
        self._tokens_in += used.prompt_tokens or 0
        self._tokens_out += used.completion_tokens or 0
        if used.latency_s is not None:
            self._latencies.append(used.latency_s)
        for score in sample.scores.values():
            if score.usage is not None:
                self._add_judging(score.usage)

    def figures(self) -> dict[str, float]:
        """Name to number: requests, truncated, tokens where every answer told them, latencies in seconds.

        A percentile is the least latency that so many of 100 samples do not exceed, of all samples (nearest rank).
        What judges cost stands beside it (``judge_requests``...) where there were any.
        """
        figures: dict[str, float] = {"requests": self._requests, "truncated": self._truncated}
        if self._counted and self._counted == self._asked:
            figures |= {"tokens_in": self._tokens_in, "tokens_out": self._tokens_out}
        if self._latencies:
            ordered = sorted(self._latencies)
            for share in (50, 95):
                figures[f"latency_p{share}"] = ordered[(len(ordered) * share + 99) // 100 - 1]
        if self._is_judged:
            figures |= {
                "judge_requests": self._judge_requests,
                "judge_tokens_in": self._judge_tokens_in,
                "judge_tokens_out": self._judge_tokens_out,
            }
        return figures

    def _add_judging(self, used: Usage) -> None:
        self._is_judged = True
        self._judge_requests += used.attempts
        self._judge_tokens_in += used.prompt_tokens or 0
        self._judge_tokens_out += used.completion_tokens or 0
