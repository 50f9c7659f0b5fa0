"""The protocols that the rooms of the house meet through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.dataset import Dataset
from evaltrail.core.metric import Better
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.core.result import ResultBundle
from evaltrail.core.sample import Sample, Score
from evaltrail.core.source import Evidence, Source
from evaltrail.core.values import Scalar


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

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:
        """One vector a text, in order.

        Args:
            texts: at least one.
            model: name of the model that makes them at the same endpoint; empty = this one.

        Raises:
            EndpointError: the model makes no embeddings, or failed to after all retries.
        """
        ...

    async def __aenter__(self) -> Self:
        """Open what is needed to ask."""
        ...

    async def __aexit__(self, *exc: object) -> None:
        """Close every connection."""
        ...


class Instrument(Protocol):
    """What aggregation has to know of anything that scores samples, be it a metric or a judge."""

    name: str
    better: Better
    unit: str
    source: str
    """Name and version of the method, e.g. ``token_f1/1``."""
    is_grade: bool
    """Whether it grades (what it cannot score counts as unscored) or only observes (latency, tokens)."""


class Metric(Instrument, Protocol):
    """Scores one sample at a time; the aggregate is made by ``scoring.aggregate``."""

    def score(self, sample: Sample) -> Score:
        """The score of a sample that has an output; pure and bounded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderCall:
    """What a program that runs a task is given."""

    target: ModelTarget
    limits: RequestLimits
    api_key: str
    """The key itself; reaches the program by its environment only. Empty = none."""
    environ: Mapping[str, str]
    """Every variable the program may see."""
    on_progress: ProgressSink
    log: Path
    """File that what it prints goes to."""
    secrets: tuple[str, ...] = ()
    """Values that the log must not hold."""


class FolderTask(Protocol):
    """A task that another program runs: it leaves a folder that a reader knows."""

    name: str
    """As it is called in results, such as ``arc_easy``."""
    provider: str
    provider_version: str
    leaves: str
    """Name of the reader that knows what it leaves; empty = whichever knows it."""
    repeats: int
    total: int
    """Samples to be expected; 0 where that is not known before."""
    dataset: Dataset | None

    @property
    def identity(self) -> str:
        """Digest of everything that decides what is asked and how it is scored, except the model."""
        ...

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params, flat."""
        ...

    def run(self, folder: Path, call: FolderCall) -> Path:
        """The folder that holds the results now, below the given one.

        Args:
            folder: of this task alone; what lies there from an earlier, cut-short call is gone on from.
            call: whom to ask, and how.

        Raises:
            InputError: a setting turns out to be wrong.
            EndpointError: the endpoint refuses or is gone; answers are kept.
            EvaltrailError: the program failed; the message says how, the log has the rest.
            KeyboardInterrupt: it came while the program ran, which has ended.
        """
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
