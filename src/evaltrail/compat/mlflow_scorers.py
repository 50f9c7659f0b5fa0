"""Scorers of ``mlflow.genai`` in our evaluations, and our metrics and judges in ``mlflow.genai.evaluate``.

Source: ``mlflow.genai.scorers.Scorer`` of MLflow 3.17. Who needs this file names it as text: it loads mlflow.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, cast

from evaltrail.compat.genai_feedback import SCORER_ERROR, score_of
from evaltrail.compat.genai_row import RECORD_FIELDS, row_of, sample_of
from evaltrail.compat.instructions_judge import same_judge
from evaltrail.config.secret_names import is_secret_name
from evaltrail.config.secrets import redact
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.metric import Better
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.destinations.mlflow.gateway import mlflow_trace, quiet
from evaltrail.destinations.mlflow.port import RunState
from evaltrail.destinations.mlflow.traces import TraceOrigin, sample_trace
from evaltrail.models.target import open_model
from evaltrail.scoring.apply import Bench, judge_into, score_into
from evaltrail.scoring.apply import Scorer as OurScorer
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.evaluation.judges import OWN_MODEL, Grading, find_gradings

with quiet():
    import mlflow
    import requests
    from mlflow.entities import AssessmentError, AssessmentSource, Feedback, SpanType, Trace
    from mlflow.exceptions import MlflowException
    from mlflow.genai import scorers
    from mlflow.genai.judges.utils import get_default_model
    from mlflow.genai.scorers import Scorer

_THREADS = 32
"""Scorers of MLflow that run at a time, for each scorer."""
_NO_RUN = RunState(run_id="", experiment_id="0", status="", artifact_uri="", started_ms=0)
_MADE_UP = "root_span"
"""The only span of a trace that MLflow makes for outputs in hand: no call was measured."""
_TRAITS = ("name", "better", "unit", "source", "is_grade")


def adopt_scorer(scorer: Any) -> Judge:
    """A scorer of ``mlflow.genai`` as a judge of ours.

    What ``make_judge`` made is asked through our engine, with its concurrency, cache and cost, where that says the
    same; every other scorer runs as it is, in threads.

    Args:
        scorer: a function with ``@scorer``, an object of a Scorer class, or what ``make_judge`` made.

    Raises:
        InputError: it is none, or it scores whole conversations.
    """
    own = MlflowScorer(scorer)
    if getattr(scorer, "kind", None) is not None and scorer.kind.value == "instructions":
        found = same_judge(scorer, default_model=get_default_model())
        return own if found is None else found
    return own


class MlflowScorer:
    """A scorer of ``mlflow.genai`` that runs as it is, in threads of its own, with the model that it names itself.

    Args:
        scorer: a function with ``@scorer``, an object of a Scorer class, or what ``make_judge`` made.
        name: of the metric; empty = the scorer's own.

    Raises:
        InputError: it is none, or it scores whole conversations.
    """

    is_grade: bool = True
    better: Better = "higher"
    unit: str = ""
    fields: tuple[str, ...] = RECORD_FIELDS

    def __init__(self, scorer: Any, *, name: str = "") -> None:
        if not isinstance(scorer, Scorer):
            hint = "pass a function with @scorer, Correctness(), make_judge(...)"
            raise InputError(f"{scorer!r:.80} is no scorer of mlflow.genai", code="bad_metric", hint=hint)
        if scorer.is_session_level_scorer:
            hint = "use it in mlflow.genai.evaluate"
            raise InputError(f"scorer {scorer.name!r} scores whole conversations", code="bad_metric", hint=hint)
        self._asks_model = hasattr(scorer, "model")
        model = (getattr(scorer, "model", "") or get_default_model()) if self._asks_model else ""
        self.name: str = name or scorer.name
        self.target: str = f"{OWN_MODEL}{model}"
        self.headers: Mapping[str, str] = {}
        self.source: str = " ".join(filter(None, (f"mlflow/{mlflow.__version__} {type(scorer).__name__}", model)))
        self._scorer = scorer
        self._wants_trace = "trace" in inspect.signature(scorer.__call__).parameters
        # MLflow would fetch a price list over the network first, 7 s where there is none; it brings one along too.
        os.environ.setdefault("MLFLOW_MODEL_CATALOG_URI", "")
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix=f"scorer-{scorer.name}")

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:  # noqa: ARG002  theirs asks by itself
        """The score of a sample: what the scorer returns, or why it returned none.

        Raises:
            EndpointError: its model is not there, after MLflow has tried for minutes.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._score, sample)

    def _score(self, sample: Sample) -> Score:
        row = row_of(sample)
        trace = _trace_of(sample) if self._wants_trace else None
        run: Callable[..., Any] = self._scorer.run
        try:
            result = run(inputs=row.inputs, outputs=row.outputs, expectations=row.expectations or None, trace=trace)
        except Exception as error:  # noqa: BLE001  the wall before a foreign scorer
            said = _without_keys(f"{type(error).__name__}: {error}")
            if self._asks_model and _is_away(error):
                hint = "check that its server runs, then the same again"
                raise EndpointError(f"MLflow cannot reach the model of {self.name!r}: {said}", hint=hint) from None
            return Score(reason=SCORER_ERROR, rationale=said, source=self.source)
        score = score_of(result, name=self._scorer.name, source=self.source)
        return replace(score, rationale=_without_keys(score.rationale), raw=_without_keys(score.raw))


def builtin_scorer(kind: str, options: Mapping[str, Any]) -> Scorer:
    """A scorer of a class of ``mlflow.genai.scorers``.

    Raises:
        InputError: this MLflow has no such class, or it refuses the options.
    """
    try:
        with quiet():
            return cast("Scorer", getattr(scorers, kind)(**options))
    except AttributeError as error:
        hint = f"MLflow {mlflow.__version__} is installed"
        raise InputError(f"mlflow.genai has no scorer {kind!r}", code="unknown_metric", hint=hint) from error
    except (ValueError, TypeError, MlflowException) as error:
        said = " ".join(str(error).split())[:300]
        raise InputError(f"mlflow.genai refuses the scorer {kind!r}: {said}", code="bad_option") from error


def as_scorer(metric: str | Mapping[str, Any] | OurScorer, **options: Any) -> Scorer:
    """A metric or judge of ours as a scorer for ``mlflow.genai.evaluate``.

    Args:
        metric: a name such as ``rougeL``, ``{name: {option: value}}``, or an object from ``evaltrail.metrics``.
        options: of the metric, where it is a name.

    Raises:
        InputError: the metric or an option is unknown, or it is a judge and there is no model that judges.

    Example: ``mlflow.genai.evaluate(data=rows, scorers=[as_scorer("rougeL"), as_scorer("exact_match")])``
    """
    if isinstance(metric, str | Mapping):
        metric = make_metrics([{metric: options} if isinstance(metric, str) else metric])[0]
    elif options or not all(hasattr(metric, name) for name in _TRAITS):
        raise InputError(f"{metric!r:.80} is no metric of ours", code="bad_metric", hint='such as "rougeL"')
    return _OurMetric(name=metric.name).of(metric)


class _OurMetric(Scorer):
    """A metric or judge of ours, called by MLflow in threads."""

    _metric: Any = None
    _grading: Grading | None = None

    def of(self, metric: OurScorer) -> _OurMetric:
        """This scorer, scoring by a metric; a judge's model is found at once."""
        self._metric = metric
        if isinstance(metric, Judge):
            nobody = ModelTarget(id="", is_asked=False)
            (self._grading,) = find_gradings([metric], load_settings(), tested=nobody, may_be_tested=False)
        return self

    def __call__(  # type: ignore[override]  # MLflow looks which of these a scorer takes
        self,
        *,
        inputs: Any = None,
        outputs: Any = None,
        expectations: dict[str, Any] | None = None,
        trace: Trace | None = None,
    ) -> Feedback:
        """The metric's score of a row, with its reason where it has none."""
        contexts, usage = _told(trace)
        sample = sample_of(inputs, outputs, expectations, contexts=contexts, usage=usage)
        scores: dict[str, Score] = {}
        if self._grading is None:
            score_into(sample, [self._metric], scores)
        else:
            asyncio.run(_judged(self._grading, sample, scores))
        return _feedback(self.name, scores[self._metric.name])


async def _judged(grading: Grading, sample: Sample, scores: dict[str, Score]) -> None:
    async with AsyncExitStack() as stack:
        opened = open_model(
            grading.target, generation={}, limits=RequestLimits(), api_key=grading.key, environ=os.environ
        )
        model = JudgeModel(await stack.enter_async_context(opened), id=grading.target.id)
        await judge_into(sample, [Bench(grading.judge, model)], scores)


def _is_away(error: BaseException | None) -> bool:
    """Whether a connection was refused or lost at the root of an error."""
    while error is not None:
        if isinstance(error, ConnectionError | requests.exceptions.ConnectionError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _without_keys(text: str) -> str:
    """A text of a foreign scorer's, which may quote the key that its client sent."""
    return redact(text, [value for name, value in os.environ.items() if is_secret_name(name)]) if text else text


def _feedback(name: str, score: Score) -> Feedback:
    kind = "CODE" if score.usage is None else "LLM_JUDGE"
    source = AssessmentSource(source_type=kind, source_id=score.source or name)
    if score.value is None:
        error = AssessmentError(error_code=score.reason, error_message=score.rationale or score.raw or score.reason)
        return Feedback(name=name, error=error, source=source)
    return Feedback(name=name, value=score.value, rationale=score.rationale or None, source=source)


def _told(trace: Trace | None) -> tuple[tuple[str, ...], Usage]:
    """The passages that a trace retrieved, and what the call cost."""
    if trace is None:
        return (), Usage()
    found = [span.outputs for span in trace.data.spans if span.span_type == SpanType.RETRIEVER]
    passages = [document for outputs in found if isinstance(outputs, list) for document in outputs]
    contexts = tuple(
        str(each["page_content"]) for each in passages if isinstance(each, dict) and "page_content" in each
    )
    is_made_up = [span.name for span in trace.data.spans] == [_MADE_UP]
    duration, tokens = None if is_made_up else trace.info.execution_duration, trace.info.token_usage or {}
    return contexts, Usage(
        latency_s=None if duration is None else duration / 1000,
        prompt_tokens=tokens.get("input_tokens"),
        completion_tokens=tokens.get("output_tokens"),
    )


def _trace_of(sample: Sample) -> Trace:
    """The sample as the trace that MLflow would have recorded, for scorers that read one."""
    origin = TraceOrigin(key="scored", task="sample")
    return mlflow_trace(sample_trace(sample, origin, 0), _NO_RUN)
