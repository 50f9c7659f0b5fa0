"""An ingest keeps secrets, waits while MLflow is away, and survives kill -9: in the end every result once."""

from __future__ import annotations

import os
import shutil
import signal
import zipfile
from collections import Counter

import pytest
from door import Door
from installed import ended, holding, one_error

from mlflow_proxy import unreliable
from mlflow_server import content_of, free_port, runs_in, shared_port
from service_results import BEIR, FILES, Gatherer, lm_harness, write

SECRETS = ("nvapi-Model1234567890", "s3cretHarness42", "hunter2Judge", "Bearer abcdef0123456789", "tokenInUtf16xyz")
CONFIG = f"""\
model: meta/llama
api_endpoint:
  url: https://user:{SECRETS[2]}@host/v1
  api_key: {SECRETS[0]}
headers: {{Authorization: "{SECRETS[3]}"}}
"""


def with_secrets(folder):
    """A download with keys in every place that holds settings."""
    harness = lm_harness()
    harness["config"]["model_args"] = f"model=llama,base_url=http://host/v1,api_key={SECRETS[1]}"
    harness["pretty_env_info"] = f"OPENAI_API_KEY={SECRETS[1]}"
    evaluation = "automatic/lm_eval_harness"
    files = {
        f"{evaluation}/model_config_llama.yaml": CONFIG,
        f"{evaluation}/llama_inference_params.yaml": f"temperature: 0\nhf_token: {SECRETS[1]}\n",
        f"{evaluation}/results/lm-harness-mmlu.json": harness,
        "automatic/custom_eval/model_config_wide.yaml": f"api_key: {SECRETS[4]}\n".encode("utf-16"),
        "automatic/custom_eval/results/aggregate_scores.json": {"m": {"f1": {"mean": 0.5}}},
        "native/results_2024-01-01T00-00-00.json": harness
        | {"configs": {"mmlu_str": {"metadata": {"token": SECRETS[0]}}}},
    }
    return write(folder, files)


@pytest.mark.parametrize("is_archive", [pytest.param(False, marks=pytest.mark.slow), True])
def test_secrets_are_nowhere(evaltrail, tmp_path, mlflow_url, experiment, is_archive):
    """Not in params, tags, metrics, names or artifacts, not on the screen, and not below EVALTRAIL_HOME afterwards."""
    place = with_secrets(tmp_path / "download")
    if is_archive:
        place = shutil.make_archive(str(tmp_path / "download"), "zip", place)
    said = ""
    for layout, words in (("per_file", ("--json",)), ("per_bundle", ()), ("per_bundle", ("--dry-run",))):
        done = evaltrail("ingest", place, "--layout", layout, "--experiment", experiment, *words)
        assert done.code == 0, done.err
        said += done.out + done.err
    runs = runs_in(mlflow_url, experiment)
    assert len(runs) == 5
    held = repr([content_of(mlflow_url, run) for run in runs])
    assert "model_config_llama.yaml" in held
    assert "meta/llama" in held
    for secret in SECRETS:
        word = secret.removeprefix("Bearer ")
        assert word not in held
        assert word.encode("utf-16-le").__repr__()[2:-1] not in held
        assert word not in said
        assert holding(evaltrail.home, word) == []


@pytest.mark.slow
def test_results_wait_while_mlflow_is_away_and_land_once(evaltrail, tmp_path, experiment, mlflow_url):
    """Exit 3 with one line; an archive's files wait too; `sync` sends each once, and again nothing."""
    port = free_port()
    folder = write(tmp_path / "results", {**FILES, "automatic/beir/model_config_m.yaml": CONFIG})
    shutil.make_archive(
        str(tmp_path / "zipped" / "results"), "zip", write(tmp_path / "z", {"beir/beir.json": BEIR | {"x": 1}})
    )
    words = ("--layout", "per_file", "--experiment", experiment, "--tracking-uri", f"http://127.0.0.1:{port}")
    done = evaltrail("ingest", folder, tmp_path / "zipped", *words)
    assert (done.code, done.out) == (3, "")
    assert "evaltrail sync" in one_error(done)
    assert "10 deliveries wait" in evaltrail("doctor").out
    with Door(port, shared_port()):
        sent = evaltrail("sync", "--json").object
        assert (sent["ok"], len(sent["receipts"])) == (True, 10)
        assert not any(receipt["skipped"] and "missing" in str(receipt["skipped"]) for receipt in sent["receipts"])
        again = evaltrail("ingest", folder, tmp_path / "zipped", *words, "--json").object
    assert {receipt["run_id"] for receipt in again["receipts"]} == {receipt["run_id"] for receipt in sent["receipts"]}
    runs = runs_in(mlflow_url, experiment)
    assert len(runs) == 10
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    assert all(content_of(mlflow_url, run)["artifacts"] for run in runs)
    for secret in SECRETS:
        assert holding(evaltrail.home, secret) == []


@pytest.mark.slow
def test_a_server_that_stumbles_over_one_result_holds_up_no_other(tmp_path, mlflow_url, experiment):
    """HTTP 503 for one run is that result's trouble: the others land, exit 3, and the next ingest mends it."""
    folder = write(tmp_path / "results", {f"lm-harness-{n}.json": lm_harness(task=f"t{n}") for n in range(6)})

    def judge(_method, path, _before):
        return "refuse" if "/lm-harness-3.json" in path else "forward"

    with unreliable(mlflow_url, judge) as proxy:
        gather = Gatherer(tmp_path / "home", proxy.url, experiment)
        done = gather(folder, layout="per_file")
        assert (done.exit_code, len(done.errors), len(done.receipts)) == (3, 1, 5)
        proxy.judge = lambda *_: "forward"
        mended = gather(folder, layout="per_file")
    assert (mended.exit_code, [receipt.is_existing for receipt in mended.receipts].count(False)) == (0, 1)
    assert Counter(run["info"]["status"] for run in runs_in(mlflow_url, experiment)) == {"FINISHED": 6}


@pytest.mark.parametrize("moment", [30, 150])
@pytest.mark.slow
def test_killed_in_the_middle_of_forty_files_the_same_again_mends_all(
    evaltrail, tmp_path, mlflow_url, experiment, moment
):
    """kill -9, then the same command: forty complete runs, none twice, nothing left unpacked or waiting."""
    files = {f"lm_eval_harness/lm-harness-{n}.json": lm_harness(task=f"task{n}") for n in range(40)}
    write(tmp_path / "results", files)
    place = tmp_path / "results.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for name in files:
            archive.write(tmp_path / "results" / name, name)
    started = []

    def judge(_method, _path, before):
        if before == moment and len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
        return "forward"

    with unreliable(mlflow_url, judge) as proxy:
        words = ("ingest", place, "--layout", "per_file", "--experiment", experiment, "--tracking-uri", proxy.url)
        started.append(evaltrail.start(*words))
        assert ended(started[0]).code == -signal.SIGKILL
        assert len(runs_in(mlflow_url, experiment)) < 40
        again = evaltrail(*words, "--json")
    assert again.code == 0, again.err
    runs = runs_in(mlflow_url, experiment)
    names = Counter(run["info"]["run_name"] for run in runs)
    assert names == {f"lm_harness_lm-harness-{n}.json": 1 for n in range(40)}
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}
    assert {len(run["data"]["metrics"]) for run in runs} == {2}
    assert {receipt["run_id"] for receipt in again.object["receipts"]} == {run["info"]["run_id"] for run in runs}
    assert not any((evaltrail.home / "outbox" / "unpacked").iterdir())
    assert evaltrail("sync").out == "nothing waits\n"
