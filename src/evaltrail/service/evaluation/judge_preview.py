"""What an order's judges would be asked: how often, on which scale, in which words; nobody is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score
from evaltrail.providers.native import Item, NativeTask
from evaltrail.scoring.judging.port import Judge, questions_of
from evaltrail.scoring.judging.rubric_judge import RubricJudge
from evaltrail.service.evaluation.judges import Grading

_NO_OUTPUT = "..."
"""Stands for an output that nobody has given yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePreview:
    """One judge of a task."""

    metric: str
    model: str
    requests: int
    """At least; a judgement that cannot be read is asked for once more."""
    scale: str = ""
    """Its scores in words; empty where it has no rubric."""
    prompt: str = ""
    """What it would be asked of the first sample; empty where it asks in several steps."""

    def line(self) -> str:
        """For people."""
        scale = f": {self.scale}" if self.scale else ""
        return f"{self.metric} is judged by {self.model}{scale}; at least {self.requests:,} requests come on top"


def preview_judges(task: NativeTask, gradings: Sequence[Grading]) -> tuple[JudgePreview, ...]:
    """The judges of a task that ask a model of ours, in their order.

    Args:
        task: what is judged.
        gradings: its judges with their models.
    """
    asking = [grading for grading in gradings if grading.target.id]
    if not asking:
        return ()
    samples = sum(_is_judged(task, item) for item in task.items()) * task.repeats
    first = next((item for item in task.items() if _is_judged(task, item)), None)
    return tuple(
        JudgePreview(
            metric=grading.judge.name,
            model=grading.target.id,
            requests=samples * questions_of(grading.judge),
            scale=grading.judge.rubric.scale.shown() if isinstance(grading.judge, RubricJudge) else "",
            prompt="" if first is None else _asked(grading.judge, task, first),
        )
        for grading in asking
    )


def turns_text(turns: Sequence[Mapping[str, str]]) -> str:
    """Chat turns as one text."""
    return "\n".join(f"[{turn['role']}] {turn['content']}" for turn in turns)


def _is_judged(task: NativeTask, item: Item) -> bool:
    """Whether an item will have an output, as far as the data tell."""
    try:
        answer = task.given(item.record)
    except InputError:
        return False
    return answer is None or answer.text is not None


def _asked(judge: Judge, task: NativeTask, item: Item) -> str:
    if not isinstance(judge, RubricJudge):
        return ""
    try:
        prompt, answer = task.prompt(item), task.given(item.record)
    except InputError as error:
        return f"cannot be asked: {error}"
    sample = Sample(
        id=item.id,
        index=item.index,
        input=prompt.messages or prompt.text,
        reference=task.reference(item.record),
        output=_NO_OUTPUT if answer is None else answer.text,
        contexts=prompt.contexts,
        attributes=task.attributes(item.record),
    )
    messages = judge.messages(sample)
    return f"is not asked: {messages.reason}" if isinstance(messages, Score) else turns_text(messages)
