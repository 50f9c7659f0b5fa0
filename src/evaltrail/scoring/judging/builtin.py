"""The judges that can be named: rubrics from the data file beside this one, as factories with options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Concatenate, ParamSpec

import yaml

from evaltrail.core.decoding import converted
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.scoring.judging.rubric import EvaluationExample, Labels, Rubric, make_rubric
from evaltrail.scoring.judging.rubric_judge import RubricJudge, rubric_judge

_FILE = Path(__file__).with_name("judges.yaml")
MOST_VOTES = 25

Options = ParamSpec("Options")


def built_in_rubric(
    name: str,
    *,
    examples: Sequence[EvaluationExample | Mapping[str, Json]] = (),
    parameters: Mapping[str, Json] | None = None,
    guidelines: Sequence[str] = (),
) -> Rubric:
    """A rubric of the data file.

    Args:
        name: one of the file's.
        examples: worked ones, on the rubric's own scale.
        parameters: request settings.
        guidelines: for the rubric of this name alone.

    Raises:
        InputError: an example or a setting does not fit.
    """
    told = _rubrics()[name]
    definition = told.definition
    if guidelines:
        definition = definition.format(guidelines="\n".join(f"- {line}" for line in guidelines))
    return make_rubric(
        name,
        told.grading_prompt,
        definition=definition,
        examples=examples,
        labels=told.labels,
        grading_context_columns=told.grading_context_columns,
        include_input=told.include_input,
        greater_is_better=told.greater_is_better,
        parameters=parameters,
    )


def _built_in(
    name: str,
    /,
    model: str = "",
    *,
    examples: tuple[EvaluationExample, ...] = (),
    parameters: dict[str, str | int | float | bool | None] | None = None,
    votes: int = 1,
    seed: int = 0,
) -> RubricJudge:
    rubric = built_in_rubric(name, examples=examples, parameters=parameters)
    return rubric_judge(rubric, target=model, votes=checked_votes(name, votes), seed=seed)


def checked_votes(name: str, votes: int) -> int:
    """The number of votes, if it is one.

    Raises:
        InputError: it is not between 1 and 25.
    """
    if not 1 <= votes <= MOST_VOTES:
        hint = f"give 1 to {MOST_VOTES}, best an odd number"
        raise InputError(f"judge {name!r} cannot vote {votes} times", code="bad_rubric", hint=hint)
    return votes


def offered(
    factory: Callable[Concatenate[str, Options], RubricJudge], name: str, doc: str
) -> Callable[Options, RubricJudge]:
    """A factory of one judge, which shows its options as a function does."""

    def made(*args: Options.args, **kwargs: Options.kwargs) -> RubricJudge:
        return factory(name, *args, **kwargs)

    made.__name__ = made.__qualname__ = name
    made.__doc__ = doc
    own = inspect.signature(factory, eval_str=True)
    vars(made)["__signature__"] = own.replace(parameters=list(own.parameters.values())[1:])
    return made


answer_correctness = offered(_built_in, "answer_correctness", "How far the output agrees with the reference, 1..5.")
answer_similarity = offered(_built_in, "answer_similarity", "How close output and reference are in meaning, 1..5.")
answer_relevance = offered(_built_in, "answer_relevance", "How well the output answers the input, 1..5.")
faithfulness = offered(_built_in, "faithfulness", "How far the context bears out the output, 1..5.")
groundedness = offered(_built_in, "groundedness", "Whether every claim of the output follows from the context.")
relevance = offered(_built_in, "relevance", "How well the output answers the input out of the context, 1..5.")
safety = offered(_built_in, "safety", "Whether the output is safe to show.")
toxicity_judge = offered(_built_in, "toxicity_judge", "Whether the output is toxic; lower is better.")


def guidelines(
    *,
    guidelines: str | tuple[str, ...] = (),
    model: str = "",
    parameters: dict[str, str | int | float | bool | None] | None = None,
    votes: int = 1,
    seed: int = 0,
) -> RubricJudge:
    """Whether the output keeps every one of some guidelines.

    Args:
        guidelines: one or several sentences.
        model: which model judges.
        parameters: request settings.
        votes: times each sample is judged.
        seed: of the first vote.

    Raises:
        InputError: there is no guideline.
    """
    lines = (guidelines,) if isinstance(guidelines, str) else guidelines
    if not lines or not all(line.strip() for line in lines):
        hint = 'add guidelines: ["Answer in English.", ...]'
        raise InputError("judge 'guidelines' has no guidelines", code="bad_rubric", hint=hint)
    rubric = built_in_rubric("guidelines", parameters=parameters, guidelines=lines)
    return rubric_judge(rubric, target=model, votes=checked_votes("guidelines", votes), seed=seed)


def custom_judge(
    name: str,
    /,
    *,
    grading_prompt: str = "",
    definition: str = "",
    examples: tuple[EvaluationExample, ...] = (),
    model: str = "",
    min: float | None = None,  # noqa: A002  the task file's words
    max: float | None = None,  # noqa: A002
    labels: dict[str, float | bool | str | None] | tuple[str | bool, ...] | None = None,
    grading_context_columns: str | tuple[str, ...] = (),
    include_input: bool = True,
    greater_is_better: bool = True,
    parameters: dict[str, str | int | float | bool | None] | None = None,
    version: str = "1",
    votes: int = 1,
    seed: int = 0,
) -> RubricJudge:
    """A judge by a rubric that a task file writes.

    Args:
        name: of the metric.
        grading_prompt: how to grade, and what each score means.
        definition: what is graded.
        examples: worked ones.
        model: which model judges; empty = the run's own judge.
        min: lowest score; without it and ``max`` the grading prompt says the range, else 1..5.
        max: highest score.
        labels: words instead of numbers.
        grading_context_columns: what the judge sees beside input and output.
        include_input: whether it sees the input.
        greater_is_better: which way is up.
        parameters: request settings such as temperature.
        version: goes into the identity.
        votes: times each sample is judged.
        seed: of the first vote.

    Raises:
        InputError: a field is missing or at odds with another one.
    """
    words: Labels | None = labels
    rubric = make_rubric(
        name,
        grading_prompt,
        definition=definition,
        examples=examples,
        low=min,
        high=max,
        labels=words,
        grading_context_columns=grading_context_columns,
        include_input=include_input,
        greater_is_better=greater_is_better,
        parameters=parameters,
        version=version,
    )
    return rubric_judge(rubric, target=model, votes=checked_votes(name, votes), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """One entry of the data file."""

    definition: str
    grading_prompt: str
    labels: tuple[str, ...] | None = None
    grading_context_columns: tuple[str, ...] = ()
    include_input: bool = True
    greater_is_better: bool = True


@cache
def _rubrics() -> Mapping[str, _Told]:
    return converted(yaml.safe_load(_FILE.read_text(encoding="utf-8")), dict[str, _Told])
