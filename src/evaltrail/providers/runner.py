"""Asks a model every sample of a task that the journal does not hold yet: workers that pull, never a task an item."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from evaltrail.bundle.journal import Journal
from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model
from evaltrail.core.progress import Progress, ProgressSink
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.providers.extract import NO_MATCH
from evaltrail.providers.native import Item, NativeTask
from evaltrail.providers.side_by_side import side_by_side
from evaltrail.scoring.apply import Bench, judge_into, score_into
from evaltrail.scoring.judging.port import Judge

_PROGRESS_SECONDS = 0.2
_EXTRACT_ERROR = "extract_error"
_DETAIL_CHARACTERS = 500

StoredAnswers = Callable[[str], Answer | None]
"""Request digest to an answer that was paid for earlier."""


async def run_task(
    task: NativeTask,
    model: Model,
    journal: Journal,
    *,
    concurrency: int,
    stored: StoredAnswers,
    on_progress: ProgressSink,
    benches: Sequence[Bench] = (),
) -> None:
    """Fill the journal until every sample of the task is in it.

    Args:
        task: what to ask.
        model: whom to ask; already open.
        journal: what is in it is not asked again.
        concurrency: samples in work at a time, at most.
        stored: answers of earlier evaluations; gives None where there is none or none may be used.
        on_progress: told a few times a second.
        benches: the task's judges, each with its model; already open.

    Raises:
        EndpointError: an endpoint refuses every request or is gone; what was answered is in the journal.
        StorageError: the journal cannot be written.
    """
    run = _Run(task, model, journal, stored, on_progress=on_progress, benches=benches)
    try:
        await side_by_side(run.work, min(concurrency, max(1, task.total)))
    finally:
        run.tell(force=True)


class _Run:
    """What the workers of one task share."""

    def __init__(
        self,
        task: NativeTask,
        model: Model,
        journal: Journal,
        stored: StoredAnswers,
        *,
        on_progress: ProgressSink,
        benches: Sequence[Bench],
    ) -> None:
        self._task = task
        self._model = model
        self._journal = journal
        self._stored = stored
        self._on_progress = on_progress
        self._benches = benches
        self._metrics = [metric for metric in task.metrics if not isinstance(metric, Judge)]
        self._waiting = self._missing()
        self._errors: Counter[str] = Counter()
        self._tokens = 0
        self._in_flight = 0
        self._told_at = 0.0

    async def work(self) -> None:
        """Take samples until none is left."""
        for item, repeat in self._waiting:
            self._in_flight += 1
            sample = await self._sample(item, repeat)
            self._in_flight -= 1
            self._journal.append(sample)
            self._tokens += (sample.usage.prompt_tokens or 0) + (sample.usage.completion_tokens or 0)
            if sample.error:
                self._errors[sample.error] += 1
            self.tell()
            if self._benches or not sample.usage.attempts:
                await asyncio.sleep(0)  # perhaps nothing was waited for, so let signals and other workers in

    def tell(self, *, force: bool = False) -> None:
        """Report the progress, a few times a second at most."""
        now = time.monotonic()
        if force or now - self._told_at >= _PROGRESS_SECONDS:
            self._told_at = now
            self._on_progress(
                Progress(
                    task=self._task.name,
                    done=len(self._journal.done),
                    total=self._task.total,
                    errors=dict(self._errors),
                    tokens=self._tokens,
                    in_flight=self._in_flight,
                )
            )

    def _missing(self) -> Iterator[tuple[Item, int]]:
        for item in self._task.items():
            for repeat in range(self._task.repeats):
                if not self._journal.has(item.index, repeat):
                    yield item, repeat

    async def _sample(self, item: Item, repeat: int) -> Sample:
        try:
            prompt = self._task.prompt(item, repeat)
            self._task.group(item.record)
        except InputError as error:
            failed = Answer(error=error.code, detail=str(error), attempts=0)
            return await self._scored(item, repeat, None, failed, "")
        if (given := self._task.given(item.record)) is not None:
            return await self._scored(item, repeat, prompt, given, "")
        request = self._model.request_digest(prompt)
        if self._task.chooses_by_logprob:
            request = digest([request, *prompt.choices])
            answer = self._stored(request) or await self._model.choice_logprobs(
                prompt, [f" {choice}" for choice in prompt.choices]
            )
        else:
            answer = self._stored(request) or await self._model.ask(prompt)
        return await self._scored(item, repeat, prompt, answer, request)

    async def _scored(self, item: Item, repeat: int, made: Prompt | None, answer: Answer, request: str) -> Sample:
        """The sample of an answer; without a prompt (a template failed) its other texts are not made either."""
        task, record, prompt = self._task, item.record, made or Prompt()
        taken = self._extracted(answer, prompt)
        scores: dict[str, Score] = {}
        sample = Sample(
            id=item.id,
            index=item.index,
            repeat=repeat,
            input=prompt.messages or prompt.text,
            reference=task.reference(record) if made else (),
            choices=prompt.choices,
            output=answer.text,
            extracted=taken.text,
            reasoning=answer.reasoning,
            finish_reason=answer.finish_reason,
            contexts=answer.contexts if task.takes_contexts else prompt.contexts,
            attributes=task.attributes(record),
            scores=scores,
            usage=Usage(
                prompt_tokens=answer.prompt_tokens,
                completion_tokens=answer.completion_tokens,
                latency_s=answer.latency_s,
                first_token_s=answer.first_token_s,
                attempts=answer.attempts,
            ),
            error=answer.error,
            detail=answer.detail or taken.detail,
            group=task.group(record) if made else "",
            request=request,
            choice_logprobs=answer.choice_logprobs,
        )
        if taken.reason and not answer.error:
            grades = [metric for metric in task.metrics if metric.is_grade]
            scores |= {metric.name: Score(reason=taken.reason, source=metric.source) for metric in grades}
            score_into(sample, [metric for metric in self._metrics if not metric.is_grade], scores)
        else:
            score_into(sample, self._metrics, scores)
            if self._benches:
                await judge_into(sample, self._benches, scores)
        return sample

    def _extracted(self, answer: Answer, prompt: Prompt) -> _Taken:
        extractor = self._task.extractor
        if extractor is None or answer.text is None:
            return _Taken()
        try:
            text = extractor(answer.text, prompt.choices)
        except Exception as error:  # noqa: BLE001 - one odd output is a reason, not the run's end
            return _Taken(reason=_EXTRACT_ERROR, detail=f"{type(error).__name__}: {error}"[:_DETAIL_CHARACTERS])
        return _Taken(text, reason="" if text is not None else NO_MATCH)


class _Taken(NamedTuple):
    """What was taken out of an output, or why nothing was."""

    text: str | None = None
    reason: str = ""
    detail: str = ""
