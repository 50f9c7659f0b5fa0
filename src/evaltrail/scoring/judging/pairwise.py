"""PairwiseJudge: which of two answers is better, asked in both orders (position bias: Zheng et al. 2023, MT-Bench)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from evaltrail.core.ids import digest
from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.scoring.aggregate import WholeTask
from evaltrail.scoring.grader import NO_OUTPUT
from evaltrail.scoring.judging.agreement import Inconsistency
from evaltrail.scoring.judging.columns import column_of, input_of, missing_reason
from evaltrail.scoring.judging.fence import fenced
from evaltrail.scoring.judging.grade_form import Grade, GradeForm
from evaltrail.scoring.judging.judge_model import JudgeModel
from evaltrail.scoring.judging.prompt_files import template
from evaltrail.scoring.judging.scale import scale_of_words
from evaltrail.scoring.judging.verdict import Verdict, total_usage

_METHOD = 1
_FIRST: Mapping[object, float] = {"A": 1.0, "B": 0.0, "tie": 0.5}
"""What a verdict is worth to the answer that stands first."""


class PairwiseJudge:
    """Prefers the output (1), the baseline (0) or neither (0.5).

    Each sample is judged twice, with the output first and with the baseline first; two verdicts that do not agree are a
    tie. ``votes`` of a score holds both, and the task's figure ``<name>_inconsistent`` tells how often they differed.

    Args:
        model: which model judges; empty = the run's own judge.
        baseline: column with the other answer.
        criterion: what makes an answer better.
        parameters: request settings.
        seed: of every question.
    """

    name: str = "pairwise_preference"
    better: Better = "higher"
    unit: str = "1"
    is_grade: bool = True
    questions: int = 2
    """Requests a sample takes at least."""

    def __init__(
        self,
        *,
        model: str = "",
        baseline: str = "reference",
        criterion: str = "",
        parameters: dict[str, str | int | float | bool | None] | None = None,
        seed: int = 0,
    ) -> None:
        self.target: str = model
        self.headers: Mapping[str, str] = {}
        self.fields: tuple[str, ...] = (baseline,)
        self.needs: tuple[str, ...] = (baseline,)
        self._baseline = baseline
        self._settings: Mapping[str, Json] = parameters or {}
        self._seed = seed
        self._form = GradeForm("preference", scale_of_words(("A", "B", "tie")))
        instructions = template("pairwise").format(criterion=criterion or template("pairwise_criterion"))
        self._system = {"role": "system", "content": instructions}
        self._end = template("pairwise_ask")
        identity = digest([_METHOD, instructions, self._end, baseline, seed, dict(self._settings)])
        self.source: str = f"{self.name}/1@{identity[:12]}"

    def whole_task(self) -> WholeTask:
        """How often the order decided."""
        return Inconsistency(self.name)

    async def judge(self, sample: Sample, model: JudgeModel) -> Score:
        """The preference for one sample.

        Raises:
            EndpointError: every further question would fail too.
        """
        ours = sample.graded
        theirs = column_of(sample, self._baseline)
        if ours is None:
            return NO_OUTPUT
        if theirs is None:
            note = f"the sample has no {self._baseline!r}"
            return Score(reason=missing_reason(self._baseline), rationale=note, source=self.source)
        source = f"{self.source} {model.id}"
        if ours == theirs:
            return Score(value=0.5, rationale="both answers are the same text", votes=(0.5, 0.5), source=source)
        first, second = await asyncio.gather(
            self._ask(sample, ours, theirs, model), self._ask(sample, theirs, ours, model)
        )
        usage = total_usage([first.usage, second.usage])
        for verdict in (first, second):
            if verdict.value is None:
                return Score(reason=verdict.reason, raw=verdict.raw, source=source, usage=usage)
        votes = (_worth(first), 1.0 - _worth(second))
        rationale = first.value.rationale if first.value else ""
        value = votes[0] if votes[0] == votes[1] else 0.5
        return Score(value=value, rationale=rationale, votes=votes, source=source, usage=usage)

    async def _ask(self, sample: Sample, first: str, second: str, model: JudgeModel) -> Verdict[Grade]:
        parts = (("input", input_of(sample)), ("answer_A", first), ("answer_B", second))
        messages = (self._system, {"role": "user", "content": f"{fenced(parts)}\n\n{self._end}"})
        return await model.ask(messages, self._form, seed=self._seed, settings=self._settings)


def _worth(verdict: Verdict[Grade]) -> float:
    return _FIRST[verdict.value.value] if verdict.value else 0.5
