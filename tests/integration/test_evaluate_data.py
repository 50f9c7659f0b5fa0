"""`evaltrail.evaluate` in this process: functions, endpoints, outputs in hand, judges behind HTTP."""

from __future__ import annotations

import pandas as pd
import pytest

from evaltrail import EvaluationResult, evaluate
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.metrics import answer_relevance, faithfulness, make_genai_metric
from judge_server import JudgeServer, Said
from mock_endpoint import MockEndpoint

DATA = {"inputs": ["2+2?", "3+3?", "5+5?"], "ground_truth": ["4", "6", "10"]}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of the test's own, and no variable of the caller's."""
    for name in ("EVALTRAIL_JUDGE", "OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def endpoint():
    """A model behind HTTP."""
    with MockEndpoint() as started:
        yield started


def sums(inputs):
    """Right answers."""
    return [str(2 * int(text[0])) for text in inputs]


def scored(*args, **options) -> EvaluationResult:
    """An evaluation that is not delivered."""
    return evaluate(*args, **({"targets": "ground_truth", "deliver": False} | options))


def table(result):
    """Its rows."""
    return result.tables["eval_results_table"]


def test_a_result_tells_numbers_types_rows_and_samples():
    """Flat floats, typed aggregates, one row a sample with the caller's own columns, the samples themselves."""
    data = {**DATA, "lang": ["en", "en", "de"]}
    result = scored(sums, data, metrics=["exact_match", "rougeL"])
    assert result.metrics["exact_match"] == 1.0
    assert all(isinstance(value, float | int) for value in result.metrics.values())
    assert (result.aggregates["exact_match"].n, result.aggregates["exact_match"].ci_method) == (3, "wilson")
    rows = table(result)
    assert list(rows["outputs"]) == ["4", "6", "10"]
    assert list(rows.columns) == [*("inputs", "targets", "outputs", "ground_truth", "lang"), "exact_match", "rougeL"]
    assert [sample.output for sample in result.samples] == ["4", "6", "10"]
    assert (result.exit_code, result.errors, result.run_id) == (0, (), "")
    assert "exact_match" in repr(result)


@pytest.mark.parametrize(
    "data", [pd.DataFrame(DATA), [dict(zip(DATA, row, strict=True)) for row in zip(*DATA.values(), strict=True)]]
)
def test_a_table_and_a_list_of_rows_do_as_well(data):
    """The same function over the same data in other shapes: the same metrics."""
    assert scored(sums, data, metrics=["exact_match"]).metrics["exact_match"] == 1.0


def test_outputs_in_hand_need_no_model():
    """``predictions=`` names their column; one that is missing is unscored with its reason, and is not wrong."""
    data = [{"inputs": "a", "ground_truth": "x", "out": "x"}, {"inputs": "b", "ground_truth": "y", "out": None}]
    result = scored(data=data, predictions="out", metrics=["exact_match"])
    aggregate = result.aggregates["exact_match"]
    assert (aggregate.value, aggregate.n, aggregate.unscored) == (1.0, 1, {"no_output": 1})
    assert (result.exit_code, table(result)["error"].tolist()) == (1, ["", "no_output"])
    assert scored(data=data, predictions="out", metrics=["exact_match"], allow_unscored=0.5).exit_code == 0


def test_rows_that_raise_are_unscored_and_said():
    """Reason and exception stand in the table; the mean is over the others; the exit code tells."""

    def model(question):
        if question.startswith("3"):
            raise TimeoutError("slow")
        return sums([question])[0]

    result = scored(model, DATA, metrics=["exact_match"])
    assert (result.metrics["exact_match"], result.metrics["exact_match_n_unscored"]) == (1.0, 1)
    assert table(result)["detail"].tolist() == ["", "TimeoutError: slow", ""]
    assert table(result)["exact_match_reason"].tolist() == ["", "model_error", ""]
    assert result.exit_code == 1


def test_a_metric_without_any_score_has_no_number():
    """It is not among the metrics, neither as NaN nor as 0, and an error names it with the reason."""
    result = scored(sums, {"inputs": DATA["inputs"]}, targets=None, metrics=["exact_match", "token_count"])
    assert "exact_match" not in result.metrics
    assert result.metrics["token_count"] > 0
    assert [error.where for error in result.errors if error.code == "nothing_scored"] == ["exact_match"]
    assert "no_reference 3" in str(result.errors[-1])


def test_functions_may_score():
    """By what their parameters name; beside built-in metrics; words give shares."""

    def shorter(outputs, ground_truth):
        return len(outputs) <= len(ground_truth)

    def kind(outputs):
        return "long" if len(outputs) > 1 else "short"

    result = scored(sums, DATA, metrics=[shorter, kind, "exact_match"])
    assert (result.metrics["shorter"], result.metrics["kind/short"]) == (1.0, pytest.approx(2 / 3))


@pytest.mark.parametrize("spelled", ["URL", "openai", "url=", "baseline"])
def test_an_endpoint_is_asked(endpoint, monkeypatch, spelled):
    """``URL#NAME``, ``openai:/NAME`` with OPENAI_BASE_URL, a name with url=, and a baseline without any."""
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url if spelled == "openai" else "")
    named = {
        "URL": (f"{endpoint.url}#m", {}),
        "openai": ("openai:/m", {}),
        "url=": ("m", {"url": endpoint.url}),
        "baseline": ("baseline:majority", {}),
    }
    model, options = named[spelled]
    result = scored(model, DATA, metrics=["exact_match", "latency"], allow_unscored=1.0, **options)
    assert result.aggregates["exact_match"].n == 3
    assert ("latency" in result.metrics) is (spelled != "baseline")


def test_chats_are_sent_as_chats():
    """Inputs that are turns reach the endpoint as these turns."""
    chats = [[{"role": "system", "content": "Be short."}, {"role": "user", "content": "2+2?"}]]
    with JudgeServer(lambda _: Said("four")) as model:
        result = scored(f"{model.url}#m", {"inputs": chats}, targets=None, metrics=["token_count"])
        assert [body["messages"] for body in model.bodies] == chats
    assert table(result)["outputs"].tolist() == ["four"]
    assert table(result)["inputs"].tolist() == chats


def test_a_judge_without_a_model_is_refused_before_anything_is_called():
    """No judge is configured: the error says how to name one, and the function was not touched."""
    called = []

    def model(inputs):
        called.append(1)
        return ["x"] * len(inputs)

    with pytest.raises(InputError, match="needs a model that judges") as refusal:
        scored(model, DATA, extra_metrics=[answer_relevance()])
    assert (called, refusal.value.code) == ([], "missing_judge")
    assert "EVALTRAIL_JUDGE" in refusal.value.hint


def test_judges_grade_with_what_they_read():
    """The judge sees input, output and the columns that its rubric names; its rationale stands in the table."""
    data = {**DATA, "context": ["vier", "sechs", "zehn"], "tone": ["calm", "warm", "cold"]}
    rubric = {"definition": "d", "grading_prompt": "Rate from 1 to 5.", "grading_context_columns": ["tone"]}
    custom = make_genai_metric(name="fit", aggregations=["mean", "max"], **rubric)
    with JudgeServer(lambda text: {"rationale": "so", "score": 5 if "warm" in text or "sechs" in text else 3}) as judge:
        named = f"{judge.url}#j"
        result = scored(sums, data, extra_metrics=[faithfulness(), custom], judge=named, concurrency=2)
        texts = [" ".join(turn["content"] for turn in body["messages"]) for body in judge.bodies]
    assert {name: result.metrics[name] for name in ("faithfulness", "fit", "fit_max")} == {
        "faithfulness": pytest.approx(11 / 3),
        "fit": pytest.approx(11 / 3),
        "fit_max": 5.0,
    }
    assert len(texts) == 6
    assert sum("zehn" in text for text in texts) == sum("cold" in text for text in texts) == 1
    assert table(result)["fit_rationale"].tolist() == ["so"] * 3


def test_an_unreadable_judge_is_a_reason():
    """Prose instead of a grade: unscored, no NaN, exit code 1, the raw answer kept with the sample."""
    with JudgeServer(lambda _: Said("Well, it depends on many things.")) as judge:
        result = scored(sums, DATA, extra_metrics=[answer_relevance(model=f"{judge.url}#j")])
    assert not [name for name in result.metrics if name == "answer_relevance"]
    assert result.aggregates["answer_relevance"].unscored == {"judge_unreadable": 3}
    assert all("depends" in sample.scores["answer_relevance"].raw for sample in result.samples)
    assert result.exit_code == 1


def test_what_no_file_can_hold_never_ends_an_evaluation():
    """Half a letter in data, outputs, a metric's words or a judge's JSON is replaced, and the rest is scored."""
    half = "\ud800"
    data = {"inputs": ["a" + half, "b"], "tag" + half: [half, ""], "ground_truth": ["x" + half, "y"]}
    with JudgeServer(lambda _: Said(r'{"justification": "half \ud800", "score": 3}')) as server:
        judge = make_genai_metric("tone", definition="tone", grading_prompt="1 to 5", model=f"{server.url}#j")
        result = scored(
            ["x" + half, "y"].__getitem__, {**data, "place": [0, 1]}, inputs="place", metrics=["exact_match", judge]
        )
    assert (result.metrics["exact_match"], result.metrics["tone"], result.exit_code) == (1.0, 3.0, 0)


def test_outputs_and_targets_are_written_alike():
    """Bools and the whole numbers that pandas makes floats are no mistakes of the model."""
    frame = pd.DataFrame({"inputs": ["a", "b"], "outputs": ["1", "2"], "ground_truth": [1, None]})
    assert scored(data=frame, metrics=["exact_match"]).metrics["exact_match"] == 1.0
    bools = {"inputs": ["a", "b"], "outputs": [True, False], "ground_truth": [True, False]}
    assert scored(data=bools, metrics=["exact_match"]).metrics["exact_match"] == 1.0


def test_the_same_call_is_a_new_evaluation_but_asks_the_judge_again_only_if_told():
    """A finished evaluation is not gone on from; ``reuse_answers`` lets its verdicts serve."""
    with JudgeServer(lambda _: {"rationale": "r", "score": 2}) as judge:
        options = {"extra_metrics": [answer_relevance(model=f"{judge.url}#j")]}
        first = scored(sums, DATA, **options)
        second = scored(sums, DATA, **options, reuse_answers=True)
        assert len(judge.bodies) == 3
    assert first.evaluation_id != second.evaluation_id
    assert first.metrics["answer_relevance"] == second.metrics["answer_relevance"] == 2.0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"metrics": []}, "no_metric"),
        ({"metrics": ["exact_match"], "nmae": "x"}, "unknown_option"),
        ({"metrics": ["exact_match"], "name": "a b"}, "bad_value"),
        ({"metrics": ["exact_match"], "concurrency": 0}, "bad_limit"),
        ({"metrics": ["exact_match"], "concurrency": "many"}, "bad_option"),
        ({"metrics": ["exact_match"], "targets": "truth"}, "missing_column"),
        ({"metrics": ["exact_match"], "model_type": "regressor"}, "bad_option"),
        ({"metrics": ["exact_match"], "evaluator_config": {"x": 1}}, "unknown_key"),
        ({"metrics": ["exact_match"], "evaluator_config": {"col_mapping": {"y": "x"}}}, "missing_column"),
    ],
)
def test_mistakes_are_found_before_the_model_is_called(options, code):
    """Each with its code; the function was not touched."""
    called = []
    with pytest.raises(InputError) as refusal:
        scored(lambda inputs: called.append(1), DATA, **options)
    assert (refusal.value.code, called) == (code, [])


@pytest.mark.parametrize("model", [7, "nowhere", "openai:/", "endpoints:/x", "http://host/v1"])
def test_what_is_no_model_is_refused(model):
    """A number, a name without an endpoint, an address without a name."""
    with pytest.raises(InputError):
        scored(model, DATA, metrics=["exact_match"])


def test_mlflows_words_are_understood():
    """``model_type``, ``evaluator_config`` with ``col_mapping`` and ``metric_prefix``."""
    data = {"question": DATA["inputs"], "ground_truth": DATA["ground_truth"]}
    config = {"col_mapping": {"inputs": "question", "wanted": "ground_truth"}, "metric_prefix": "qa_"}

    def same(outputs, wanted):
        return outputs == wanted

    result = scored(sums, data, model_type="question-answering", extra_metrics=[same], evaluator_config=config)
    assert (result.metrics["qa/exact_match"], result.metrics["qa/same"]) == (1.0, 1.0)
    assert "qa/toxicity" in result.metrics


def test_a_call_that_was_cut_short_goes_on_where_it_was():
    """The judge's endpoint turns us away after one verdict: the same call later asks only for the others."""
    rows = {"inputs": [str(number) for number in range(6)], "ground_truth": ["x"] * 6}
    state = {"open": True}

    def rule(_text):
        if len(judge.bodies) > 1 and state["open"]:
            return Said(status=401, error="no such key")
        return {"rationale": "r", "score": 3}

    with JudgeServer(rule) as judge:
        options = {"extra_metrics": [answer_relevance(model=f"{judge.url}#j")], "concurrency": 1}
        with pytest.raises(EndpointError):
            scored(list, rows, batch=True, **options)
        asked, state["open"] = len(judge.bodies), False
        result = scored(list, rows, batch=True, **options)
        assert len(judge.bodies) - asked == 5
    assert (result.aggregates["answer_relevance"].n, result.metrics["answer_relevance"]) == (6, 3.0)
