"""Our judges beside MLflow's genai metrics of the same names: the same arguments, in the same order."""

from __future__ import annotations

import importlib
import inspect

import pytest

from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging import genai


@pytest.fixture(scope="module")
def theirs():
    """MLflow's own; loaded by the process that runs these tests alone, for it takes seconds."""
    return importlib.import_module("mlflow.metrics.genai")


@pytest.mark.parametrize(
    "name", ["answer_correctness", "answer_relevance", "answer_similarity", "faithfulness", "relevance"]
)
def test_mlflows_metrics_take_mlflows_arguments(name, theirs):
    """Every parameter of theirs, in their order."""
    ours = inspect.signature(getattr(genai, name)).parameters
    assert list(ours) == list(inspect.signature(getattr(theirs, name)).parameters)
    assert getattr(genai, name).__doc__
    judge = getattr(genai, name)("openai:/gpt-4", extra_headers={"X": "y"}, max_workers=3)
    assert (judge.name, judge.target, judge.headers, judge.max_workers) == (name, "openai:/gpt-4", {"X": "y"}, 3)
    assert judge.source == make_metrics([name])[0].source


@pytest.mark.parametrize("name", ["make_genai_metric", "make_genai_metric_from_prompt"])
def test_our_makers_take_all_that_mlflows_take(name, theirs):
    """In their order; what is ours comes behind."""
    wanted = list(inspect.signature(getattr(theirs, name)).parameters)
    assert list(inspect.signature(getattr(genai, name)).parameters)[: len(wanted)] == wanted


def test_an_example_is_written_as_mlflows_is(theirs):
    """The same fields in the same order."""
    assert list(inspect.signature(genai.EvaluationExample).parameters) == list(
        inspect.signature(theirs.EvaluationExample).parameters
    )
