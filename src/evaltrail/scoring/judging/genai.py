"""Judges by the names and arguments of mlflow.metrics.genai (MLflow 3.17); ``min`` and ``max`` are ours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json
from evaltrail.scoring.judging.builtin import built_in_rubric, offered
from evaltrail.scoring.judging.rubric import EvaluationExample, make_rubric
from evaltrail.scoring.judging.rubric_judge import RubricJudge, rubric_judge

Examples = Sequence[EvaluationExample | Mapping[str, Json]]

AGGREGATIONS = ("min", "max", "mean", "median", "variance", "p90")
_DEFAULT_AGGREGATIONS = ("mean",)
_FIELD = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}|\{([A-Za-z_]\w*)\}")
_MOST_WORKERS = 10_000


def make_genai_metric(  # noqa: PLR0917  MLflow's own order
    name: str,
    definition: str,
    grading_prompt: str,
    examples: Examples | None = None,
    version: str | None = "v1",
    model: str | None = None,
    grading_context_columns: str | Sequence[str] | None = None,
    include_input: bool = True,
    parameters: Mapping[str, Json] | None = None,
    aggregations: Sequence[str] | None = None,
    greater_is_better: bool = True,
    max_workers: int | None = None,
    metric_metadata: Mapping[str, Json] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    proxy_url: str | None = None,
    *,
    min: float | None = None,  # noqa: A002  the words of a task file
    max: float | None = None,  # noqa: A002
) -> RubricJudge:
    """A judge by a rubric of one's own; for words as scores and for votes see ``custom_judge``.

    Args:
        name: of the metric.
        definition: what is graded.
        grading_prompt: how, and what each score means; the range is read from it ("a scale of 1-5", "Score 1: ...").
        examples: worked ones; their scores have to be on the scale.
        version: goes into the judge's identity.
        model: ``openai:/NAME``, ``URL#model``; None = the run's own judge (EVALTRAIL_JUDGE).
        grading_context_columns: what the judge sees beside input and output.
        include_input: whether it sees the input.
        parameters: request settings; temperature is 0 unless they say otherwise.
        aggregations: of ``min, max, mean, median, variance, p90``; the mean always comes, with its interval.
        greater_is_better: which way is up.
        max_workers: requests in flight at most; None = as the run says.
        metric_metadata: kept with the judge.
        extra_headers: request headers; their values are secrets.
        proxy_url: where the model is reached instead of its provider's URL.
        min: lowest score, where the grading prompt does not say it.
        max: highest score.

    Raises:
        InputError: a field is missing, empty, or at odds with another one.
    """
    rubric = make_rubric(
        name,
        grading_prompt,
        definition=definition,
        examples=examples or (),
        low=min,
        high=max,
        grading_context_columns=grading_context_columns or (),
        include_input=include_input,
        greater_is_better=greater_is_better,
        parameters=parameters,
        version=version or "v1",
    )
    judge = rubric_judge(rubric, target=model or "")
    return _equipped(judge, _Gear(max_workers, metric_metadata, extra_headers, proxy_url, aggregations))


def make_genai_metric_from_prompt(  # noqa: PLR0917  MLflow's own order
    name: str,
    judge_prompt: str,
    model: str | None = None,
    parameters: Mapping[str, Json] | None = None,
    aggregations: Sequence[str] | None = None,
    greater_is_better: bool = True,
    max_workers: int | None = None,
    metric_metadata: Mapping[str, Json] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    proxy_url: str | None = None,
) -> RubricJudge:
    """A judge by one prompt with ``{input}``, ``{output}`` and other columns in it.

    What stands for a column is not put into the prompt but fenced off beside it, so that no graded text can speak for
    the prompt; the prompt refers to it by its name.

    Args:
        name: of the metric.
        judge_prompt: how to grade; the range is read from it.
        model: as in ``make_genai_metric``, like all that follow.
        parameters: request settings.
        aggregations: beside the mean.
        greater_is_better: which way is up.
        max_workers: requests in flight at most.
        metric_metadata: kept with the judge.
        extra_headers: request headers; their values are secrets.
        proxy_url: where the model is reached.

    Raises:
        InputError: the prompt is empty.

    Source: signature of ``mlflow.metrics.genai.make_genai_metric_from_prompt``.
    """
    fields = [found[1] or found[2] for found in _FIELD.finditer(judge_prompt)]
    shown = ("input", "inputs", "output", "outputs", "predictions")
    rubric = make_rubric(
        name,
        _FIELD.sub(lambda found: f'(the part "{_part(found[1] or found[2])}")', judge_prompt),
        grading_context_columns=tuple(dict.fromkeys(field for field in fields if field not in shown)),
        include_input=bool({"input", "inputs"}.intersection(fields)),
        greater_is_better=greater_is_better,
        parameters=parameters,
    )
    judge = rubric_judge(rubric, target=model or "")
    return _equipped(judge, _Gear(max_workers, metric_metadata, extra_headers, proxy_url, aggregations))


def _genai(  # noqa: PLR0917  MLflow's own order
    name: str,
    /,
    model: str | None = None,
    metric_version: str | None = None,
    examples: Examples | None = None,
    metric_metadata: Mapping[str, Json] | None = None,
    parameters: Mapping[str, Json] | None = None,
    extra_headers: Mapping[str, str] | None = None,
    proxy_url: str | None = None,
    max_workers: int | None = None,
) -> RubricJudge:
    if metric_version not in {None, "v1"}:
        hint = "leave metric_version away"
        raise InputError(f"judge {name!r} has no version {metric_version!r}", code="bad_rubric", hint=hint)
    rubric = built_in_rubric(name, examples=examples or (), parameters=parameters)
    return _equipped(
        rubric_judge(rubric, target=model or ""), _Gear(max_workers, metric_metadata, extra_headers, proxy_url)
    )


_ARGUMENTS = """

    Args:
        model: ``openai:/NAME``, ``URL#model``; None = the run's own judge.
        metric_version: accepted for MLflow's sake: the judge's identity says its version.
        examples: worked ones; their scores have to be on the scale.
        metric_metadata: kept with the judge.
        parameters: request settings; temperature is 0 unless they say otherwise.
        extra_headers: request headers; their values are secrets.
        proxy_url: where the model is reached instead of its provider's URL.
        max_workers: requests in flight at most; None = as the run says.

    Raises:
        InputError: an example or a setting does not fit.

    Source: signature of the function of this name in ``mlflow.metrics.genai``; the rubric is ours.
"""

answer_correctness = offered(
    _genai, "answer_correctness", f"A judge of how far the output agrees with ``targets``, 1..5.{_ARGUMENTS}"
)
answer_similarity = offered(
    _genai, "answer_similarity", f"A judge of how close output and ``targets`` are in meaning, 1..5.{_ARGUMENTS}"
)
answer_relevance = offered(
    _genai, "answer_relevance", f"A judge of how well the output answers the input, 1..5.{_ARGUMENTS}"
)
faithfulness = offered(
    _genai, "faithfulness", f"A judge of how far ``context`` bears out the output, 1..5.{_ARGUMENTS}"
)
relevance = offered(
    _genai, "relevance", f"A judge of how well the output answers the input out of ``context``, 1..5.{_ARGUMENTS}"
)


class _Gear(NamedTuple):
    """What a judge is given that does not decide its scores."""

    max_workers: int | None
    metadata: Mapping[str, Json] | None
    headers: Mapping[str, str] | None
    proxy_url: str | None
    aggregations: Sequence[str] | None = None


def _equipped(judge: RubricJudge, gear: _Gear) -> RubricJudge:
    for one in gear.aggregations or ():
        if one not in AGGREGATIONS:
            hint = nearest(str(one), AGGREGATIONS) or f"known: {', '.join(AGGREGATIONS)}"
            raise InputError(f"judge {judge.name!r}: unknown aggregation {one!r}", code="bad_rubric", hint=hint)
    if gear.max_workers is not None and not 1 <= gear.max_workers <= _MOST_WORKERS:
        message = f"judge {judge.name!r}: max_workers cannot be {gear.max_workers}"
        raise InputError(message, code="bad_rubric", hint="give 1 or more")
    judge.aggregations = tuple(gear.aggregations or _DEFAULT_AGGREGATIONS)
    judge.max_workers = gear.max_workers
    judge.metadata = dict(gear.metadata or {})
    judge.headers = dict(gear.headers or {})
    if gear.proxy_url:
        model = judge.target.removeprefix("openai:").lstrip("/").rpartition("#")[2]
        if not model:
            hint = "give the model too: openai:/NAME"
            raise InputError(f"judge {judge.name!r} has a proxy_url and no model", code="bad_rubric", hint=hint)
        judge.target = f"{gear.proxy_url}#{model}"
    return judge


def _part(field: str) -> str:
    return {"inputs": "input", "outputs": "output", "predictions": "output"}.get(field, field)
