"""The provider `ragas`: its four metrics over a data set, by our own judges of the same definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.sample import Sample, Score
from evaltrail.providers.columns import Column, text, text_or_texts, texts
from evaltrail.providers.data_task import (
    DATASET_PATH,
    JUDGE,
    DataForm,
    DataTask,
    check_asked,
    check_params,
    open_source,
)
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge, needs_of, questions_of

PROVIDER = "ragas"
IMPLEMENTATION = "evaltrail's own, by the definitions of ragas"
_QUESTION = "user_input"
FORM = DataForm(
    provider=PROVIDER,
    columns=(
        Column(name=_QUESTION, aliases=("question", "query"), read=text),
        Column(name="retrieved_contexts", aliases=("contexts", "context"), read=texts),
        Column(name="response", aliases=("answer", "output"), read=text),
        Column(name="reference", aliases=("ground_truth", "ground_truths"), read=text_or_texts),
        Column(name="id", aliases=("sample_id",), read=text),
    ),
    prompt=Path(__file__).with_name("ragas_prompt.jinja").read_text(encoding="utf-8").rstrip("\n"),
    question=_QUESTION,
    output="response",
    target="reference",
    context="retrieved_contexts",
)


@dataclass(frozen=True, slots=True)
class _Needs:
    """What a metric reads."""

    columns: tuple[str, ...]
    response: bool


METRICS: Mapping[str, _Needs] = {
    "faithfulness": _Needs((_QUESTION, "retrieved_contexts"), response=True),
    "answer_relevancy": _Needs((_QUESTION,), response=True),
    "context_precision": _Needs((_QUESTION, "retrieved_contexts", "reference"), response=False),
    "context_recall": _Needs((_QUESTION, "retrieved_contexts", "reference"), response=False),
}
"""Task to what it needs; the metric bears the task's name."""


class QuestionJudge:
    """A judge that is shown the bare question, whatever longer prompt the model was asked with.

    Args:
        judge: who judges.
        name: of the metric.
    """

    def __init__(self, judge: Judge, name: str) -> None:
        self.name = name
        self.better, self.unit, self.source, self.is_grade = judge.better, judge.unit, judge.source, judge.is_grade
        self.target, self.headers = judge.target, judge.headers
        self.fields = (*judge.fields, _QUESTION)
        self.needs, self.questions = needs_of(judge), questions_of(judge)
        self._judge = judge

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The judge's score; unscored (``no_input``) where there is no question.

        Raises:
            EndpointError: every further question would fail too.
        """
        question = str(sample.attributes.get(_QUESTION) or "")
        if not question:
            return Score(reason="no_input", source=self.source)
        return await self._judge.judge(replace(sample, input=question), model)


def ragas_task(
    name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
) -> DataTask:
    """The task of a metric of ragas, checked against its data.

    Args:
        name: faithfulness, answer_relevancy, context_precision or context_recall.
        request: its ``params`` name the data set (``dataset_path``) and may name the judge (``judge``).
        datasets_dir: EVALTRAIL_DATASETS_DIR.
        environ: every variable; none of them is for this provider.

    Raises:
        InputError: there is no such metric, no data set, or a column that the metric needs is missing.
    """
    del environ
    where = f"{PROVIDER}/{name}"
    needs = METRICS.get(name)
    if needs is None:
        hint = nearest(name, METRICS) or f"known: {', '.join(METRICS)}"
        raise InputError(f"ragas has no metric {name!r} here", code="unknown_task", hint=hint)
    check_params(where, request.params, (DATASET_PATH, JUDGE))
    source, has_responses = open_source(FORM, name, request, datasets_dir, needed=needs.columns)
    if needs.response and not has_responses:
        check_asked(where, request, FORM)
    (judge,) = make_metrics([f"{PROVIDER}.{name}"], where=where)
    return DataTask(
        name,
        FORM,
        source,
        request,
        QuestionJudge(cast("Judge", judge), name),
        is_asked=needs.response,
        facts={"implementation": IMPLEMENTATION},
    )
