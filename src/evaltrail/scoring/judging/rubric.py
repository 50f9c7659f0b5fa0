"""Rubric: what a judge grades, how, and on which scale; as data, with a digest that is its identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from evaltrail.core.decoding import converted
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.values import Json
from evaltrail.scoring.judging.prompt_files import template
from evaltrail.scoring.judging.scale import LIKERT, Scale, Value, read_scale, scale_of_numbers, scale_of_words

Labels = Mapping[str, float | bool | str | None] | Sequence[str | bool]
_TAKEN = ("model", "messages", "prompt", "stream", "n", "response_format", "tools", "tool_choice")
"""Request settings that are not a rubric's to choose."""


@dataclass(frozen=True, slots=True)
class EvaluationExample:
    """A worked example: an output, and the score a careful grader gave it. Fields in MLflow's order."""

    output: str
    score: float | bool | str
    justification: str = ""
    input: str | None = None
    grading_context: Mapping[str, str] | str | None = None
    """Text of each grading context column, or one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rubric:
    """How one thing is graded."""

    name: str
    definition: str = ""
    """What is graded; empty = the name says it."""
    grading_prompt: str
    """How: what each score means."""
    scale: Scale = LIKERT
    examples: tuple[EvaluationExample, ...] = ()
    grading_context_columns: tuple[str, ...] = ()
    """What the judge is shown beside input and output; a sample that lacks one of them is unscored."""
    include_input: bool = True
    greater_is_better: bool = True
    parameters: Mapping[str, Json] = field(default_factory=dict)
    """Request settings, such as temperature and max_tokens."""
    version: str = "1"

    def digest(self) -> str:
        """Identity of everything that decides what a judge is asked: 32 hex digits."""
        content: object = msgspec.to_builtins(self)
        return digest([content, template("grade"), template("ask")])  # type: ignore[list-item]

    def instructions(self) -> str:
        """The system message: the same for every sample."""
        return template("grade").format(
            name=self.name,
            definition=self.definition or self.name,
            grading_prompt=self.grading_prompt,
            examples=self._worked(),
            scale=self.scale.told(),
        )

    def _worked(self) -> str:
        if not self.examples:
            return ""
        parts = [_worked(example, number) for number, example in enumerate(self.examples, 1)]
        return "\nExamples of graded material:\n\n" + "\n\n".join(parts) + "\n"


def make_rubric(
    name: str,
    grading_prompt: str,
    *,
    definition: str = "",
    examples: Sequence[EvaluationExample | Mapping[str, Json]] = (),
    low: float | None = None,
    high: float | None = None,
    labels: Labels | None = None,
    grading_context_columns: str | Sequence[str] = (),
    include_input: bool = True,
    greater_is_better: bool = True,
    parameters: Mapping[str, Json] | None = None,
    version: str = "1",
) -> Rubric:
    """A rubric that was checked.

    Args:
        name: of the metric.
        grading_prompt: how to grade.
        definition: what is graded.
        examples: worked ones; their scores have to be on the scale.
        low: lowest score; None = as the grading prompt says, else 1.
        high: highest score; None = as the grading prompt says, else 5.
        labels: words instead of numbers, or each word with the value it stands for.
        grading_context_columns: one name or several.
        include_input: whether the judge sees the input.
        greater_is_better: which way is up.
        parameters: request settings.
        version: goes into the identity.

    Raises:
        InputError: a field is missing, empty, or at odds with another one.
    """
    try:
        _require(name=name, grading_prompt=grading_prompt)
        _refuse_taken(parameters or {})
        scale = _scale(f"{grading_prompt}\n{definition}", low, high, labels)
        worked = tuple(_example(example, place, scale) for place, example in enumerate(examples))
    except InputError as error:
        error.message = f"judge {name!r}: {error.message}"
        raise
    columns = (grading_context_columns,) if isinstance(grading_context_columns, str) else grading_context_columns
    return Rubric(
        name=name,
        definition=definition.strip(),
        grading_prompt=grading_prompt.strip(),
        scale=scale,
        examples=worked,
        grading_context_columns=tuple(columns),
        include_input=include_input,
        greater_is_better=greater_is_better,
        parameters=dict(parameters or {}),
        version=version.removeprefix("v"),
    )


def _require(**fields: object) -> None:
    for name, value in fields.items():
        if not isinstance(value, str) or not value.strip():
            hint = "add it: how to grade, and what each score means" if name == "grading_prompt" else "add it"
            raise InputError(f"it has no {name!r}", code="bad_rubric", hint=hint)


def _refuse_taken(parameters: Mapping[str, Json]) -> None:
    for setting in _TAKEN:
        if setting in parameters:
            hint = "name the model by 'model'; the rest is set for every judge"
            raise InputError(f"{setting!r} is not a parameter of a judge", code="bad_rubric", hint=hint)


def _scale(told: str, low: float | None, high: float | None, labels: Labels | None) -> Scale:
    if labels is not None:
        if low is not None or high is not None:
            hint = "keep one of them"
            raise InputError("it has labels and a range of numbers", code="bad_rubric", hint=hint)
        if isinstance(labels, Mapping):
            return scale_of_words({word: _plain(value) for word, value in labels.items()})
        return scale_of_words(tuple(_word(label) for label in labels))
    read = read_scale(told)
    if low is None and high is None:
        return read or LIKERT
    numbers = read if read is not None and not read.labels else LIKERT
    return scale_of_numbers(numbers.low if low is None else low, numbers.high if high is None else high)


def _plain(value: float | bool | str | None) -> Value | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _word(label: str | bool) -> str:
    """YAML reads a bare yes as true."""
    return label if isinstance(label, str) else ("yes" if label else "no")


def _example(example: EvaluationExample | Mapping[str, Json], place: int, scale: Scale) -> EvaluationExample:
    if isinstance(example, Mapping):
        try:
            example = converted(example, EvaluationExample)
        except msgspec.ValidationError as error:
            hint = "an example has output, score, justification, and perhaps input and grading_context"
            raise InputError(f"examples[{place}]: {str(error).lower()}", code="bad_rubric", hint=hint) from error
    score = example.score
    if scale.labels:
        word = _word(score) if isinstance(score, bool) else score
        is_on = isinstance(word, str) and word.casefold() in {label.casefold() for label, _ in scale.labels}
        is_on = is_on or any(score == value and type(score) is type(value) for _, value in scale.labels)
    else:
        is_on = not isinstance(score, bool | str) and scale.holds(float(score))
    if not is_on:
        hint = "correct the score, or give 'min' and 'max' (or 'labels')"
        raise InputError(f"examples[{place}]: its score {score!r} is not {scale.told()}", code="bad_rubric", hint=hint)
    return example


def _worked(example: EvaluationExample, number: int) -> str:
    context = example.grading_context
    shown = context.items() if isinstance(context, Mapping) else [("context", context)]
    parts = [("input", example.input), ("output", example.output), *shown]
    lines = [f"Example {number}", *(f"{name}: {text}" for name, text in parts if text is not None)]
    score = example.score
    if isinstance(score, float) and score == int(score):
        score = int(score)
    answer = msgspec.json.encode({"rationale": example.justification, "score": score}).decode()
    return "\n".join([*lines, f"judgement: {answer}"])
