"""`evaltrail run dataset:ID`: a stored set of questions, evaluated from the command line and followed in MLflow."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from installed import one_error

from question_sets import QUESTIONS, keep_questions

UPLOAD, GENERATED_BY = "a" * 32, "b" * 32


@pytest.fixture
def stored(evaltrail):
    """A data set of the command's home."""
    return keep_questions(evaltrail.home / "datasets", upload_ids=(UPLOAD,), run_id=GENERATED_BY)


def test_two_baselines_land_with_slices_and_lineage(evaltrail, stored, tracking, experiment):
    """One run a model in the experiment `evaluation`, with results by type, difficulty and source, and where it all
    came from."""
    evaltrail.environ["EVALTRAIL_EXPERIMENT_PREFIX"] = experiment
    models = ("--model", "baseline:extractive", "--model", "baseline:random")
    done = evaltrail("run", f"dataset:{stored.dataset_id[:7]}", *models, "--mode", "noisy_context", "--json")
    assert done.code == 0, done.err
    told = done.object["evaluations"]
    assert [each["counts"]["orlen"]["scored"] for each in told] == [len(QUESTIONS)] * 2
    runs = tracking.runs(f"{experiment}_evaluation")
    assert len(runs) == 2
    for run in runs:
        assert run.data.params["mode"] == "noisy_context"
        assert (run.data.params["dataset.id"], run.data.params["dataset.version"]) == (stored.dataset_id, "1")
        assert run.data.tags["evaltrail.dataset"] == stored.dataset_id
        assert run.data.tags["evaltrail.generation_run_id"] == GENERATED_BY
        assert run.data.tags["evaltrail.upload"] == UPLOAD
        (used,) = run.inputs.dataset_inputs
        assert (used.dataset.name, used.dataset.digest) == ("orlen", stored.digest)
        assert {tag.key: tag.value for tag in used.tags}["mlflow.data.context"] == "evaluation"
        for place, count in (("type/numeric", 2), ("difficulty/medium", 1), ("source/garden/plan.pdf", 1)):
            assert run.data.metrics[f"orlen/token_f1/{place}_n"] == count
        assert run.data.metrics["orlen/token_f1_n"] == len(QUESTIONS)


def test_what_is_not_told_apart_is_said(evaltrail, tracking, experiment):
    """Of more sources than there are slices the receipt says how many are told."""
    questions = [replace(QUESTIONS[0], id=f"{number:016x}", source=f"{number}.txt") for number in range(60)]
    stored = keep_questions(evaltrail.home / "datasets", questions)
    words = ("--model", "baseline:random", "--experiment", experiment)
    done = evaltrail("run", f"dataset:{stored.dataset_id}", *words, "--json")
    assert done.code == 0, done.err
    (receipt,) = done.object["receipts"]
    (said,) = [each["why"] for each in receipt["skipped"] if each["what"] == "results by source"]
    assert said == "the 50 commonest of 60 are told apart: 50 of 60 questions"
    metrics = tracking.run(experiment).data.metrics
    assert sum(name.startswith("orlen/token_f1/source/") and name.endswith("_n") for name in metrics) == 50


def test_an_experiment_that_is_named_is_kept(evaltrail, stored, tracking, experiment):
    """As for every task."""
    words = ("--model", "baseline:random", "--experiment", experiment, "--json", "--limit", 2)
    done = evaltrail("run", f"dataset:{stored.dataset_id}@1", *words)
    assert done.object["receipts"][0]["experiment_name"] == experiment
    assert tracking.run(experiment).data.metrics["orlen/token_f1_n"] == 2


def test_showing_and_planning_ask_nothing(evaltrail, stored, endpoint):
    """The first prompts, their cost and the run that would land."""
    words = ("--model", "m", "--url", endpoint.url, "--show", 1, "--dry-run", "--json", "--mode", "closed_book")
    done = evaltrail("run", f"dataset:{stored.dataset_id}", *words)
    (shown,) = done.object["previews"]
    assert QUESTIONS[0].query in shown["tasks"][0]["prompts"][0]
    assert shown["tasks"][0]["requests"] == len(QUESTIONS)
    assert shown["plan"][0]["experiment"] == "evaluation"
    assert endpoint.stats()["total"] == 0


def test_one_sample_is_chosen_by_the_question_s_id(evaltrail, stored, endpoint):
    """Ids of samples are those of the data set."""
    words = ("--model", "m", "--url", endpoint.url, "--samples", QUESTIONS[2].id, "--no-deliver", "--json")
    done = evaltrail("run", f"dataset:{stored.dataset_id}", *words)
    assert done.object["counts"]["orlen"]["total"] == 1
    assert endpoint.stats()["total"] == 1
    (line,) = (evaltrail.home / "runs" / done.object["evaluation_id"] / "answers" / "0.jsonl").read_text().splitlines()
    assert json.loads(line)["attributes"]["source"] == "garden/plan.pdf"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("dataset:ID", "--mode", "orcale_context"), "unknown_mode", "did you mean 'oracle_context'?"),
        (("dataset:ID", "--param", "mode=closed"), "unknown_mode", "did you mean 'closed_book'?"),
        (("dataset:ID", "--mode", "closed_book", "--param", "mode=rag_endpoint"), "usage", "--param mode="),
        (("dataset:ID@9",), "unknown_version", "version 1"),
        (("dataset:IDX",), "unknown_id", "did you mean 'ID'?"),
        (("ragas/faithfulness", "--mode", "closed_book"), "usage", "leave out --mode"),
    ],
)
def test_a_mistake_asks_nothing(evaltrail, stored, endpoint, words, code, told):
    """Exit code 2, what is wrong, and what was meant."""
    given = [word.replace("IDX", f"{stored.dataset_id[:-1]}x").replace("ID", stored.dataset_id) for word in words]
    done = evaltrail("run", *given, "--model", "m", "--url", endpoint.url, "--json")
    (error,) = done.object["errors"]
    assert (done.code, error["code"]) == (2, code)
    assert told.replace("'ID'", repr(stored.dataset_id)) in one_error(done)
    assert endpoint.stats()["total"] == 0
