"""One item of a benchmark with its output and scores, and the stream such items come in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from evaltrail.core.values import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one sample cost, or the judging of one score."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    """Seconds of the last attempt."""
    first_token_s: float | None = None
    """Seconds to the first streamed token."""
    attempts: int = 0
    """Requests sent; 0 when the answer was stored or computed here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric's value for one sample, or the reason it has none."""

    value: float | bool | str | None = None
    """The value; None exactly when ``reason`` is set. Never NaN or infinite."""
    reason: str = ""
    """Why the sample is unscored: ``no_match``, ``garbage``, ``http_500``..."""
    rationale: str = ""
    """Why the value is what it is, where a judge said so."""
    source: str = ""
    """Who says it: heuristic name and version, judge model and rubric digest, or a person."""
    raw: str = ""
    """What a judge said where it could not be read, cut to some kilobytes."""
    votes: tuple[float | bool | str, ...] = ()
    """What a judge said each time, where it was asked several times."""
    usage: Usage | None = None
    """What judging cost; None where nothing was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One item: what was asked, what was expected, what came back, how it scored."""

    id: str
    index: int
    """Position in the data set, from 0."""
    repeat: int = 0
    """Which of the repeats of this item, from 0."""
    input: str | tuple[Mapping[str, str], ...] = ""
    """The rendered prompt: text, or chat turns."""
    reference: tuple[str, ...] = ()
    """Accepted answers; empty when the task has none."""
    choices: tuple[str, ...] = ()
    output: str | None = None
    """The model's whole answer without reasoning; None when asking failed."""
    extracted: str | None = None
    """What was scored where the task extracts something from the output, else None."""
    reasoning: str = ""
    finish_reason: str = ""
    contexts: tuple[str, ...] = ()
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    """Other fields of the record that are worth keeping."""
    scores: Mapping[str, Score] = field(default_factory=dict)
    """Metric name to score."""
    usage: Usage = Usage()
    error: str = ""
    """Why there is no output (see Answer.error), else empty."""
    detail: str = ""
    group: str = ""
    """Samples that share a group are not independent (clustered errors); empty = its own group."""
    request: str = ""
    """Digest of the request as sent: the key of the answer store."""
    choice_logprobs: tuple[float, ...] = ()

    @property
    def graded(self) -> str | None:
        """The text that metrics grade: the extracted part, else the output."""
        return self.output if self.extracted is None else self.extracted


class SampleStream(Protocol):
    """Samples that can be read again and again without being held in memory."""

    def __iter__(self) -> Iterator[Sample]:
        """A fresh iterator from the first sample on."""
        ...
