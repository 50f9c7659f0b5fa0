"""RubricJudge: grades a sample by a rubric, once or by several votes."""

from __future__ import annotations

import asyncio
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence

from evaltrail.core.ids import digest
from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.scoring.aggregate import WholeTask
from evaltrail.scoring.grader import NO_OUTPUT
from evaltrail.scoring.judging.agreement import Agreement
from evaltrail.scoring.judging.columns import column_of, input_of, missing_reason
from evaltrail.scoring.judging.fence import fenced
from evaltrail.scoring.judging.grade_form import Grade, GradeForm
from evaltrail.scoring.judging.judge_model import JudgeModel, Messages
from evaltrail.scoring.judging.prompt_files import template
from evaltrail.scoring.judging.rubric import Rubric
from evaltrail.scoring.judging.scale import Value
from evaltrail.scoring.judging.verdict import SPLIT, Verdict, total_usage

VOTES_TEMPERATURE = 0.7
"""Where several votes are wanted and no temperature is told: at 0 all of them would be one."""
_METHOD = 1
"""Version of how this file asks and counts; part of every judge's identity."""


class RubricJudge:
    """Grades by a rubric.

    Its identity, which every score bears, is the rubric, its parameters, the number of votes and the judging model:
    ``NAME/VERSION@DIGEST MODEL``.

    Args:
        rubric: what to grade, and how.
        target: which model judges; empty = the run's own judge.
        seed: of the first vote.
    """

    is_grade: bool = True
    votes: int = 1

    def __init__(self, rubric: Rubric, *, target: str = "", seed: int = 0) -> None:
        self.rubric = rubric
        self.name: str = rubric.name
        self.target: str = target
        self.unit: str = rubric.scale.unit
        self.better: Better = "higher" if rubric.greater_is_better else "lower"
        if any(isinstance(value, str) for _, value in rubric.scale.labels):
            self.better = "neither"
        self.aggregations: tuple[str, ...] = ("mean",)
        """Aggregates that the caller asked for by MLflow's names."""
        self.headers: Mapping[str, str] = {}
        """Extra request headers of the judging model; their values are secrets."""
        self.fields: tuple[str, ...] = rubric.grading_context_columns
        """Fields of a record that it reads."""
        self.needs: tuple[str, ...] = rubric.grading_context_columns
        """Columns that a sample has to have."""
        self.max_workers: int | None = None
        """Requests in flight at most; None = as the run says."""
        self.metadata: Mapping[str, Json] = {}
        settings = dict(rubric.parameters)
        told = settings.pop("seed", seed)
        self._seed = told if isinstance(told, int) else seed
        if self.votes > 1:
            settings.setdefault("temperature", VOTES_TEMPERATURE)
        self._settings = settings
        self._form = GradeForm(rubric.name, rubric.scale)
        self._system = {"role": "system", "content": rubric.instructions()}
        self._end = template("ask").format(name=rubric.name)
        identity = digest([_METHOD, rubric.digest(), self.votes, self._seed, settings])
        self.source: str = f"{rubric.name}/{rubric.version}@{identity[:12]}"

    def messages(self, sample: Sample) -> Messages | Score:
        """What the model is asked about a sample, or why it cannot be asked."""
        rubric = self.rubric
        output = sample.graded
        if output is None:
            return NO_OUTPUT
        parts = [("input", input_of(sample))] if rubric.include_input else []
        parts.append(("output", output))
        for name in rubric.grading_context_columns:
            text = column_of(sample, name)
            if text is None:
                return Score(reason=missing_reason(name), rationale=f"the sample has no {name!r}", source=self.source)
            parts.append((name, text))
        return (self._system, {"role": "user", "content": f"{fenced(parts)}\n\n{self._end}"})

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The score of a sample.

        Raises:
            EndpointError: every further question would fail too.
        """
        messages = self.messages(sample)
        if isinstance(messages, Score):
            return messages
        verdict = await model.ask(messages, self._form, seed=self._seed, settings=self._settings)
        return score_of(verdict, f"{self.source} {model.id}")


class VotingJudge(RubricJudge):
    """Grades by a rubric several times: the median of numbers, the majority of words.

    A sample is scored where more than half of its votes could be read. Words that come equally often leave it unscored
    (``judge_split``). The task's figure ``<name>_agreement`` tells how steady the judge was.

    Args:
        rubric: what to grade, and how.
        votes: at least 2; each has a seed of its own.
        target: which model judges.
        seed: of the first vote.
    """

    def __init__(self, rubric: Rubric, *, votes: int, target: str = "", seed: int = 0) -> None:
        self.votes = votes
        super().__init__(rubric, target=target, seed=seed)

    def whole_task(self) -> WholeTask:
        """How far the votes agree."""
        return Agreement(self.name)

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The score that most votes, or the middle one, give a sample.

        Raises:
            EndpointError: every further question would fail too.
        """
        messages = self.messages(sample)
        if isinstance(messages, Score):
            return messages
        asked = [
            model.ask(messages, self._form, seed=self._seed + number, settings=self._settings)
            for number in range(self.votes)
        ]
        return counted(await asyncio.gather(*asked), f"{self.source} {model.id}")


def rubric_judge(rubric: Rubric, *, target: str = "", votes: int = 1, seed: int = 0) -> RubricJudge:
    """A judge that asks as often as it is told to; an even number of votes on words may be split."""
    if votes > 1:
        return VotingJudge(rubric, votes=votes, target=target, seed=seed)
    return RubricJudge(rubric, target=target, seed=seed)


def score_of(verdict: Verdict[Grade], source: str) -> Score:
    """One judgement as a score."""
    grade = verdict.value
    if grade is None:
        return Score(reason=verdict.reason, raw=verdict.raw, source=source, usage=verdict.usage)
    return Score(value=grade.value, rationale=grade.rationale, source=source, usage=verdict.usage)


def counted(verdicts: Sequence[Verdict[Grade]], source: str) -> Score:
    """Several judgements as one score.

    Args:
        verdicts: of one sample; not empty.
        source: who judged.
    """
    usage = total_usage([verdict.usage for verdict in verdicts])
    grades = [verdict.value for verdict in verdicts if verdict.value is not None]
    votes = tuple(grade.value for grade in grades)
    if 2 * len(grades) <= len(verdicts):
        failed = [verdict for verdict in verdicts if verdict.value is None]
        reason = Counter(verdict.reason for verdict in failed).most_common(1)[0][0]
        raw = next(verdict.raw for verdict in failed if verdict.reason == reason)
        return Score(reason=reason, raw=raw, votes=votes, source=source, usage=usage)
    value = _middle(votes)
    if value is None:
        return Score(reason=SPLIT, votes=votes, source=source, usage=usage)
    rationale = next((grade.rationale for grade in grades if grade.value == value), grades[0].rationale)
    return Score(value=value, rationale=rationale, votes=votes, source=source, usage=usage)


def _middle(votes: Sequence[Value]) -> Value | None:
    numbers = [vote for vote in votes if isinstance(vote, float) and not isinstance(vote, bool)]
    if len(numbers) == len(votes):
        return float(statistics.median(numbers))
    ranked = Counter(votes).most_common(2)
    return None if len(ranked) > 1 and ranked[0][1] == ranked[1][1] else ranked[0][0]
