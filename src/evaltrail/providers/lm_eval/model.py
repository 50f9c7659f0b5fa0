"""The model that the harness asks: an ``LM`` of its own kind, whose requests go through our engine.

Source: ``lm_eval.api.model.LM`` of lm-evaluation-harness 0.4.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop
from lm_eval.api.model import LM

from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import EndpointError
from evaltrail.core.values import Json
from evaltrail.models.endpoint import Endpoint
from evaltrail.providers.lm_eval.answers import AnswerJournal, Kept, key_of
from evaltrail.providers.lm_eval.costs import Cost, Costs
from evaltrail.providers.lm_eval.exchange import ChildRequest
from evaltrail.providers.lm_eval.generation import Generation, generation_of
from evaltrail.providers.lm_eval.tally import Tally
from evaltrail.providers.lm_eval.unanswered import Unanswered

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_Job = TypeVar("_Job")
_NONE = "no_logprobs"
_NO_SUCH_ROUTE = frozenset({"http_400", "http_404", "http_405", "http_422", "http_501", _NONE, "garbage"})
"""What endpoints without log-probabilities of the prompt say when they are asked for them."""


class EngineModel(LM):  # type: ignore[misc]  # the harness tells no types
    """An endpoint as the harness sees models.

    Args:
        open_endpoint: makes the endpoint; it is opened once for each kind of request.
        request: settings of this run.
        journal: answers that are there, and where new ones go.
        tally: told how far it is.
    """

    def __init__(
        self,
        open_endpoint: Callable[[], Endpoint],
        *,
        request: ChildRequest,
        journal: AnswerJournal,
        tally: Tally,
    ) -> None:
        super().__init__()
        self._open = open_endpoint
        self._request = request
        self._journal = journal
        self._tally = tally
        self._generations: dict[str, Generation] = {}
        self.unanswered = Unanswered()
        self.costs = Costs()
        self.has_begun = False
        """Whether anything was asked."""

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:  # noqa: ARG002
        """A text for each request; empty where there is none, which ``unanswered`` tells.

        Raises:
            EndpointError: the endpoint refuses or is gone.
        """
        jobs = [_Text(place=place, instance=instance) for place, instance in enumerate(requests)]
        _number_repeats(jobs)
        texts = [""] * len(jobs)

        async def answer(endpoint: Endpoint, job: _Text) -> None:
            texts[job.place] = await self._text(endpoint, job)

        self._run(jobs, answer)
        return texts

    def loglikelihood(
        self,
        requests: Sequence[Instance],
        disable_tqdm: bool = False,  # noqa: ARG002
    ) -> list[tuple[float, bool]]:
        """(log-probability, is greedy) for each request; what has none, ``unanswered`` tells.

        Raises:
            EndpointError: the endpoint refuses, is gone, or has no log-probabilities.
        """
        found: list[tuple[float, bool]] = [(0.0, False)] * len(requests)
        documents = [list(group) for _, group in groupby(enumerate(requests), key=lambda each: _document(each[1]))]

        async def answer(endpoint: Endpoint, job: list[tuple[int, Instance]]) -> None:
            pairs = [(str(instance.args[0]), str(instance.args[1])) for _, instance in job]
            kept = await self._likelihoods(endpoint, pairs, [instance for _, instance in job])
            for (place, instance), (logprob, is_greedy) in zip(job, kept, strict=False):
                found[place] = logprob, bool(is_greedy)
                if is_greedy is None and instance.request_type == "loglikelihood" and len(job) == 1:
                    self._fail([instance], "no_top_logprobs", "the endpoint does not say which token is likeliest")

        self._run(documents, answer, probe=min(documents, key=_length, default=None))
        return found

    def loglikelihood_rolling(
        self,
        requests: Sequence[Instance],
        disable_tqdm: bool = False,  # noqa: ARG002
    ) -> list[float]:
        """The log-probability of each whole text; what has none, ``unanswered`` tells.

        The endpoint gets each text whole: where it is longer than the model's window, it is unanswered.

        Raises:
            EndpointError: the endpoint refuses, is gone, or has no log-probabilities.
        """
        found = [0.0] * len(requests)

        async def answer(endpoint: Endpoint, job: tuple[int, Instance]) -> None:
            place, instance = job
            kept = await self._likelihoods(endpoint, [("", str(instance.args[0]))], [instance])
            found[place] = kept[0][0] if kept else 0.0

        jobs = list(enumerate(requests))
        self._run(jobs, answer, probe=min(jobs, key=lambda job: len(str(job[1].args[0])), default=None))
        return found

    @property
    def tokenizer_name(self) -> str:
        """Prompts are text or turns; the endpoint has the tokenizer."""
        return "endpoint"

    def chat_template(self, chat_template: bool | str = False) -> str:  # noqa: ARG002
        """Empty: the endpoint has the template."""
        return ""

    def apply_chat_template(
        self,
        chat_history: Sequence[Mapping[str, Any]],
        add_generation_prompt: bool = True,  # noqa: ARG002
        **_: object,
    ) -> str:
        """The turns as JSON, which becomes a request's messages."""
        return json.dumps([dict(turn) for turn in chat_history], ensure_ascii=False)

    def _run(
        self, jobs: Sequence[_Job], answer: Callable[[Endpoint, _Job], Awaitable[None]], probe: _Job | None = None
    ) -> None:
        """Do all jobs, as many at a time as may be in flight; the probe first, alone."""
        self.has_begun = True
        self._tally.expect(len(jobs))

        async def work(endpoint: Endpoint, waiting: Iterable[_Job]) -> None:
            for job in waiting:
                self._tally.begin()
                await answer(endpoint, job)
                self._tally.end()

        async def run() -> None:
            async with self._open() as endpoint:
                if probe is not None:
                    await self._probe(endpoint, probe, answer)
                waiting = (job for job in jobs if job is not probe)
                async with asyncio.TaskGroup() as crew:
                    for _ in range(min(self._request.limits.concurrency, len(jobs))):
                        crew.create_task(work(endpoint, waiting))

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run())
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
        finally:
            self._tally.tell()

    async def _probe(self, endpoint: Endpoint, job: _Job, answer: Callable[[Endpoint, _Job], Awaitable[None]]) -> None:
        """Do the shortest job alone, so that an endpoint without log-probabilities is found out by one request.

        Raises:
            EndpointError: it has none.
        """
        self._tally.begin()
        before = self.unanswered.last
        await answer(endpoint, job)
        self._tally.end()
        missing = self.unanswered.last
        if missing is not None and missing is not before and missing.reason in _NO_SUCH_ROUTE:
            names = ", ".join(self._request.instead)
            said = f" ({missing.detail or missing.reason})" if missing.reason != _NONE else ""
            raise EndpointError(
                f"the endpoint has no log-probabilities of a prompt, which this task needs{said}",
                code=_NONE,
                hint=f"tasks that need none can run: {names}" if names else "run a task of type generate_until",
            )

    async def _text(self, endpoint: Endpoint, job: _Text) -> str:
        context, settings = job.instance.args
        generation = self._generation(settings)
        key = key_of("text", context, generation.body, generation.stops)
        kept = self._journal.take(key)
        if kept is not None:
            self.costs.note(job.instance, kept.cost)
            return generation.cut(kept.text)
        answer = await endpoint.ask(self._prompt(str(context), generation, job.repeat))
        cost = self._spent(job.instance, answer)
        if answer.text is None:
            self._fail([job.instance], answer.error, answer.detail)
            return ""
        self._journal.keep(Kept(key=key, text=answer.text, cost=cost))
        return generation.cut(answer.text)

    def _prompt(self, context: str, generation: Generation, repeat: int) -> Prompt:
        first = self._request.generation.get("seed") if self._request.seed is None else self._request.seed
        seed = first + repeat if isinstance(first, int) else None
        if self._request.options.apply_chat_template:
            return Prompt(messages=tuple(json.loads(context)), seed=seed, extra=generation.body)
        return Prompt(text=context, seed=seed, extra=generation.body)

    def _generation(self, settings: Mapping[str, Json]) -> Generation:
        key = repr(settings)
        if key not in self._generations:
            self._generations[key] = generation_of(settings, self._request.generation)
        return self._generations[key]

    async def _likelihoods(
        self, endpoint: Endpoint, pairs: Sequence[tuple[str, str]], instances: Sequence[Instance]
    ) -> Sequence[tuple[float, bool | None]]:
        """One likelihood a pair of context and continuation; none where asking failed."""
        prefix = self._request.options.prefix_text
        asked = [(context or prefix, continuation) for context, continuation in pairs]
        key = key_of("likelihoods", asked)
        kept = self._journal.take(key)
        if kept is not None:
            self.costs.note(instances[0], kept.cost)
            return kept.likelihoods
        found = await endpoint.likelihoods(asked)
        cost = self._spent(instances[0], found.answer)
        if found.answer.error:
            self._fail(instances, found.answer.error, found.answer.detail)
            return ()
        values = tuple((each.logprob, each.is_greedy) for each in found.each)
        self._journal.keep(Kept(key=key, likelihoods=values, cost=cost))
        return values

    def _spent(self, instance: Instance, answer: Answer) -> Cost:
        """What an answer cost, noted for the document that it was asked for."""
        self._tally.spend((answer.prompt_tokens or 0) + (answer.completion_tokens or 0))
        cost = Cost(
            attempts=answer.attempts,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            latency_s=answer.latency_s,
        )
        self.costs.note(instance, cost)
        return cost

    def _fail(self, instances: Sequence[Instance], reason: str, detail: str) -> None:
        self.unanswered.note(instances, reason, detail)
        self._tally.fail(reason)


class _Text:
    """One text to be generated."""

    __slots__ = ("instance", "place", "repeat")

    def __init__(self, *, place: int, instance: Instance) -> None:
        self.place = place
        self.instance = instance
        self.repeat = 0
        """Which of the times that the same request is asked."""


def _number_repeats(jobs: Sequence[_Text]) -> None:
    seen: dict[int, int] = {}
    for job in jobs:
        job.repeat = seen.get(id(job.instance), 0)
        seen[id(job.instance)] = job.repeat + 1


def _document(instance: Instance) -> tuple[str, int]:
    """Which document of which task it belongs to: its continuations are asked in one request."""
    return str(instance.task_name), int(instance.doc_id)


def _length(job: Sequence[tuple[int, Instance]]) -> int:
    return sum(len(str(part)) for _, instance in job for part in instance.args)
