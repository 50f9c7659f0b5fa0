"""`evaltrail run` against a real endpoint lands one complete run in a real tracking server."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime

import pyarrow.parquet
import pytest
from installed import Installed, holding
from sums import write_sums
from tracking import Tracking

from mlflow_server import shared_folder
from mock_endpoint import MockEndpoint

KEY = "quarrelsome-otter-7731"
HEADER = "velvet-anchor-4409"
QUERY = "sesame-bread-0812"
EXPERIMENT = f"acceptance: one run {os.getpid()}"
"""Of this process: others may run some of these tests on the same server."""
RESULT = {
    *("ok", "exit_code", "evaluation_id", "out", "receipts", "metrics", "counts", "errors"),
}
RECEIPT = {
    *("run_id", "run_url", "experiment_id", "experiment_name", "task"),
    *("metrics_logged", "params_logged", "artifacts_logged", "skipped"),
}
ARTIFACTS = {
    *("samples.parquet", "eval_results_table.json", "request.json", "report.md", "logs/run.log"),
    *("results.json", "results/sums.json"),
}
BESIDE = {"", "_stderr", "_ci_low", "_ci_high", "_n", "_n_unscored"}


class Landed:
    """One run with most flags, and how it looks from every side."""

    def __init__(self, folder, url):
        self.evaltrail = Installed(folder, MLFLOW_TRACKING_URI=url, SECRET_KEY_OF_MINE=KEY)
        self.began = datetime.now(UTC)
        task = write_sums(self.evaltrail.cwd)
        with MockEndpoint(require_key=KEY) as endpoint:
            address = f"{endpoint.url}?token={QUERY}"
            self.done = self.evaltrail(
                *("run", task.name, "--model", "m-1", "--url", address, "--json", "--out", "out"),
                *("--api-key-env", "SECRET_KEY_OF_MINE", "--header", f"X-Extra={HEADER}", "--seed", 7),
                *("--experiment", EXPERIMENT, "--run-name", "named", "--tag", "team=red", "--param", "note=spring"),
            )
            self.stats = endpoint.stats()
        self.ended = datetime.now(UTC)
        self.result = self.done.object
        self.tracking = Tracking(url)
        self.run = self.tracking.run(EXPERIMENT)
        self.files = self.tracking.download(self.run.info.run_id, folder / "downloaded")


@pytest.fixture(scope="module")
def landed(tmp_path_factory, mlflow_url):
    return Landed(tmp_path_factory.mktemp("landed"), mlflow_url)


def test_the_command_ends_well(landed):
    """All done and delivered is exit code 0, each item was asked once, with the key and the header."""
    assert landed.done.code == 0, landed.done.err
    assert (landed.stats["total"], landed.stats["unique_ok"]) == (50, 50)
    headers = landed.stats["last_request"]["headers"]
    assert (headers["authorization"], headers["x-extra"]) == (f"Bearer {KEY}", HEADER)


def test_the_json_object_has_the_promised_shape(landed):
    """Programs get every field of the contract, with the counts beside the score; no field is missing or null."""
    result = landed.result
    assert result.keys() >= RESULT
    assert (result["ok"], result["exit_code"], result["errors"]) == (True, 0, [])
    assert len(result["receipts"]) == 1
    assert result["receipts"][0].keys() >= RECEIPT
    metric = result["metrics"]["sums/exact_match"]
    assert metric.keys() >= {"value", "n", "n_unscored", "stderr", "ci_low", "ci_high"}
    assert (metric["value"], metric["n"], metric["n_unscored"]) == (0.9, 50, 0)
    assert metric["ci_low"] < 0.9 < metric["ci_high"]
    assert result["counts"] == {"sums": {"total": 50, "scored": 50, "unscored": {}, "failed": 0}}


def test_the_run_is_finished_with_its_true_times(landed):
    """The run is terminal, named as asked, and its times are those of the evaluation."""
    info = landed.run.info
    assert (info.status, info.run_name) == ("FINISHED", "named")
    assert landed.began.timestamp() * 1000 <= info.start_time + 1
    assert info.start_time <= info.end_time <= landed.ended.timestamp() * 1000


def test_the_receipt_says_what_landed(landed):
    """Run, experiment and figures of the receipt are those of MLflow."""
    receipt, run = landed.result["receipts"][0], landed.run
    assert (receipt["run_id"], receipt["experiment_id"]) == (run.info.run_id, run.info.experiment_id)
    assert receipt["experiment_name"] == EXPERIMENT
    assert receipt["metrics_logged"] == len(run.data.metrics)
    assert receipt["params_logged"] == len(run.data.params)
    assert receipt["artifacts_logged"] == len(landed.tracking.files(run.info.run_id))
    assert receipt["run_url"].endswith(f"/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}")


def test_the_metrics_are_there_by_name(landed):
    """`<task>/<metric>` with error, interval and counts beside it, equal to what the command printed."""
    logged = landed.run.data.metrics
    assert {f"sums/exact_match{ending}" for ending in BESIDE} <= logged.keys()
    printed = landed.result["metrics"]["sums/exact_match"]
    assert logged["sums/exact_match"] == printed["value"]
    assert logged["sums/exact_match_n"] == 50
    for name in ("stderr", "ci_low", "ci_high"):
        assert logged[f"sums/exact_match_{name}"] == pytest.approx(printed[name])


def test_the_params_say_what_was_asked(landed):
    """Model, generation settings, data set and the user's own params are params."""
    params = landed.run.data.params
    wanted = {"model": "m-1", "dataset.name": "sums", "note": "spring", "seed": "7", "generation.max_tokens": "16"}
    assert {name: params.get(name) for name in wanted} == wanted
    assert params["dataset.digest"]


def test_the_tags_identify_the_delivery(landed):
    """The key, the version, the source, model, task and provider stand beside the user's tags."""
    tags = landed.run.data.tags
    wanted = {"team": "red", "evaltrail.model": "m-1", "evaltrail.task": "sums", "evaltrail.provider": "native"}
    assert {name: tags.get(name) for name in wanted} == wanted
    assert tags["evaltrail.key"]
    assert tags["evaltrail.version"]
    assert tags["evaltrail.source"]
    assert tags["mlflow.note.content"]


def test_the_artifacts_are_all_there(landed):
    """Samples, table, request, report and log land; journals do not."""
    assert landed.tracking.files(landed.run.info.run_id) == ARTIFACTS


def test_every_sample_is_in_the_parquet_file(landed):
    """One row a sample with what was asked, what came back and how it scored."""
    rows = pyarrow.parquet.read_table(landed.files / "samples.parquet").to_pylist()
    assert [row["id"] for row in rows] == [f"q{number}" for number in range(50)]
    assert (rows[0]["input"], rows[0]["output"]) == ("Item 0: What is 0 + 3?", "3")
    assert "Item 7: What is 7 + 3?" in rows[7]["input"]
    assert rows[7]["output"] == "11"


def test_mlflow_itself_loads_the_table(landed):
    """`mlflow.load_table` gives the samples that its pages show."""
    table = landed.tracking.table(landed.run)
    assert len(table) == 50
    assert {"id", "input", "reference", "output", "exact_match"} <= set(table.columns)
    assert float(table["exact_match"].astype(float).mean()) == 0.9


def test_request_report_and_log_can_be_read(landed):
    """The request is JSON, the report holds the table and how to repeat it, the log is not empty."""
    request = json.loads((landed.files / "request.json").read_text())
    assert request["target"]["id"] == "m-1"
    report = (landed.files / "report.md").read_text()
    assert "| sums | exact_match | 0.9 |" in report
    assert "evaltrail run sums.yaml --model m-1" in report
    assert (landed.files / "logs" / "run.log").read_text().strip()


def test_the_data_set_is_a_dataset_input(landed):
    """MLflow's lineage names the data set with the digest that is a param too."""
    inputs = [entry.dataset for entry in landed.run.inputs.dataset_inputs]
    assert [entry.name for entry in inputs] == ["sums"]
    assert inputs[0].digest.startswith(landed.run.data.params["dataset.digest"][:8])


def test_out_shows_the_bundle(landed):
    """The folder given by --out holds the manifest, samples and report, and is the one that is named."""
    out = landed.evaltrail.cwd / "out"
    assert {"bundle.json", "samples.parquet", "report.md", "request.json"} <= {file.name for file in out.iterdir()}
    assert (landed.evaltrail.cwd / landed.result["out"]).resolve() == out.resolve()


@pytest.mark.parametrize("secret", [KEY, HEADER, QUERY])
def test_secrets_are_written_nowhere(landed, secret):
    """A key, a header's value and the URL's query are in no output, file, param, tag or artifact."""
    assert secret not in landed.done.out + landed.done.err
    for folder in (landed.evaltrail.home, landed.evaltrail.cwd, landed.files, shared_folder()):
        assert holding(folder, secret) == []
    assert secret not in json.dumps([landed.run.data.params, landed.run.data.tags])


def test_a_secret_that_the_endpoint_repeats_is_hidden(evaltrail, endpoint):
    """An error body that quotes the key does not carry it into output or files."""
    endpoint.configure(force_status=401, error_message=f"bad key {KEY} or {HEADER}")
    words = ("--api-key-env", "MINE", "--header", f"X-Extra={HEADER}", "--no-deliver", "--json")
    task = write_sums(evaltrail.cwd)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, *words, environ={"MINE": KEY})
    assert done.code == 1
    for secret in (KEY, HEADER):
        assert secret not in done.out + done.err
        assert holding(evaltrail.home, secret) == []


def test_several_models_make_one_evaluation_each(evaltrail, endpoint, tracking, experiment):
    """Two --model flags give two objects and two runs."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--json", "--out", "both")
    done = evaltrail("run", task, "--model", "m-a", "--model", "m-b", *words)
    assert done.code == 0, done.err
    results = done.object["evaluations"]
    assert len({result["evaluation_id"] for result in results}) == 2
    assert [result["metrics"]["sums/exact_match"]["value"] for result in results] == [0.9, 0.9]
    assert sorted(run.data.params["model"] for run in tracking.runs(experiment)) == ["m-a", "m-b"]


def test_people_read_several_models_beside_each_other(evaltrail, endpoint, tracking, experiment):
    """Without --json: one row a metric with a column a model, and where each run is looked at."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment)
    done = evaltrail("run", task, "--model", "m-a", "--model", "m-b", *words)
    assert done.code == 0, done.err
    head, _, row = done.out.splitlines()[:3]
    assert head.split()[:3] == ["metric", "m-a", "m-b"]
    assert (row.split()[0], row.count("0.900")) == ("sums/exact_match", 2)
    assert all(run.info.run_id in done.out for run in tracking.runs(experiment))


def test_several_tasks_land_in_one_run(evaltrail, endpoint, tracking, experiment):
    """However many tasks: one run, whose metrics tell the tasks apart."""
    tasks = [write_sums(evaltrail.cwd, 10, name=name, first=first) for name, first in (("low", 0), ("high", 100))]
    words = ("--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json")
    done = evaltrail("run", *tasks, *words)
    assert done.code == 0, done.err
    logged = tracking.run(experiment).data.metrics
    assert (logged["low/exact_match"], logged["high/exact_match"]) == (0.9, 0.9)
    assert done.object["counts"].keys() == {"low", "high"}


@pytest.mark.parametrize("way", ["flag", pytest.param("variable", marks=pytest.mark.slow)])
def test_the_nested_layout_adds_a_child_a_task(evaltrail, endpoint, tracking, experiment, way):
    """The parent holds everything, each child the metrics of its own task."""
    tasks = [write_sums(evaltrail.cwd, 10, name=name) for name in ("one", "two")]
    words = ["--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json"]
    words += ["--layout", "nested"] if way == "flag" else []
    done = evaltrail("run", *tasks, *words, environ={"EVALTRAIL_LAYOUT": "nested"} if way == "variable" else {})
    assert done.code == 0, done.err
    receipts = done.object["receipts"]
    assert [receipt["task"] for receipt in receipts] == ["", "one", "two"]
    runs = {run.info.run_id: run for run in tracking.runs(experiment)}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert len(runs) == 3
    for receipt in receipts[1:]:
        child = runs[receipt["run_id"]]
        assert child.data.tags["mlflow.parentRunId"] == receipts[0]["run_id"]
        assert {name.partition("/")[0] for name in child.data.metrics} == {receipt["task"]}


def test_no_deliver_writes_the_bundle_only(evaltrail, endpoint, tracking, experiment):
    """Nothing reaches MLflow or waits for it; the bundle is in place."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--model", "m", "--url", endpoint.url, "--experiment", experiment, "--no-deliver", "--out", "o", "--json")
    done = evaltrail("run", task, *words)
    assert (done.code, done.object["receipts"]) == (0, [])
    assert tracking.client.get_experiment_by_name(experiment) is None
    assert (evaltrail.cwd / "o" / "samples.parquet").is_file()
    assert evaltrail("sync").out == "nothing waits\n"


def test_the_same_command_after_a_finished_one_is_a_new_evaluation(evaltrail, endpoint, tracking, experiment):
    """It asks the model again, lands a second run, and replaces what --out shows."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--experiment", experiment, "--out", "o", "--json")
    first, second = evaltrail(*words), evaltrail(*words)
    assert (first.code, second.code) == (0, 0), second.err
    assert first.object["evaluation_id"] != second.object["evaluation_id"]
    assert endpoint.stats()["total"] == 20
    assert len(tracking.runs(experiment)) == 2
    shown = json.loads((evaltrail.cwd / "o" / "bundle.json").read_text())
    assert shown["id"] == second.object["evaluation_id"]


def test_reuse_answers_asks_nothing_again(evaltrail, endpoint):
    """Stored answers serve a new evaluation only when that is asked for."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json")
    first = evaltrail(*words)
    again = evaltrail(*words, "--reuse-answers")
    assert endpoint.stats()["total"] == 10
    assert again.object["metrics"] == first.object["metrics"]
    assert again.object["evaluation_id"] != first.object["evaluation_id"]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("--limit", "0.2"), 10),
        (("--samples", "q3", "--repeats", "3"), 3),
    ],
)
def test_a_choice_of_samples_is_asked_and_said(evaltrail, endpoint, tracking, experiment, words, asked):
    """A count, a share or ids choose the samples; the choice is a param of the run."""
    task = write_sums(evaltrail.cwd)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json", *words)
    assert done.code == 0, done.err
    assert endpoint.stats()["total"] == asked
    assert done.object["counts"]["sums"]["total"] == asked
    params = tracking.run(experiment).data.params
    assert params[words[0].removeprefix("--")] == words[1]


def test_repeats_give_pass_at_k_under_a_name_that_mlflow_takes(evaltrail, endpoint, tracking, experiment):
    """`pass@k` becomes `pass_at_k`, and the map of the names is an artifact."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--repeats", 3, "--json")
    done = evaltrail("run", task, "--model", "m", *words)
    assert done.code == 0, done.err
    assert done.object["counts"]["sums"]["total"] == 30
    printed = {name for name in done.object["metrics"] if "@" in name}
    assert any("pass@1" in name for name in printed)
    assert any("pass@3" in name for name in printed)
    run = tracking.run(experiment)
    stored = {name.replace("@", "_at_") for name in printed}
    assert stored <= run.data.metrics.keys()
    assert len(tracking.files(run.info.run_id) - ARTIFACTS) == 1


@pytest.mark.parametrize(
    "way",
    ["name", pytest.param("id", marks=pytest.mark.slow), pytest.param("flag before variable", marks=pytest.mark.slow)],
)
def test_mlflows_own_variables_choose_the_experiment(evaltrail, endpoint, tracking, experiment, way):
    """MLFLOW_EXPERIMENT_NAME and _ID are honoured; a flag stands above them."""
    task = write_sums(evaltrail.cwd, 10)
    environ, words = {"MLFLOW_EXPERIMENT_NAME": experiment}, []
    if way == "id":
        environ = {"MLFLOW_EXPERIMENT_ID": tracking.client.create_experiment(experiment)}
    if way == "flag before variable":
        environ, words = {"MLFLOW_EXPERIMENT_NAME": "somewhere else"}, ["--experiment", experiment]
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--json", *words, environ=environ)
    assert done.code == 0, done.err
    assert tracking.run(experiment).info.run_id == done.object["receipts"][0]["run_id"]


def test_mlflow_run_id_lands_in_the_run_that_is_there(evaltrail, endpoint, tracking, experiment):
    """MLFLOW_RUN_ID names the run; its own name and tags stay, ours are added, and none is created."""
    task = write_sums(evaltrail.cwd, 10)
    place = tracking.client.create_experiment(experiment)
    run_id = tracking.client.create_run(place, tags={"kept": "yes"}, run_name="mine").info.run_id
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--json", environ={"MLFLOW_RUN_ID": run_id})
    assert done.code == 0, done.err
    run = tracking.run(experiment)
    assert (run.info.run_id, run.info.run_name, run.data.tags["kept"]) == (run_id, "mine", "yes")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert run.data.tags["evaltrail.key"]


def test_the_default_experiment_is_evaltrail(evaltrail, endpoint):
    """Where nothing is said the experiment is called evaltrail."""
    task = write_sums(evaltrail.cwd, 10)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--json")
    assert done.object["receipts"][0]["experiment_name"] == "evaltrail"


@pytest.mark.slow
def test_without_a_tracking_uri_mlflows_default_store_is_used(tmp_path, endpoint):
    """Sqlite in the working folder, where MLflow's own client finds the run and its artifacts."""
    evaltrail = Installed(tmp_path)
    task = write_sums(evaltrail.cwd, 10)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--json", timeout=120)
    assert done.code == 0, done.err
    store = Tracking(f"sqlite:///{evaltrail.cwd / 'mlflow.db'}")
    run = store.run("evaltrail")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert store.files(run.info.run_id) == ARTIFACTS


@pytest.mark.parametrize("words", [("--show", "2"), ("--dry-run",)])
def test_a_preview_asks_and_lands_nothing(evaltrail, endpoint, tracking, experiment, words):
    """--show prints prompts and cost, --dry-run the run that would land; the model is not asked."""
    task = write_sums(evaltrail.cwd, 10)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--experiment", experiment, *words)
    assert done.code == 0, done.err
    assert ("Item 1: What is 1 + 3?" if words[0] == "--show" else "evaltrail.key") in done.out
    assert "10 requests" in done.out
    assert endpoint.stats()["total"] == 0
    assert tracking.client.get_experiment_by_name(experiment) is None
    assert evaltrail.runs() == []


@pytest.mark.slow
def test_the_tracking_uri_flag_stands_above_the_variable(evaltrail, endpoint, tracking, experiment):
    """--tracking-uri wins over MLFLOW_TRACKING_URI."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--tracking-uri", tracking.uri)
    done = evaltrail("run", task, "--model", "m", *words, environ={"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"})
    assert done.code == 0, done.err
    assert len(tracking.runs(experiment)) == 1
