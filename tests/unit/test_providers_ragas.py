"""Tasks of the provider `ragas`: found, checked against their data, and what they ask."""

from __future__ import annotations

import asyncio
import json

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.sample import Sample, Score
from evaltrail.providers.catalog import needs_no_url, open_task
from evaltrail.providers.data_task import check_params
from evaltrail.providers.ragas import IMPLEMENTATION, METRICS, QuestionJudge, ragas_task
from evaltrail.scoring.judging.port import Judge
from evaltrail.scoring.judging.rag import Faithfulness

ROW = {
    "user_input": "Where is Rome?",
    "retrieved_contexts": ["Rome is in Italy.", "Oslo is in Norway."],
    "response": "In Italy.",
    "reference": "Rome is in Italy.",
}


@pytest.fixture
def make(tmp_path):
    """A function that makes a task over some rows."""

    def made(name, *rows, is_asked=True, **params):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        target = ModelTarget(id="m", url="http://127.0.0.1:9/v1", is_asked=is_asked)
        request = EvaluationRequest(tasks=("t",), target=target, params={"dataset_path": str(file), **params})
        return ragas_task(name, request, datasets_dir=None, environ={})

    return made


def without(*names, **more):
    return {name: value for name, value in ROW.items() if name not in names} | more


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_is_a_task_of_its_name(make, name):
    """Its one metric bears the name too, and says whose implementation it is."""
    task = make(name, ROW)
    assert (task.name, task.provider, task.total) == (name, "ragas", 1)
    assert [metric.name for metric in task.metrics] == [name]
    assert isinstance(task.metrics[0], Judge)
    assert task.config()["implementation"] == IMPLEMENTATION


@pytest.mark.parametrize("name", METRICS)
def test_a_response_of_the_data_is_scored_as_it_is(make, name):
    """The model is not asked; the input is the bare question."""
    task = make(name, ROW)
    (item,) = task.items()
    assert task.given(item.record).text == "In Italy."
    assert task.prompt(item).text == "Where is Rome?"
    assert task.prompt(item).contexts == tuple(ROW["retrieved_contexts"])
    assert task.reference(item.record) == ("Rome is in Italy.",)
    assert task.attributes(item.record)["user_input"] == "Where is Rome?"


@pytest.mark.parametrize("row", [without("response"), {**ROW, "response": " "}])
def test_without_a_response_the_model_is_asked_with_the_passages(make, row):
    """Question and contexts are in the prompt, and the bare question is kept for the judge."""
    task = make("faithfulness", row)
    (item,) = task.items()
    prompt = task.prompt(item)
    assert task.given(item.record) is None
    assert "[1] Rome is in Italy.\n\n[2] Oslo is in Norway." in prompt.text
    assert prompt.text.endswith("Question: Where is Rome?\nAnswer:")
    assert prompt.question == "Where is Rome?"
    assert task.attributes(item.record)["user_input"] == "Where is Rome?"


def test_without_passages_the_question_is_asked_alone(make):
    """answer_relevancy needs none."""
    task = make("answer_relevancy", {"question": "Where is Rome?"})
    (item,) = task.items()
    assert task.prompt(item).text == "Where is Rome?"


@pytest.mark.parametrize("name", ["context_precision", "context_recall"])
def test_a_metric_of_the_retrieval_asks_for_no_response(make, name):
    """It does not look at one, so none is paid for."""
    task = make(name, without("response"))
    (item,) = task.items()
    answer = task.given(item.record)
    assert (answer.text, answer.error, answer.attempts) == ("", "", 0)


@pytest.mark.parametrize(
    ("name", "gone", "told"),
    [
        ("faithfulness", "retrieved_contexts", "no column retrieved_contexts or contexts"),
        ("answer_relevancy", "user_input", "no column user_input or question"),
        ("context_precision", "reference", "no column reference or ground_truth"),
        ("context_recall", "reference", "no column reference or ground_truth"),
    ],
)
def test_a_missing_column_is_told_with_what_was_found(make, name, gone, told):
    """Before anything is asked."""
    with pytest.raises(InputError) as caught:
        make(name, without(gone))
    assert caught.value.code == "missing_column"
    assert told in caught.value.message
    assert f"it has {', '.join(without(gone))}" in caught.value.message


def test_older_names_of_columns_are_known(make):
    """question, contexts, answer, ground_truth, as ragas once called them."""
    row = {"question": "q", "contexts": ["c"], "answer": "a", "ground_truth": "g"}
    task = make("context_recall", row)
    (item,) = task.items()
    assert (task.given(item.record).text, task.reference(item.record)) == ("a", ("g",))


def test_ids_of_the_data_name_the_samples(make):
    """Else line and digest do."""
    assert [item.id for item in make("faithfulness", {**ROW, "id": "first"}).items()] == ["first"]
    assert [item.id.partition("-")[0] for item in make("faithfulness", ROW).items()] == ["1"]


def test_no_responses_and_nobody_to_ask_is_an_error(make):
    """Responses of the data need no endpoint."""
    assert make("faithfulness", ROW, is_asked=False).total == 1
    assert make("context_recall", without("response"), is_asked=False).total == 1
    with pytest.raises(InputError, match="no endpoint is given") as caught:
        make("faithfulness", without("response"), is_asked=False)
    assert caught.value.code == "missing_url"


@pytest.mark.parametrize(
    ("name", "params", "code", "told"),
    [
        ("faithfullness", {}, "unknown_task", "faithfulness"),
        ("faithfulness", {"dataset_path": ""}, "missing_dataset", "dataset_path=FILE"),
        ("faithfulness", {"dataset_path": "nowhere.jsonl"}, "missing_dataset", "nowhere.jsonl"),
        ("faithfulness", {"dataset_path": "rows.txt"}, "bad_dataset", ".jsonl"),
        ("faithfulness", {"dataset_pth": "x"}, "bad_param", "dataset_path"),
        ("faithfulness", {"judges": "x"}, "bad_param", "judge"),
    ],
)
def test_what_cannot_be_meant_is_told(make, name, params, code, told):
    """With the next step."""
    with pytest.raises(InputError) as caught:
        make(name, ROW, **params)
    assert caught.value.code == code
    assert told in str(caught.value)


def test_notes_of_the_users_are_let_pass(make):
    """They are logged with the run."""
    assert make("faithfulness", ROW, team="search").total == 1


def test_an_empty_data_set_is_an_error(make):
    """There is nothing to score."""
    with pytest.raises(InputError, match="no records"):
        make("faithfulness")


def test_the_data_and_the_metric_decide_the_identity(make):
    """The same task finds its own unfinished work, another does not."""
    identity = make("faithfulness", ROW).identity
    assert make("faithfulness", ROW, team="search").identity == identity
    assert make("faithfulness", {**ROW, "response": "In Spain."}).identity != identity
    assert make("answer_relevancy", ROW).identity != identity


def test_a_provider_may_be_written_with_dashes(make, tmp_path):
    """As run configurations write them."""
    make("faithfulness", ROW)
    request = EvaluationRequest(
        tasks=("t",), target=ModelTarget(id="m", url="u"), params={"dataset_path": str(tmp_path / "rows.jsonl")}
    )
    task = open_task("ragas/faithfulness", request, datasets_dir=None, environ={})
    assert task.provider == "ragas"
    assert [needs_no_url(name) for name in ("ragas/faithfulness", "command/x", "ragas", "lm-evaluation-harness/x")] == [
        True,
        True,
        False,
        False,
    ]


class Echo(Faithfulness):
    """A judge whose rationale is the input that it is shown."""

    async def judge(self, sample, model):
        return Score(value=1.0, rationale=sample.input)


def test_the_judge_is_shown_the_bare_question():
    """Not the prompt, which holds the passages; a sample without one is unscored."""
    judge = QuestionJudge(Echo(), "faithfulness")
    shown = Sample(id="s", index=0, input="a long prompt", output="x", attributes={"user_input": "why?"})
    assert asyncio.run(judge.judge(shown, None)).rationale == "why?"
    bare = Sample(id="s", index=0, input="a long prompt", output="x", attributes={"user_input": ""})
    assert asyncio.run(judge.judge(bare, None)).reason == "no_input"


@pytest.mark.parametrize(
    ("params", "meant"), [({"dataset": "x.jsonl"}, "dataset_path"), ({"dataset_pth": "x"}, "dataset_path")]
)
def test_a_parameter_that_is_nearly_one_is_refused(params, meant):
    """Before the data set that it was to name is missed."""
    with pytest.raises(InputError, match="is not known") as caught:
        check_params("ragas/faithfulness", params, ("dataset_path", "judge"))
    assert caught.value.hint == f"did you mean {meant!r}?"


def test_other_parameters_are_notes():
    """So is the beginning of one that is given itself."""
    given = {"dataset_path": "x", "dataset": "rivers", "note": "n"}
    assert check_params("ragas/faithfulness", given, ("dataset_path", "judge")) is None
