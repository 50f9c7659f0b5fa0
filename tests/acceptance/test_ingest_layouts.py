"""How results land: layouts, filters, tags, what is there already, plans, and the receipts from Python."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from sums import write_sums

import evaltrail as face
from evaltrail.core.errors import InputError, PartialError
from mlflow_proxy import unreliable
from mlflow_server import ask, content_of, runs_in
from service_results import BEIR, BIGCODE, CUSTOM, FILES, SCORES, Gatherer, lm_harness, write

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "results"
TREE = {
    "download/automatic/bigcode_latest/results/bigcode-aggregate_scores.json": BIGCODE,
    "download/automatic/custom_eval/results/aggregate_scores.json": CUSTOM,
}
TASKS = {"humaneval", "mbpp", "llm"}


@pytest.fixture
def gather(tmp_path, mlflow_url, experiment):
    return Gatherer(tmp_path / "home", mlflow_url, experiment)


def named(gather):
    """The runs of the experiment by their names."""
    return {run["info"]["run_name"]: run for run in runs_in(gather.url, gather.experiment)}


def tags_of(run):
    return {tag["key"]: tag["value"] for tag in run["data"]["tags"]}


def values_of(runs):
    return Counter((metric["key"], metric["value"]) for run in runs for metric in run["data"].get("metrics", []))


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("per_bundle", {"download"}),
        ("per_file", {"bigcode_latest_bigcode-aggregate_scores.json", "custom_eval_aggregate_scores.json"}),
        ("per_task", {f"download-{task}" for task in TASKS}),
        ("nested", {"download", *(f"download-{task}" for task in TASKS)}),
    ],
)
def test_each_layout_holds_every_value_once(gather, tmp_path, layout, names):
    """One run a download, a file, a task, or a download with its tasks below: the same values under the same names."""
    done = gather(write(tmp_path, TREE), layout=layout)
    runs = named(gather)
    assert done.errors == ()
    assert set(runs) == names
    parents = {tags_of(run).get("mlflow.parentRunId", "") for run in runs.values()}
    top = [run for run in runs.values() if "mlflow.parentRunId" not in tags_of(run)]
    assert parents == ({""} if layout != "nested" else {"", runs["download"]["info"]["run_id"]})
    held = values_of(top)
    assert sum(held.values()) == 8
    assert set(held.values()) == {1}
    assert held["humaneval/pass_at_1", 0.34] == held["mbpp/pass_at_1", 0.25] == held["llm/f1/min", 0.1] == 1
    if layout == "nested":
        assert values_of(run for run in runs.values() if run not in top) == held


@pytest.mark.parametrize("layout", ["per_task", "nested"])
def test_a_tasks_run_bears_its_own_settings_and_files_alone(gather, tmp_path, layout):
    """Not those of other results; a file of several tasks is everybody's, and with nested all files are the whole's."""
    gather(write(tmp_path, TREE), layout=layout)
    runs = named(gather)
    coder, judge = runs["download-humaneval"], runs["download-llm"]
    params = {param["key"]: param["value"] for param in coder["data"]["params"]}
    assert params["humaneval.temperature"] == "0.2"
    assert not any("coder" in param["value"] for param in judge["data"].get("params", []))
    assert (tags_of(judge).get("source_file"), tags_of(judge).get("evaluation")) == (None, None)
    files = {Path(path).name for path in content_of(gather.url, coder)["artifacts"]} - {"name_map.json"}
    assert files == ({"bigcode-aggregate_scores.json"} if layout == "per_task" else set())


def test_filters_take_files_and_metrics_and_say_what_they_left(gather, tmp_path):
    """`--include` and `--exclude` are globs of files and folders, `--log-metrics` parts of names, whatever the case."""
    folder = write(tmp_path / "download", FILES)
    done = gather(
        folder,
        layout="per_file",
        include=("*.json",),
        exclude=("lm_eval_harness", "*/bigcode_latest/*", "content*"),
        log_metrics=("NDCG@10", "ndcg_at", "mean", "ACC"),
        tags={"team": "blue"},
    )
    runs = named(gather)
    assert done.errors == ()
    assert {name.partition("_")[0] for name in runs} == {"beir", "bigbench", "custom", "multilingual"}
    (without,) = done.passed
    assert without.what == "automatic/similarity_metrics/results/results.json"
    assert "no metric is named like NDCG@10" in without.why
    assert set(values_of([runs["beir_beir.json"]])) == {("beir/NDCG_at_10", 0.5)}
    beir = next(receipt for receipt in done.receipts if receipt.run_id == runs["beir_beir.json"]["info"]["run_id"])
    assert [item.what for item in beir.skipped] == ["2 metrics"]
    assert all(tags_of(run)["team"] == "blue" for run in runs.values())


def test_a_filter_that_fits_nothing_sends_nothing(gather, tmp_path):
    """Exit 2: for metrics it lists what there is, for files it says how many are named otherwise."""
    folder = write(tmp_path / "download", {"beir.json": BEIR})
    done = gather(folder, log_metrics=("accuracy",))
    assert (done.exit_code, done.receipts) == (2, ())
    assert "beir/NDCG@10" in done.errors[0].hint
    with pytest.raises(InputError, match=r"none of the 1 results is named like \*\.csv"):
        gather(folder, include=("*.csv",))
    refused = gather(folder, tags={"evaltrail.key": "mine"})
    assert (refused.exit_code, [error.code for error in refused.errors]) == (2, ["bad_tag"])
    assert runs_in(gather.url, gather.experiment) == []


def test_a_source_with_a_complete_run_is_left_alone_when_asked(gather, tmp_path):
    """With skip_existing however it was delivered; without it another delivery says which run it supersedes."""
    folder = write(tmp_path / "results", {"beir.json": BEIR})
    (first,) = gather(folder, layout="per_file").receipts
    (left,) = gather(folder, layout="per_file", log_metrics=("NDCG",), skip_existing=True).receipts
    assert (left.run_id, left.is_existing) == (first.run_id, True)
    (left,) = gather(folder, layout="per_task", tags={"a": "b"}, skip_existing=True).receipts
    assert (left.run_id, left.is_existing) == (first.run_id, True)
    assert len(runs_in(gather.url, gather.experiment)) == 1
    (other,) = gather(folder, layout="per_file", log_metrics=("NDCG",)).receipts
    assert not other.is_existing
    runs = {run["info"]["run_id"]: run for run in runs_in(gather.url, gather.experiment)}
    assert len(runs) == 2
    assert tags_of(runs[other.run_id])["evaltrail.supersedes"] == first.run_id


def test_an_incomplete_run_is_repaired_not_skipped(gather, tmp_path):
    """A run of the same identity that is still RUNNING is a crash's: it gets what is missing, and its end."""
    folder = write(tmp_path / "results", {"beir.json": BEIR})
    (plan,) = gather(folder, layout="per_file", dry_run=True).outcomes[0].runs
    place = ask(gather.url, "experiments/create", name=gather.experiment, tags=[])["experiment_id"]
    tags = [{"key": name, "value": value} for name, value in plan.tags.items()]
    left = ask(gather.url, "runs/create", experiment_id=place, tags=tags, start_time=plan.started_ms)
    (receipt,) = gather(folder, layout="per_file", skip_existing=True).receipts
    assert (receipt.run_id, receipt.is_existing) == (left["run"]["info"]["run_id"], False)
    (run,) = runs_in(gather.url, gather.experiment)
    content = content_of(gather.url, run)
    assert content["status"] == "FINISHED"
    assert len(content["metrics"]) == 3
    assert json.loads(content["artifacts"]["beir.json"]) == BEIR


def test_what_leaves_its_evaluation_open_is_unknown_until_somebody_says(gather, tmp_path):
    """BigBench and Multilingual look alike: in a neutral folder the receipt asks which; `--evaluation` answers."""
    folder = write(tmp_path / "neutral", {"aggregate_scores.json": SCORES})
    (open_,) = gather(folder, layout="per_file").receipts
    assert "bigbench or multilingual; say which with --evaluation" in open_.skipped[0].why
    assert gather(folder, layout="per_file", evaluation="multilingual").errors == ()
    assert set(named(gather)) == {"unknown_aggregate_scores.json", "multilingual_aggregate_scores.json"}
    with pytest.raises(InputError, match=r"unknown evaluation 'bigbnech' \(did you mean 'bigbench'\?\)"):
        gather(folder, evaluation="bigbnech")


def test_a_dry_run_says_who_reads_what_and_why_and_sends_nothing(evaltrail, tmp_path, experiment, mlflow_url):
    """Reader, evidence, plan and key; many names are cut short; no request goes out, nothing waits."""
    write(tmp_path / "results", {"beir/beir.json": {f"NDCG@{k}": k / 100 for k in range(1, 31)}, "a.txt": "x"})
    with unreliable(mlflow_url, lambda *_: "forward") as proxy:
        words = ("ingest", tmp_path / "results", "--dry-run", "--layout", "per_file", "--experiment", experiment)
        done = evaltrail.here(*words, environ={"MLFLOW_TRACKING_URI": proxy.url})
    assert (done.code, done.err, proxy.seen) == (0, "", [])
    assert "beir/beir.json: nemo_service, 90% sure: beir: metrics and their numbers" in done.out
    assert f"run 'beir_beir.json' in experiment '{experiment}', FINISHED, key " in done.out
    assert "30 metrics, 0 params" in done.out
    assert "NDCG@4 -> beir/NDCG_at_4, and 26 more" in done.out
    assert "1 run would land; nothing was sent" in done.out
    assert f"{tmp_path / 'results' / 'a.txt'}: no reader knows it" in done.out
    assert evaltrail.here("sync").out == "nothing waits\n"


def test_json_is_one_object_with_receipts_results_and_what_was_passed(evaltrail, tmp_path, experiment, tracking):
    """The receipts as every road has them, and beside them who read what, and why."""
    folder = write(tmp_path / "results", {"beir/beir.json": BEIR, "a.txt": "x", "lm-harness-x.json": "{"})
    done = evaltrail("ingest", folder, "--json", "--experiment", experiment, "--tag", "team=blue")
    told = done.object
    assert (done.code, told["ok"], told["exit_code"]) == (1, False, 1)
    run = tracking.run(experiment)
    (receipt,) = told["receipts"]
    assert receipt["run_id"] == run.info.run_id
    assert (receipt["metrics_logged"], receipt["artifacts_logged"], receipt["experiment_name"]) == (3, 2, experiment)
    assert run.data.tags["team"] == "blue"
    landed, broken = sorted(told["results"], key=lambda result: result["status"], reverse=True)
    assert (landed["run_ids"], landed["status"]) == ([run.info.run_id], "completed")
    assert landed["sources"][0]["reader"] == "nemo_service"
    assert broken["errors"] == told["errors"]
    assert [error["where"] for error in told["errors"]] == [str(folder / "lm-harness-x.json")]
    assert [Path(item["what"]).name for item in told["passed"]] == ["a.txt"]


def test_from_python_there_are_receipts_or_an_error_that_holds_them(tmp_path, mlflow_url, experiment, monkeypatch):
    """`evaltrail.ingest` returns a receipt a run; PartialError has the receipts of what landed."""
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    folder = write(tmp_path / "results", {"beir/beir.json": BEIR, "lm-harness.json": lm_harness()})
    options = {"experiment": experiment, "tracking_uri": mlflow_url, "layout": "per_file"}
    receipts = face.ingest("results", **options, tags={"team": "red"}, run_name="mine", description="why")
    assert [receipt.metrics_logged for receipt in receipts] == [3, 2]
    assert {run["info"]["run_name"] for run in runs_in(mlflow_url, experiment)} == {"mine"}
    (folder / "broken").mkdir()
    (folder / "broken" / "lm-harness.json").write_text("{")
    with pytest.raises(PartialError) as partial:
        face.ingest([folder], **options)
    assert [receipt.run_id for receipt in partial.value.receipts] == [receipt.run_id for receipt in receipts]
    assert (partial.value.exit_code, partial.value.where) == (1, str(folder / "broken" / "lm-harness.json"))
    with pytest.raises(InputError, match="no such file"):
        face.ingest("nowhere", **options)
    with pytest.raises(InputError, match="no option 'layuot'"):
        face.ingest("results", layuot="nested")


def test_two_identical_files_in_two_folders_are_two_runs(gather, tmp_path):
    """The second gets an identity of its own, the receipt says so; so do whole downloads; again nothing is added."""
    write(tmp_path / "one", {"beir.json": BEIR})
    write(tmp_path / "two", {"beir.json": BEIR})
    for layout in ("per_file", "per_bundle"):
        done = gather(tmp_path, layout=layout, exclude=("home",))
        first, second = done.receipts
        assert first.run_id != second.run_id
        assert not first.skipped
        assert "the same bytes as one/beir.json" in second.skipped[0].why
        assert gather(tmp_path, layout=layout, exclude=("home",)).receipts[1].run_id == second.run_id
    assert len(runs_in(gather.url, gather.experiment)) == 4
    alone = gather(tmp_path / "one", tmp_path / "two", layout="per_file")
    assert len(alone.receipts) == 2
    assert len(runs_in(gather.url, gather.experiment)) == 4


def test_identical_files_keep_their_runs_in_whatever_order_they_are_given(gather, tmp_path):
    """Which of them is the copy is a matter of their paths."""
    write(tmp_path / "in", {"a/beir.json": BEIR, "b/beir.json": BEIR})
    first, second = gather(tmp_path / "in", layout="per_file").receipts
    again = gather(tmp_path / "in" / "b", tmp_path / "in" / "a", layout="per_file").receipts
    assert [receipt.run_id for receipt in again] == [second.run_id, first.run_id]
    assert len(runs_in(gather.url, gather.experiment)) == 2


def test_the_names_that_changed_are_an_artifact(gather, tmp_path):
    """Stored name to the producer's; a run whose names all stayed has no such file."""
    write(tmp_path / "results", {"beir/beir.json": BEIR, "custom_eval/aggregate_scores.json": CUSTOM})
    gather(tmp_path / "results", layout="per_file")
    runs = {name: content_of(gather.url, run)["artifacts"] for name, run in named(gather).items()}
    assert json.loads(runs["beir_beir.json"]["name_map.json"])["metrics"] == {
        "beir/NDCG_at_10": "beir/NDCG@10",
        "beir/MAP_at_10": "beir/MAP@10",
        "beir/Recall_at_100": "beir/Recall@100",
    }
    assert set(runs["custom_eval_aggregate_scores.json"]) == {"aggregate_scores.json"}


@pytest.mark.slow
def test_a_folder_of_many_formats_lands_whole_and_failed_evaluations_are_failed(gather):
    """Every reader gets its own; an evaluation that failed is delivered well: FAILED in MLflow, exit 0."""
    done = gather(EXAMPLES)
    assert (done.exit_code, done.errors) == (0, ())
    readers = {outcome.unit.heads[0].reader for outcome in done.outcomes}
    assert readers == {"bundle", "inspect", "lm_eval", "nemo_bundle", "nemo_launcher", "nemo_service"}
    statuses = Counter(run["info"]["status"] for run in runs_in(gather.url, gather.experiment))
    assert statuses == {"FAILED": 1, "FINISHED": len(done.receipts) - 1}
    assert Counter(receipt.status for receipt in done.receipts) == statuses


def test_a_bundle_of_ours_is_the_run_of_its_first_delivery(evaltrail, endpoint, tracking, experiment):
    """Ingested again into the same experiment it is the same run; another layout makes runs of its own."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--out", "out")
    assert evaltrail("run", task, "--model", "m", *words).code == 0
    run = tracking.run(experiment)
    done = evaltrail("ingest", "out", "--experiment", experiment, "--json").object
    (receipt,) = done["receipts"]
    assert (receipt["run_id"], receipt["is_existing"]) == (run.info.run_id, True)
    assert tracking.run(experiment).data.metrics == run.data.metrics
