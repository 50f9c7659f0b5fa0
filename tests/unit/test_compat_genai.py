"""Rows and results of mlflow.genai as samples and scores of ours; judges by instructions as judges of ours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.compat.genai_feedback import score_of
from evaltrail.compat.genai_row import row_of, sample_of
from evaltrail.compat.instructions_judge import same_judge
from evaltrail.core.sample import Sample, Usage

DEFAULT = "openai:/their-default"


@dataclass
class Said:
    """What a scorer of MLflow returns, by its shape."""

    value: Any = None
    error: Any = None
    rationale: str | None = None
    name: str = "feedback"
    metadata: dict[str, str] | None = None
    source: Any = None


@dataclass
class Problem:
    error_code: str
    error_message: str | None = None


@dataclass
class Source:
    source_type: str = "LLM_JUDGE"


@dataclass
class Instructed:
    """A judge of MLflow, by the attributes that are read of it."""

    instructions: str = "Is {{ outputs }} an answer to {{ inputs }}?"
    feedback_value_type: Any = bool
    model: str = DEFAULT
    name: str = "apt"
    description: str | None = None
    inference_params: dict[str, Any] | None = None
    template_variables: set[str] = field(default_factory=lambda: {"inputs", "outputs"})
    _base_url: str | None = None
    _extra_headers: dict[str, str] | None = None


def score(result):
    found = score_of(result, name="apt", source="them/1")
    assert (found.value is None) is bool(found.reason)
    return found.value if found.value is not None else found.reason


@pytest.mark.parametrize(
    ("result", "wanted"),
    [
        (True, True),
        (3, 3.0),
        (0.25, 0.25),
        ("yes", True),
        (" No ", False),
        ("mostly", "mostly"),
        (None, "no_score"),
        ([], "no_score"),
        ({"a": 1}, "not_a_score"),
        (Said(value="pass"), True),
        (Said(value=None), "no_score"),
        (Said(error=Problem("RATE LIMIT")), "rate_limit"),
        (Said(error=Problem("")), "scorer_error"),
        ([Said(value=True), Said(value=False)], 0.5),
        ([Said(value="yes", name="apt"), Said(value=0.1, name="other")], True),
        ([Said(value="a"), Said(value="b")], "not_a_score"),
        ([Said(value=True), Said(error=Problem("LOST"))], "lost"),
        (10**400, "not_a_score"),
    ],
)
def test_whatever_a_scorer_returns_is_a_score_or_a_reason(result, wanted):
    """Verdicts become True and False, lists their mean; what is no score says so, and nothing is ever guessed."""
    found = score(result)
    assert (found, type(found)) == (wanted, type(wanted))


def test_a_judges_feedback_keeps_rationale_cost_and_words_of_error():
    """What MLflow tells of a judge's call is the cost of the score."""
    told = {"mlflow.assessment.judgeInputTokens": "12", "mlflow.assessment.judgeOutputTokens": "x"}
    found = score_of(Said(value="yes", rationale="so", metadata=told, source=Source()), name="apt", source="them/1")
    assert (found.value, found.rationale, found.source) == (True, "so", "them/1")
    assert found.usage == Usage(prompt_tokens=12, attempts=1)
    failed = score_of(Said(error=Problem("X", "gave up"), source=Source("CODE")), name="apt", source="them/1")
    assert (failed.reason, failed.rationale, failed.usage) == ("x", "gave up", None)


def test_a_sample_is_a_row_with_question_and_expectations():
    """The reference is MLflow's expected_response; fields of the record go where MLflow looks for them."""
    sample = Sample(
        id="s",
        index=0,
        input="why?",
        reference=("so",),
        output="because so",
        extracted="so",
        attributes={"topic": "logic", "expected_facts": '["a", "b"]', "guidelines": "be brief", "empty": None},
    )
    row = row_of(sample)
    assert row.inputs == {"topic": "logic", "question": "why?"}
    assert row.outputs == "so"
    assert row.expectations == {"expected_response": "so", "expected_facts": ["a", "b"], "guidelines": "be brief"}


def test_a_records_own_inputs_and_expectations_come_first():
    """Data in MLflow's own form reach its scorers as they are."""
    attributes = {"inputs": '{"q": 1}', "expectations": '{"expected_response": "x", "n": 2}'}
    row = row_of(Sample(id="s", index=0, input="q", reference=("r", "t"), output="o", attributes=attributes))
    assert row.inputs == {"q": 1}
    assert row.expectations == {"expected_response": "x", "expected_responses": ["r", "t"], "n": 2}


def test_chat_turns_stay_chat_turns():
    """In both directions."""
    turns = ({"role": "system", "content": "brief"}, {"role": "user", "content": "why?"})
    row = row_of(Sample(id="s", index=0, input=turns, output="o"))
    assert row.inputs == {"messages": [dict(turn) for turn in turns]}
    assert sample_of(row.inputs, "o", None).input == turns
    assert sample_of([{"content": "why?"}], "o", None).input == ({"role": "user", "content": "why?"},)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ("why?", "why?"),
        ({"anything": "why?"}, "why?"),
        ({"question": "why?", "topic": "logic"}, "why?"),
        ({"a": 1, "b": "x"}, '{"a":1,"b":"x"}'),
        (None, ""),
    ],
)
def test_the_question_of_a_row(inputs, text):
    """The only field, or the one with a usual name, else all of it."""
    assert sample_of(inputs, "o", None).input == text


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ("so", "so"),
        ({"response": "so"}, "so"),
        ({"choices": [{"message": {"role": "assistant", "content": "so"}}]}, "so"),
        ({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "so"}]}, "so"),
        ({"a": 1}, '{"a":1}'),
        (3, "3"),
    ],
)
def test_the_answer_of_a_row(outputs, text):
    """A text, or what holds one as models answer; else its JSON."""
    assert sample_of("q", outputs, None).output == text


def test_a_row_without_outputs_is_unscored_for_that_reason():
    """None is no answer."""
    assert (sample_of("q", None, None).output, sample_of("q", None, None).error) == (None, "no_output")


def test_expectations_are_references_and_fields():
    """The first usual name is the reference; contexts are found under theirs."""
    found = sample_of({"question": "q", "context": ["a", "b"]}, "o", {"ground_truth": ["x", "y"], "n": 2})
    assert (found.reference, found.contexts, found.attributes["n"]) == (("x", "y"), ("a", "b"), 2)


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_a_sample_survives_the_way_there_and_back(question, output, references):
    """Question, output and references are the same after a row."""
    given_sample = Sample(id="0", index=0, input=question, output=output, reference=tuple(references[:1]))
    row = row_of(given_sample)
    found = sample_of(row.inputs, row.outputs, row.expectations)
    assert (found.input, found.output, found.reference) == (question, output, tuple(references[:1]))


def test_instructions_become_a_rubric_that_shows_the_same_parts():
    """Parts are fenced beside the instructions; a model that was named is asked, with its settings and headers."""
    judge = Instructed(
        instructions="Does {{ outputs }} agree with {{expectations}}?",
        template_variables={"outputs", "expectations"},
        model="openai:/m",
        inference_params={"max_tokens": 9},
        _base_url="http://gateway/v1",
        _extra_headers={"X-Team": "red"},
    )
    found = same_judge(judge, default_model=DEFAULT)
    assert (found.name, found.target, found.headers) == ("apt", "http://gateway/v1#m", {"X-Team": "red"})
    assert found.rubric.grading_prompt == 'Does (the part "output") agree with (the part "expected_response")?'
    assert (found.rubric.include_input, found.rubric.grading_context_columns) == (False, ("expected_response",))
    assert found.rubric.parameters == {"max_tokens": 9}


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({}, "1"),
        ({"feedback_value_type": Literal["good", "fair", "poor"]}, ""),
        ({"feedback_value_type": Literal["yes", "no"]}, "1"),
        ({"feedback_value_type": int, "instructions": "Rate {{ outputs }} on a scale of 1-5."}, "1..5"),
        ({"feedback_value_type": str, "instructions": "Is {{ outputs }} good? Answer yes or no."}, "1"),
    ],
)
def test_kinds_of_answers_that_have_a_scale(changes, unit):
    """Bools, words, numbers on a scale that is told; no model named = the run's own judge."""
    found = same_judge(Instructed(**{"template_variables": {"outputs"}, **changes}), default_model=DEFAULT)
    assert (found.unit, found.target) == (unit, "")


@pytest.mark.parametrize(
    "changes",
    [
        {"template_variables": {"trace"}},
        {"template_variables": {"inputs"}},
        {"template_variables": {"outputs", "conversation"}},
        {"feedback_value_type": str},
        {"feedback_value_type": float},
        {"feedback_value_type": dict[str, int]},
        {"feedback_value_type": Literal["only"]},
        {"feedback_value_type": Literal[1, 2]},
        {"model": "anthropic:/claude"},
        {"inference_params": {"model": "x"}},
        {
            "instructions": "{{ outputs }} and expected_facts of {{ expectations }}",
            "template_variables": {"outputs", "expectations"},
        },
    ],
)
def test_what_ours_could_not_say_as_faithfully_stays_theirs(changes):
    """Traces, free text, numbers without a scale, models that we do not reach."""
    assert same_judge(Instructed(**changes), default_model=DEFAULT) is None
