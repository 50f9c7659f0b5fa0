"""The protocols that the rooms of the house meet through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.metric import Better
from evaltrail.core.result import ResultBundle
from evaltrail.core.sample import Sample, Score
from evaltrail.core.source import Evidence, Source


class Model(Protocol):
    """Something that answers prompts: an endpoint or a baseline. Opened once, asked by many coroutines at a time."""

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of the request this prompt becomes: model, settings and prompt; the key of the answer store."""
        ...

    async def ask(self, prompt: Prompt) -> Answer:
        """The answer, after retries; a failure of this one prompt is an Answer with ``error``.

        Raises:
            EndpointError: every further prompt would fail too (wrong key, unknown model, endpoint gone).
        """
        ...

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The likeliest choice, with one log-probability a choice; error ``no_logprobs`` where there are none.

        Args:
            prompt: what stands before each choice.
            choices: continuations, leading space included.

        Raises:
            EndpointError: every further prompt would fail too.
        """
        ...

    async def __aenter__(self) -> Self:
        """Open what is needed to ask."""
        ...

    async def __aexit__(self, *exc: object) -> None:
        """Close every connection."""
        ...


class Metric(Protocol):
    """Scores one sample at a time; the aggregate is made by ``scoring.aggregate``."""

    name: str
    better: Better
    unit: str
    source: str
    """Name and version of the method, e.g. ``token_f1/1``."""
    is_grade: bool
    """Whether it grades (what it cannot score counts as unscored) or only observes (latency, tokens)."""

    def score(self, sample: Sample) -> Score:
        """The score of a sample that has an output; pure and bounded."""
        ...


class Reader(Protocol):
    """Turns what another program left on disk into a ResultBundle. Holds no state; used by several threads."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why the source is the head of a result of this format, or None; cheap, and never raises for bad content.

        A head is what one result hangs on: the results file that its samples files belong to, or a whole folder.
        """
        ...

    def read(self, source: Source) -> ResultBundle:
        """The result, with every number in it under a unique name, or listed as skipped with the reason.

        Raises:
            InputError: nothing of it can be read; the message says where and why.
        """
        ...
