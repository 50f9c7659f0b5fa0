"""Every known loss of the original integration script (seed 000), kept away: nothing aborts, nothing is lost, once."""

from __future__ import annotations

import pytest

from mlflow_proxy import unreliable
from mlflow_server import ask, content_of, runs_in
from service_results import BEIR, BIGCODE, CUSTOM, MTBENCH, SCORES, Gatherer, lm_harness, write


@pytest.fixture
def gather(tmp_path, mlflow_url, experiment):
    return Gatherer(tmp_path / "home", mlflow_url, experiment)


@pytest.fixture
def landed(gather):
    """What an ingest of some files, one run each, left in MLflow: run name to (name, step) to value."""

    def ingest(folder, files, **options):
        done = gather(write(folder, files), layout="per_file", **options)
        assert done.errors == ()
        return points(gather)

    return ingest


def points(gather):
    contents = [content_of(gather.url, run) for run in runs_in(gather.url, gather.experiment)]
    return {
        content["name"]: {(name, step): value for name, found in content["metrics"].items() for value, _, step in found}
        for content in contents
    }


def experiments(url):
    return {item["name"] for item in ask(url, "experiments/search", max_results=1000)["experiments"]}


def test_a_name_that_mlflow_refuses_is_mapped_and_the_walk_goes_on(landed, tmp_path):
    """`NDCG@10` aborted everything after it; now it lands as `NDCG_at_10`, and so does the next file."""
    found = landed(tmp_path / "beir", {"beir.json": BEIR, "later/beir.json_2": {"MAP@5": 1}})
    assert found == {
        "beir_beir.json": {("beir/NDCG_at_10", 0): 0.5, ("beir/MAP_at_10", 0): 0.41, ("beir/Recall_at_100", 0): 0.9},
        "beir_beir.json_2": {("beir/MAP_at_5", 0): 1.0},
    }


def test_a_log_beside_the_results_is_passed_by(gather, tmp_path):
    """`lm-harness.log` aborted the walk; now it is named as no result, and the results beside it land."""
    files = {"lm-harness.log": "2024-01-01 INFO start\n", "lm-harness-mmlu_str.json": lm_harness()}
    done = gather(write(tmp_path / "lm_eval_harness", files), layout="per_file")
    assert (done.exit_code, done.errors) == (0, ())
    assert [item.what.rpartition("/")[2] for item in done.passed] == ["lm-harness.log"]
    assert points(gather) == {
        "lm_harness_lm-harness-mmlu_str.json": {
            ("mmlu_str_exact_match_none", 0): 0.64,
            ("mmlu_str_exact_match_stderr_none", 0): 0.0038,
        }
    }


def test_a_third_column_counts_the_samples(landed, tmp_path):
    """A three-column mtbench CSV aborted the walk; now the third column is each value's n."""
    found = landed(tmp_path / "mtbench", {"scores.csv": MTBENCH, "two.csv": "name,value\ntotal,5\n"})
    assert found["mtbench_scores.csv"] == {
        ("mtbench/total", 0): 8.0,
        ("mtbench/total_n", 0): 2.0,
        ("mtbench/writing", 0): 7.5,
        ("mtbench/writing_n", 0): 1.0,
        ("mtbench/math", 0): 8.5,
        ("mtbench/math_n", 0): 1.0,
    }
    assert found["mtbench_two.csv"] == {("mtbench/total", 0): 5.0}


def test_two_bigcode_tasks_keep_all_three_values(landed, tmp_path):
    """Both have `pass@1`, which was one value; the task before it tells them apart."""
    found = landed(tmp_path / "results", {"bigcode-aggregate_scores.json": BIGCODE})
    assert found["bigcode_latest_bigcode-aggregate_scores.json"] == {
        ("humaneval/pass_at_1", 0): 0.34,
        ("humaneval/pass_at_10", 0): 0.5,
        ("mbpp/pass_at_1", 0): 0.25,
    }


def test_two_custom_scorers_keep_five_of_five_values(landed, tmp_path):
    """Model and scorer stand before each metric; two of five values were left."""
    found = landed(tmp_path / "custom_eval", {"aggregate_scores.json": CUSTOM})
    assert found["custom_eval_aggregate_scores.json"] == {
        ("llm/string_check/mean", 0): 0.75,
        ("llm/string_check/max", 0): 1.0,
        ("llm/f1/mean", 0): 0.5,
        ("llm/f1/max", 0): 0.9,
        ("llm/f1/min", 0): 0.1,
    }


@pytest.mark.parametrize("evaluation", ["multilingual", "bigbench"])
def test_every_element_of_a_list_of_tasks_is_kept_with_its_shots(landed, tmp_path, evaluation):
    """BigBench kept element 0 only, Multilingual one of two values; the shots are the step of each."""
    found = landed(tmp_path / evaluation / "results", {"aggregate_scores.json": SCORES})
    assert found[f"{evaluation}_aggregate_scores.json"] == {
        ("abstract/acc", 0): 0.5,
        ("logic/acc", 0): 0.25,
        ("logic/acc", 3): 0.75,
        ("logic/bleu", 3): 11.5,
    }


def test_a_csv_with_a_header_only_makes_no_run_and_is_reported(gather, tmp_path):
    """It gave a run without metrics; now it is an error by its path, and the rest lands."""
    files = {"mtbench/empty.csv": "name,value\n", "beir/beir.json": BEIR}
    done = gather(write(tmp_path / "results", files), layout="per_file")
    assert done.exit_code == 1
    assert [(error.code, error.where) for error in done.errors] == [
        ("no_metrics", str(tmp_path / "results/mtbench/empty.csv"))
    ]
    assert set(points(gather)) == {"beir_beir.json"}


def test_a_folder_name_counts_only_as_a_whole(landed, tmp_path):
    """Below `multilingual_study` everything was taken for Multilingual."""
    files = {
        "custom_eval/results/aggregate_scores.json": CUSTOM,
        "bigbench/results/aggregate_scores.json": SCORES,
        "beir/beir.json": BEIR,
    }
    found = landed(tmp_path / "multilingual_study", files)
    assert set(found) == {"custom_eval_aggregate_scores.json", "bigbench_aggregate_scores.json", "beir_beir.json"}


def test_where_nothing_is_recognised_no_experiment_is_made(evaltrail, mlflow_url, experiment, tmp_path):
    """It made the experiment and said nothing; now exit 2, what was looked at, and what is known."""
    folder = write(tmp_path / "results", {"notes.txt": "hello", "table.csv": "a,b\n1,2\n", "other.json": {"a": [1]}})
    done = evaltrail.here("ingest", folder, "--experiment", experiment)
    assert (done.code, done.out) == (2, "")
    (line,) = done.errors
    assert str(folder) in line
    assert "3 files were looked at" in line
    assert "nemo_service" in line
    assert experiment not in experiments(mlflow_url)


def test_the_same_again_changes_nothing(gather, tmp_path):
    """Twice made twice the runs; now the same runs with the same content, and the receipts say they were there."""
    files = {"beir/beir.json": BEIR, "bigcode-aggregate_scores.json": BIGCODE, "mtbench/scores.csv": MTBENCH}
    folder = write(tmp_path / "results", files)
    first = gather(folder, layout="per_file")
    before = {run["info"]["run_id"]: run for run in runs_in(gather.url, gather.experiment)}
    held = {run_id: content_of(gather.url, run) for run_id, run in before.items()}
    again = Gatherer(tmp_path / "another home", gather.url, gather.experiment)(folder, layout="per_file")
    after = {run["info"]["run_id"]: run for run in runs_in(gather.url, gather.experiment)}
    assert [receipt.run_id for receipt in again.receipts] == [receipt.run_id for receipt in first.receipts]
    assert all(receipt.is_existing for receipt in again.receipts)
    assert len(before) == 3
    assert after == before
    assert {run_id: content_of(gather.url, run) for run_id, run in after.items()} == held


def test_one_file_of_124_metrics_takes_seven_requests_at_most(gather, tmp_path):
    """It took 133: one a metric, and nine around them."""
    folder = write(tmp_path / "results", {"lm-harness-big.json": lm_harness(124)})
    with unreliable(gather.url, lambda *_: "forward") as proxy:
        gather.url, url = proxy.url, gather.url
        done = gather(folder, layout="per_file")
    assert (done.exit_code, len(done.receipts)) == (0, 1)
    assert len(proxy.seen) <= 7, proxy.seen
    (run,) = runs_in(url, gather.experiment)
    assert len(run["data"]["metrics"]) == done.receipts[0].metrics_logged == 124
