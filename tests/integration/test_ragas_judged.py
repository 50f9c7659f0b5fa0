"""Tasks of the provider `ragas`, judged over the wire: scored, asked where responses are missing, never guessed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order
from judge_server import JudgeServer
from rag_mind import think, vector

RIVERS = Path(__file__).parents[2] / "examples" / "ragas" / "rivers.jsonl"
FAST = RequestLimits(concurrency=4, timeout_s=10, max_retries=0)


@pytest.fixture
def judge():
    """A judge that compares words, and makes embeddings."""
    with JudgeServer(think, vectors=vector) as server:
        yield server


@pytest.fixture
def run(tmp_path, judge):
    """A function that evaluates a task of ragas; nothing is delivered."""

    def ran(*tasks, data=RIVERS, target=None, settings=None, **params):
        request = EvaluationRequest(
            tasks=tasks,
            target=target or ModelTarget(id="stored", is_asked=False),
            limits=FAST,
            params={"dataset_path": str(data), "judge": f"{judge.url}#judge-1", **params},
        )
        home = settings or Settings(home=tmp_path / "home", environ={})
        return evaluate(Order(request=request, delivery=None, allow_unscored=0.5), home)

    return ran


def scores_of(result, task):
    """Sample to its score's value, or the reason that it has none."""
    told = {sample.id: sample.scores[task] for sample in result.samples[task]}
    return {name: score.reason or score.value for name, score in told.items()}


def test_the_four_metrics_of_one_data_set(run):
    """One task each, in one run; empty contexts leave their sample unscored, with the reason."""
    names = ("faithfulness", "answer_relevancy", "context_precision", "context_recall")
    result = run(*(f"ragas/{name}" for name in names))
    assert result.state == "completed"
    assert scores_of(result, "faithfulness") == {
        "r1": 1.0,
        "r2": 1.0,
        "r3": 1.0,
        "r4": 0.0,
        "r5": 0.0,
        "r6": "no_contexts",
    }
    assert scores_of(result, "context_precision")["r2"] == 0.5  # the useful passage stands second
    assert scores_of(result, "context_recall")["r6"] == "no_contexts"
    assert all(0.5 < value <= 1 for value in scores_of(result, "answer_relevancy").values())
    assert {task.provider for task in result.bundle.tasks} == {"ragas"}
    assert {task.config["implementation"] for task in result.bundle.tasks} == {
        "evaltrail's own, by the definitions of ragas"
    }


def test_empty_fields_are_reasons_never_numbers(run, tmp_path):
    """What a metric needs and a row lacks is told by name."""
    whole = {"question": "q?", "contexts": ["c"], "answer": "a.", "ground_truth": "g."}
    rows = [whole, whole | {"ground_truth": ""}, whole | {"contexts": []}, whole | {"question": " "}]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("ragas/context_recall", data=data)
    assert list(scores_of(result, "context_recall").values())[1:] == ["no_reference", "no_contexts", "no_input"]
    (task,) = result.bundle.tasks
    assert (task.counts.scored, task.counts.unscored) == (1, {"no_reference": 1, "no_contexts": 1, "no_input": 1})


def test_without_responses_the_model_is_asked_and_the_judge_sees_the_bare_question(run, judge, tmp_path):
    """The prompt holds the passages; the judge's question does not."""
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps({"user_input": "Where is Rome?", "retrieved_contexts": ["Rome is in Italy."]}) + "\n")
    with JudgeServer(lambda _: "Rome is in Italy.") as model:
        result = run("ragas/faithfulness", data=data, target=ModelTarget(id="m", url=model.url))
    assert "[1] Rome is in Italy." in model.bodies[0]["messages"][0]["content"]
    assert scores_of(result, "faithfulness") == {next(iter(result.samples["faithfulness"])).id: 1.0}
    assert "Where is Rome?" in judge.bodies[0]["messages"][1]["content"]
    assert "Answer the question" not in json.dumps(judge.bodies)


def test_the_model_under_test_judges_where_nobody_else_is_named(run, judge, tmp_path):
    """And the result says so; with no model either, it is an error before the first question."""
    result = run("ragas/faithfulness", judge="", target=ModelTarget(id="judge-7", url=judge.url))
    assert result.state == "completed"
    assert result.bundle.tasks[0].config["judge.faithfulness.model"] == "judge-7"
    asked = len(judge.bodies)
    with pytest.raises(InputError, match="EVALTRAIL_JUDGE"):
        run("ragas/faithfulness", judge="")
    assert len(judge.bodies) == asked


@pytest.mark.parametrize("named", ["http://h/v1?api-key=hunter2-of-mine#j", "http://me:hunter2-of-mine@h/v1#j"])
def test_a_judge_whose_address_holds_a_secret_is_refused(run, tmp_path, named):
    """Parameters are logged; the error does not repeat it."""
    with pytest.raises(InputError) as caught:
        run("ragas/faithfulness", judge=named)
    assert "hunter2" not in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_the_judge_of_the_settings_comes_before_the_model_under_test(run, judge, tmp_path):
    """EVALTRAIL_JUDGE, where the request names none."""
    settings = Settings(home=tmp_path / "home", environ={}, judge=f"{judge.url}#the-usual")
    target = ModelTarget(id="m", url="http://127.0.0.1:9/v1")
    result = run("ragas/faithfulness", judge="", settings=settings, target=target)
    assert result.bundle.tasks[0].config["judge.faithfulness.model"] == "the-usual"


def test_a_judge_without_embeddings_leaves_relevancy_unscored(run, judge):
    """It needs them; no other number stands for it."""
    judge.vectors = None
    result = run("ragas/answer_relevancy")
    assert set(scores_of(result, "answer_relevancy").values()) == {"no_embeddings"}
    assert result.state == "failed"


def test_an_unreadable_judge_is_unscored_and_counted(run, judge):
    """Its words are kept."""
    judge.rule = lambda _: "I would rather not say."
    result = run("ragas/faithfulness")
    assert set(scores_of(result, "faithfulness").values()) == {"judge_unreadable", "no_contexts"}
    raw = [sample.scores["faithfulness"].raw for sample in result.samples["faithfulness"]]
    assert sum("rather not" in text for text in raw) == 5


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_every_kind_of_file_says_the_same(run, tmp_path, ending):
    """Lists in CSV cells are JSON, or what Python prints."""
    pandas = pytest.importorskip("pandas")
    rows = [json.loads(line) for line in RIVERS.read_text().splitlines()]
    table = pandas.DataFrame(rows)
    data = tmp_path / f"rivers.{ending}"
    write = {
        "csv": lambda: table.to_csv(data, index=False),
        "json": lambda: table.to_json(data, orient="records"),
        "parquet": lambda: table.to_parquet(data),
    }
    write[ending]()
    assert scores_of(run("ragas/faithfulness", data=data), "faithfulness") == scores_of(
        run("ragas/faithfulness"), "faithfulness"
    )


def test_a_limit_holds(run, judge, tmp_path):
    """The first rows alone are judged."""
    home = Settings(home=tmp_path / "home", environ={})
    request = EvaluationRequest(
        tasks=("ragas/context_precision",),
        target=ModelTarget(id="stored", is_asked=False),
        limits=FAST,
        limit=1,
        params={"dataset_path": str(RIVERS), "judge": f"{judge.url}#j"},
    )
    result = evaluate(Order(request=request, delivery=None), home)
    assert result.metrics["context_precision/context_precision"].n == 1
    assert len(judge.bodies) == 2
