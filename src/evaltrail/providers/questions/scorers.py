"""How answers to questions are scored: words shared with the reference, abstentions, retrieval, and judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from evaltrail.core.ports import Metric
from evaltrail.core.sample import Sample, Score
from evaltrail.providers.questions.mode import Mode
from evaltrail.providers.questions.retrieval import ChunksFound
from evaltrail.scoring.abstention import abstains
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.port import Judge, needs_of, questions_of
from evaltrail.scoring.judging.rubric_judge import RubricJudge
from evaltrail.scoring.judging.scale import Scale

UNANSWERABLE = "unanswerable"
"""The type of questions whose right answer is that there is none."""
QUERY = "query"
"""The attribute that holds the bare question."""
_NO_RETRIEVAL = "unanswerable"
"""Why what was retrieved for a question that no passage answers is neither good nor bad."""
_SHARE = Scale(low=0.0, high=1.0)
_WORDS = ("token_f1", "rougeL", {"exact_match": {"ignore_case": True, "ignore_punctuation": True}})
_JUDGES: Mapping[str, str] = {
    "answer_correctness": "answer_correctness",
    "answer_relevancy": "answer_relevance",
    "faithfulness": "ragas.faithfulness",
    "context_precision": "ragas.context_precision",
    "context_recall": "ragas.context_recall",
}
"""What a judged metric is called here, and who judges it."""
_OF_RETRIEVAL = frozenset({"context_precision", "context_recall"})


def scorers_of(mode: Mode, *, is_judged: bool) -> tuple[Scorer, ...]:
    """What scores the answers in a mode.

    Args:
        mode: retrieval is scored where it happened, faithfulness where there are passages to be faithful to.
        is_judged: whether a model is named that judges.
    """
    return (*map(AbstentionMetric, _word_metrics()), *_retrieval(mode), *_judges(mode, is_judged=is_judged))


class AbstentionMetric:
    """A metric that grades a question without an answer by whether the output says so.

    Args:
        metric: what grades all other questions.
    """

    def __init__(self, metric: Metric) -> None:
        self.name, self.better, self.unit, self.is_grade = metric.name, metric.better, metric.unit, metric.is_grade
        self.source = f"{metric.source}+abstention/1"
        self._metric = metric

    def score(self, sample: Sample) -> Score:
        """True or False for a question without an answer, else the metric's score."""
        text = sample.graded
        if sample.attributes.get("type") == UNANSWERABLE and text is not None:
            return Score(value=abstains(text), source=self.source)
        return self._metric.score(sample)


class QuestionJudge:
    """A judge that is shown the bare question, and whose grades are shares from 0 to 1.

    Where the output rightly says that there is no answer, it is not asked: such an output is right, to the point, and
    claims nothing. An output that abstains claims nothing wherever it does. What was retrieved is judged only for
    questions that have an answer.

    Args:
        judge: who judges.
        name: of the metric.
    """

    unit: str = "1"

    def __init__(self, judge: Judge, name: str) -> None:
        self.name = name
        self.better, self.source = judge.better, judge.source
        self.is_grade = name not in _OF_RETRIEVAL
        self.target, self.headers = judge.target, judge.headers
        self.fields = (*judge.fields, QUERY)
        self.needs, self.questions = needs_of(judge), questions_of(judge)
        self._judge = judge
        self._scale = judge.rubric.scale if isinstance(judge, RubricJudge) else _SHARE

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The judge's score.

        Raises:
            EndpointError: every further question would fail too.
        """
        is_unanswerable = sample.attributes.get("type") == UNANSWERABLE
        if is_unanswerable and self.name in _OF_RETRIEVAL:
            return Score(reason=_NO_RETRIEVAL, source=self.source)
        does_abstain = sample.graded is not None and abstains(sample.graded)
        if does_abstain and self.name not in _OF_RETRIEVAL and (is_unanswerable or self.name == "faithfulness"):
            return Score(value=1.0, rationale="it says that there is no answer", source=self.source)
        question = str(sample.attributes.get(QUERY) or "")
        score = await self._judge.judge(replace(sample, input=question) if question else sample, model)
        return replace(score, value=self._share(score.value))

    def _share(self, value: float | bool | str | None) -> float | bool | str | None:
        if value is None or isinstance(value, str | bool):
            return value
        return (value - self._scale.low) / (self._scale.high - self._scale.low)


def _word_metrics() -> Sequence[Metric]:
    return cast("Sequence[Metric]", make_metrics(_WORDS, where="metrics"))


def _retrieval(mode: Mode) -> Sequence[Metric]:
    return (ChunksFound("chunk_recall"), ChunksFound("chunk_precision")) if mode == "rag_endpoint" else ()


def _judges(mode: Mode, *, is_judged: bool) -> Iterator[Judge]:
    for name, judge in _JUDGES.items() if is_judged else ():
        if (name in _OF_RETRIEVAL and mode != "rag_endpoint") or (name == "faithfulness" and mode == "closed_book"):
            continue
        (made,) = make_metrics([judge], where=name)
        yield QuestionJudge(cast("Judge", made), name)
