"""What `metrics=` may hold, and a user's function as a metric."""

from __future__ import annotations

import math
from functools import partial

import pytest

import evaltrail.metrics as face
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.catalog import METRICS
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.frames.frame import read_frame
from evaltrail.service.frames.function_metric import as_score, function_metric
from evaltrail.service.frames.instruments import listed, make_instruments
from evaltrail.service.frames.roles import Named, find_roles
from mlflow_metrics import EvaluationMetric

FRAME, ROLES = find_roles(
    read_frame([{"inputs": {"q": "a"}, "targets": ["1", "2"], "contexts": "c", "lang": "en"}]), Named(), has_model=True
)
SAMPLE = Sample(id="1", index=0, output="out", input="a", reference=("1", "2"))


def made(*given):
    """The instruments of some entries."""
    return make_instruments(given, FRAME, ROLES)


def length(outputs):
    return len(outputs)


def test_names_options_objects_functions_and_factories_may_be_mixed():
    """Everything that scores, in order, under its own name."""
    exact = {"exact_match": {"ignore_case": True}}
    found = made("bleu", exact, face.rougeL(), face.answer_relevance(), length, face.ari)
    names = ["bleu", "exact_match", "rougeL", "answer_relevance", "length", "ari"]
    assert [each.name for each in found] == names
    assert [isinstance(each, Judge) for each in found] == [False, False, False, True, False, False]


def test_one_metric_needs_no_list_and_a_dict_holds_several():
    """A name, an object, or names with options."""
    assert listed("bleu") == ["bleu"]
    assert listed(length) == [length]
    assert listed({"bleu": {}, "contains": {"strip": False}}) == [{"bleu": {}}, {"contains": {"strip": False}}]
    assert (listed(None), listed(("a", "b"))) == ([], ["a", "b"])


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((), "no_metric"),
        (("bleus",), "unknown_metric"),
        (("bleu", face.bleu), "duplicate_metric"),
        ((7,), "bad_metric"),
        ((lambda nothing: 1,), "bad_metric"),
        ((lambda inpts: 1,), "bad_metric"),
    ],
)
def test_what_scores_nothing_is_refused(given, code):
    """Before anything is asked, with the next step."""
    with pytest.raises(InputError) as refusal:
        made(*given)
    assert refusal.value.code == code


async def waits(outputs):
    return 1


def streams(outputs):
    yield 1


@pytest.mark.parametrize("function", [waits, streams])
def test_functions_that_do_not_answer_at_once_are_refused(function):
    """A coroutine or a generator is no score."""
    with pytest.raises(InputError, match="async or a generator"):
        made(function)


def test_parameters_name_what_a_function_gets():
    """The row as it was given, its output, a column by name, the whole sample; defaults stay where nothing fits."""

    def seen(inputs, outputs, targets, contexts, lang, sample, more=5, **rest):
        return f"{inputs} {outputs} {targets} {contexts} {lang} {sample.id} {more} {rest}"

    score = function_metric(seen, FRAME, ROLES).score(SAMPLE)
    assert score.value == "{'q': 'a'} out ['1', '2'] c en 1 5 {}"
    assert function_metric(lambda predictions, ground_truth: bool(ground_truth), FRAME, ROLES).score(SAMPLE).value


@pytest.mark.parametrize(
    ("given", "value", "reason"),
    [
        (1, 1.0, ""),
        (True, True, ""),
        ("good", "good", ""),
        ({"score": 0.5, "justification": "so"}, 0.5, ""),
        (Score(value=2.0), 2.0, ""),
        (None, None, "no_score"),
        (math.nan, None, "not_finite"),
        ([1], None, "bad_score"),
        ({"value": math.inf}, None, "not_finite"),
    ],
)
def test_what_a_function_gives_is_a_value_or_a_reason(given, value, reason):
    """Numbers, bools, words, dicts with value or score; never NaN."""
    score = as_score(given, "x")
    assert (score.value, score.reason) == (value, reason)
    assert score.rationale == ("so" if isinstance(given, dict) and "justification" in given else score.rationale)


def test_a_changed_function_is_another_metric():
    """What was scored by an earlier one does not serve a later one."""
    first = function_metric(lambda outputs: 1, FRAME, ROLES)
    second = function_metric(lambda outputs: 2, FRAME, ROLES)
    assert first.name == second.name == "custom"
    assert first.source != second.source


class AtMost:
    """A metric that holds what it measures by."""

    def __init__(self, words):
        self.words = words

    def __call__(self, outputs):
        return len(outputs.split()) <= self.words

    def judged(self, outputs):
        return self(outputs)


def at_most(words):
    return lambda outputs: len(outputs.split()) <= words


def is_short(outputs, words):
    return len(outputs.split()) <= words


@pytest.mark.parametrize(
    "make",
    [at_most, AtMost, lambda words: AtMost(words).judged, lambda words: partial(is_short, words=words)],
    ids=["closure", "object", "method", "partial"],
)
def test_what_a_function_works_with_is_part_of_it(make):
    """One with another limit is another metric; the same limit gives the same one."""
    three, four, again = (function_metric(make(words), FRAME, ROLES) for words in (3, 4, 3))
    assert three.source == again.source != four.source


def test_a_function_may_say_which_way_is_up():
    """By an attribute ``better``, or MLflow's ``greater_is_better``."""

    def cost(outputs):
        return 1

    cost.better = "lower"
    assert function_metric(cost, FRAME, ROLES).better == "lower"


def test_a_metric_of_mlflows_scores_row_by_row():
    """The function of ``mlflow.metrics.make_metric`` gets Series of one row."""

    def eval_fn(predictions, targets, metrics, lang):
        assert metrics == {}
        return [len(text) + len(lang[0]) for text in predictions]

    metric = EvaluationMetric("longer", eval_fn, greater_is_better=False)
    (found,) = made(metric)
    assert (found.name, found.better, found.score(SAMPLE).value) == ("longer", "lower", 5.0)


def test_a_judge_of_mlflows_becomes_ours():
    """``mlflow.metrics.genai`` objects tell what they were made with; ours asks by the same rubric."""
    told = {
        "name": "tone",
        "definition": "How polite it is.",
        "grading_prompt": "Rate on a scale of 1-5.",
        "examples": [type("Example", (), {"input": "i", "output": "o", "score": 4, "justification": "j"})()],
        "model": "openai:/m",
        "grading_context_columns": ["targets"],
        "greater_is_better": True,
        "mlflow_version": "3.17.2",
        "fn_name": "make_genai_metric",
    }
    (found,) = made(EvaluationMetric("tone", None, genai_metric_args=told))
    assert isinstance(found, Judge)
    assert (found.name, found.target, found.rubric.examples[0].score) == ("tone", "openai:/m", 4)


def test_the_face_offers_every_built_in_metric():
    """``evaltrail.metrics`` has a factory for each name that is an identifier, and MLflow's names beside them."""
    names = {name for name in METRICS.builtin if name.isidentifier()}
    own = {"EvaluationExample", "make_genai_metric", "make_genai_metric_from_prompt"}
    assert set(face.__all__) == names | own == set(dir(face))
    assert all(callable(getattr(face, name)) for name in face.__all__)
    with pytest.raises(AttributeError):
        face.nothing  # noqa: B018  asked for on purpose
