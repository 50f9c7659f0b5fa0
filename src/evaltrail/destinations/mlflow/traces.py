"""From samples to traces: the chosen samples of a bundle, each with its scores as assessments.

Source: names of MLflow 3.17's trace metadata, tags and span attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

import msgspec

from evaltrail.core.ids import digest
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.core.trace_choice import TraceChoice
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.failing import Failing
from evaltrail.destinations.mlflow.labels import without
from evaltrail.destinations.mlflow.naming import NAME_CHARACTERS, clean_text
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.destinations.mlflow.trace import PlannedAssessment, PlannedSpan, PlannedTrace

_PREVIEW_CHARACTERS = 1000
"""What MLflow lists of question and answer; PostgreSQL refuses more."""
_ASSESSMENT_CHARACTERS = 20_000
"""Most of one text in an assessment that MySQL keeps whatever its letters."""
_TAG_CHARACTERS = 250
_CLIENT_ID_CHARACTERS = 50
_EXPECTED = "expected_response"
"""MLflow's own name for the reference answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOrigin:
    """What the traces of one task's samples have in common."""

    key: str
    """Of the run's plan: part of every trace's identity."""
    task: str = ""
    provider: str = ""
    """Named where a score does not say who made it."""
    dataset: str = ""
    """Named as where the references come from."""
    model: str = ""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    recorded_ms: int = 0
    """When the scores were there, milliseconds since 1970."""


def sample_traces(bundle: ResultBundle, plan: RunPlan, choice: TraceChoice) -> Iterator[PlannedTrace]:
    """The traces of the chosen samples, in the bundle's order; the same bundle and plan always give the same.

    MLflow lists traces by their time: they lie a millisecond apart from the run's start on, in their samples' order.

    Args:
        bundle: its streams are read lazily, no further than needed.
        plan: of the run they belong to.
        choice: every task gets an equal share where it is a number.
    """
    origins = {
        task.name: TraceOrigin(
            key=plan.key,
            task=task.name,
            provider=task.provider,
            dataset=task.dataset.name if task.dataset else "",
            model=bundle.model,
            secrets=bundle.secrets,
            recorded_ms=plan.ended_ms,
        )
        for task in bundle.tasks
    }
    for position, (task, sample) in enumerate(_chosen(bundle, choice)):
        yield sample_trace(sample, origins[task.name], plan.started_ms + position)


def sample_trace(sample: Sample, origin: TraceOrigin, started_ms: int) -> PlannedTrace:
    """The trace of one sample.

    Args:
        sample: with its scores.
        origin: what it has in common with the others of its task.
        started_ms: when it begins, milliseconds since 1970.
    """
    return _Maker(origin).trace(sample, started_ms)


def _chosen(bundle: ResultBundle, choice: TraceChoice) -> Iterator[tuple[TaskResult, Sample]]:
    tasks = [task for task in bundle.tasks if task.samples is not None]
    for position, task in enumerate(tasks):
        samples = iter(task.samples or ())
        if choice == "failures":
            samples = filter(Failing(task).has, samples)
        elif choice != "all":
            samples = islice(samples, choice // len(tasks) + (position < choice % len(tasks)))
        yield from ((task, sample) for sample in samples)


class _Maker:
    """Makes the traces of one task's samples."""

    def __init__(self, origin: TraceOrigin) -> None:
        self._origin = origin
        self._name = origin.task or "sample"

    def trace(self, sample: Sample, started_ms: int) -> PlannedTrace:
        place: Json = [self._origin.key, self._origin.task, sample.id, sample.repeat, sample.index]
        identity = digest(place)
        spans = self._spans(sample, identity, started_ms)
        tokens = _tokens(sample.usage)
        return PlannedTrace(
            id=identity,
            started_ms=started_ms,
            duration_ms=round((sample.usage.latency_s or 0) * 1000),
            is_error=bool(sample.error),
            client_id=self._text(sample.id) if len(sample.id) <= _CLIENT_ID_CHARACTERS else "",
            request=self._asked(sample)[:_PREVIEW_CHARACTERS],
            response=self._text(sample.output or "")[:_PREVIEW_CHARACTERS],
            spans=spans,
            metadata={"mlflow.trace_schema.version": "3", **_told("mlflow.trace.tokenUsage", tokens)},
            tags=self._tags(sample),
            assessments=tuple(self._assessments(sample, identity)),
            recorded_ms=self._origin.recorded_ms,
        )

    def _tags(self, sample: Sample) -> dict[str, str]:
        tags = {
            "mlflow.traceName": self._name,
            "evaltrail.task": self._origin.task,
            "evaltrail.sample": sample.id,
            "evaltrail.repeat": str(sample.repeat) if sample.repeat else "",
        }
        return {name: self._text(tag)[:_TAG_CHARACTERS] for name, tag in tags.items() if tag}

    def _spans(self, sample: Sample, identity: str, started_ms: int) -> tuple[PlannedSpan, ...]:
        started_ns = started_ms * 1_000_000
        root = PlannedSpan(
            id=identity[:16],
            name=self._text(self._name)[:_TAG_CHARACTERS],
            start_ns=started_ns,
            end_ns=started_ns + round((sample.usage.latency_s or 0) * 1e9),
            attributes=self._attributes(sample),
            error=self._text(f"{sample.error}: {sample.detail}" if sample.detail else sample.error),
        )
        if not sample.contexts:
            return (root,)
        passages: list[Json] = [{"page_content": self._text(passage)} for passage in sample.contexts]
        found = PlannedSpan(
            id=identity[16:],
            parent=root.id,
            name="contexts",
            start_ns=started_ns,
            end_ns=started_ns,
            attributes={"mlflow.spanType": "RETRIEVER", "mlflow.spanOutputs": passages},
        )
        return (root, found)

    def _attributes(self, sample: Sample) -> dict[str, Json]:
        """What MLflow shows of the call, and of ours whatever is known."""
        usage = sample.usage
        ours: dict[str, Json] = {
            "extracted": sample.extracted,
            "reasoning": sample.reasoning,
            "finish_reason": sample.finish_reason,
            "latency_s": usage.latency_s,
            "first_token_s": usage.first_token_s,
            "attempts": usage.attempts or None,
            **{f"record.{name}": value for name, value in sample.attributes.items()},
        }
        shown: dict[str, Json] = {
            "mlflow.spanType": "CHAT_MODEL" if not isinstance(sample.input, str) else "LLM",
            "mlflow.spanInputs": self._inputs(sample),
            "mlflow.spanOutputs": None if sample.output is None else self._text(sample.output),
            "mlflow.llm.model": self._text(self._origin.model),
            "mlflow.chat.tokenUsage": _tokens(usage),
        }
        return {
            **{name: value for name, value in shown.items() if value not in (None, "", {})},
            **{
                f"evaltrail.{self._text(name)}": self._text(value) if isinstance(value, str) else value
                for name, value in ours.items()
                if value not in (None, "")
            },
        }

    def _inputs(self, sample: Sample) -> dict[str, Json]:
        choices: list[Json] = [self._text(choice) for choice in sample.choices]
        if isinstance(sample.input, str):
            asked: dict[str, Json] = {"prompt": self._text(sample.input)} if sample.input else {}
        else:
            asked = {"messages": [{name: self._text(said) for name, said in turn.items()} for turn in sample.input]}
        return {**asked, **({"choices": choices} if choices else {})}

    def _asked(self, sample: Sample) -> str:
        if isinstance(sample.input, str):
            return self._text(sample.input)
        return self._text(str(sample.input[-1].get("content", ""))) if sample.input else ""

    def _assessments(self, sample: Sample, identity: str) -> Iterator[PlannedAssessment]:
        if sample.reference:
            accepted = tuple(self._text(each)[:_ASSESSMENT_CHARACTERS] for each in sample.reference)
            yield PlannedAssessment(
                id=_assessment_id(identity, "expectation", _EXPECTED),
                name=_EXPECTED,
                kind="expectation",
                value=accepted[0] if len(accepted) == 1 else accepted,
                source_type="HUMAN",
                source_id=self._text(self._origin.dataset)[:NAME_CHARACTERS],
            )
        for name, score in sample.scores.items():
            yield self._assessment(name, score, sample, identity)

    def _assessment(self, name: str, score: Score, sample: Sample, identity: str) -> PlannedAssessment:
        value = self._text(score.value)[:_ASSESSMENT_CHARACTERS] if isinstance(score.value, str) else score.value
        why = "" if score.value is not None else (sample.detail if sample.error else score.rationale or score.raw)
        return PlannedAssessment(
            id=_assessment_id(identity, "feedback", name),
            name=self._text(name)[:NAME_CHARACTERS],
            value=value,
            error_code="" if value is not None else self._text(score.reason or "unscored"),
            error_message=self._text(why)[:_ASSESSMENT_CHARACTERS],
            rationale=self._text(score.rationale)[:_ASSESSMENT_CHARACTERS],
            source_type=_source_type(score),
            source_id=self._text(score.source or self._origin.provider)[:NAME_CHARACTERS],
            metadata=_judged(score),
        )

    def _text(self, text: str) -> str:
        return without(clean_text(text), self._origin.secrets)


def _assessment_id(identity: str, kind: str, name: str) -> str:
    return "a-" + digest([identity, kind, name])


def _source_type(score: Score) -> Literal["CODE", "LLM_JUDGE", "HUMAN"]:
    """Who scored, in MLflow's words: a person says so in the source, a judge costs something or has voted."""
    if score.source.partition(":")[0].casefold() == "human":
        return "HUMAN"
    return "LLM_JUDGE" if score.usage is not None or score.votes or score.raw else "CODE"


def _judged(score: Score) -> dict[str, str]:
    """What a judge's assessment says of its cost, and of each vote where it was asked several times."""
    usage = score.usage or Usage()
    known = {
        "mlflow.assessment.judgeInputTokens": usage.prompt_tokens,
        "mlflow.assessment.judgeOutputTokens": usage.completion_tokens,
        "evaltrail.votes": ", ".join(map(str, score.votes)) or None,
    }
    return {name: str(value) for name, value in known.items() if value is not None}


def _tokens(usage: Usage) -> dict[str, Json]:
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return {}
    total = usage.prompt_tokens + usage.completion_tokens
    return {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens, "total_tokens": total}


def _told(name: str, value: Mapping[str, Json]) -> dict[str, str]:
    """One entry of JSON text, or none where there is nothing to tell."""
    return {name: msgspec.json.encode(value).decode()} if value else {}
