"""Seed 003's own requests, by curl as its users send them, against everything on one machine."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from installed import SCRIPT, until
from service_stand import OVER, Stand

from private_redis import RedisServer
from private_servers import own_server
from question_endpoint import QuestionEndpoint, facts
from question_service import chunks, path

CELERY = str(SCRIPT.with_name("celery"))


def told_facts(count: int) -> list[dict[str, object]]:
    """Chunks as a client sends them, of facts that the endpoint can tell."""
    return [{"filename": each.source, "page": 1, "text": each.text} for each in facts(count)]


def curl(*words: str, cwd: Path) -> tuple[int, dict[str, object]]:
    """Status and body of a request."""
    line = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *words]
    done = subprocess.run(line, cwd=cwd, capture_output=True, text=True, check=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body) if body else {}


def ended(stand: Stand, told: dict[str, object]) -> dict[str, object]:
    """The account of a job once it is over."""
    found: dict[str, object] = {}

    def is_over() -> bool:
        found.update(stand.client.get(path(str(told["status_url"]))).object)
        return found["status"] in OVER

    until(is_over, seconds=90, pause=0.2)
    return found


@pytest.mark.slow
def test_seed_requests_lead_from_chunks_to_an_evaluation(tmp_path, mlflow_url, tracking, endpoint):
    """Chunks, edits, an evaluation by the seed's lines: 202 at once, three experiments, runs that name each other."""
    prefix = f"seed-{tmp_path.name}"
    with (
        QuestionEndpoint() as model,
        Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url, EVALTRAIL_EXPERIMENT_PREFIX=prefix) as stand,
    ):
        stand.command.environ["EVALTRAIL_SERVER_OPENAI_URL"] = model.url
        stand.command.environ["EVALTRAIL_GENERATION_MODEL"] = "openai/writer"
        stand.start()
        (tmp_path / "sample.json").write_text(json.dumps(told_facts(17)))
        base = stand.client.address
        sizes = ("-H", "window-size: 4", "-H", "window-step: 2")
        status, sent = curl(
            "-X", "POST", "-H", "Content-Type: application/json", "-H", "file-name: sample.json", *sizes,
            "--data-binary", "@sample.json", f"{base}/post_json", cwd=tmp_path,
        )  # fmt: skip
        assert (status, sent["generator"], sent["model"]) == (202, "llm", "openai/writer")
        made = ended(stand, sent)
        assert (made["status"], made["windows"], made["mlflow_sync"]) in {
            ("completed", 8, "synced"),
            ("partially_failed", 8, "synced"),
        }, made
        page = stand.client.get(path(str(sent["run_url"])))
        assert (page.status, str(made["run_id"]) in page.headers["location"]) == (303, True)
        download = f"{base}/api/v1/datasets/{made['dataset_id']}/download?format=csv"
        subprocess.run(["curl", "-s", "-o", "edits.csv", download], cwd=tmp_path, check=True, timeout=60)
        lines = (tmp_path / "edits.csv").read_text().replace("have?", "really have?", 1)
        (tmp_path / "edits.csv").write_text(lines)
        status, edited = curl(
            "-F", "file=@edits.csv", "-F", f"run_id={made['run_id']}", f"{base}/upload_data_generation_edits",
            cwd=tmp_path,
        )  # fmt: skip
        told = ended(stand, edited)
        assert (status, told["changed"], told["dataset_version"]) == (202, 1, 2), told
        assert told["run_id"] == made["run_id"]
        status, asked = curl(
            "-X", "POST", "-H", "Model-Name: vllm/m", "-H", f"Benchmark-Uri: {made['dataset_id']}",
            f"{base}/evaluate_model", cwd=tmp_path,
        )  # fmt: skip
        shown = ended(stand, asked)
        assert (status, shown["status"]) == (202, "completed"), shown
        run = tracking.client.get_run(shown["runs"][0]["run_id"])
        assert run.data.tags["evaltrail.dataset"] == made["dataset_id"]
        assert run.data.tags["evaltrail.dataset_version"] == "2"
        own = tracking.client.get_run(str(made["run_id"])).info.artifact_uri
        for uri in (f"runs:/{made['run_id']}/questions.csv", f"{own}/questions.csv"):
            status, asked = curl(
                "-X", "POST", "-H", "Model-Name: baseline:random", "-H", f"Benchmark-Uri: {uri}",
                f"{base}/evaluate_model", cwd=tmp_path,
            )  # fmt: skip
            assert (status, ended(stand, asked)["status"]) == (202, "completed"), uri
        names = {f"{prefix}_{name}" for name in ("data_upload_api", "data_generation", "evaluation")}
        assert names <= {each.name for each in tracking.client.search_experiments()}


@pytest.mark.slow
def test_celery_command_of_the_seed_starts_a_full_worker(tmp_path):
    """``celery -A evaltrail.jobs.celery worker`` does what a broker hints at, and ends well at SIGTERM."""
    with own_server(RedisServer) as broker, Stand(tmp_path, EVALTRAIL_QUEUE_URL=broker.url) as stand:
        stand.start_service()
        line = [CELERY, "-A", "evaltrail.jobs.celery", "worker", "--loglevel=INFO", "-c", "2"]
        log = (tmp_path / "celery.log").open("wb")
        worker = subprocess.Popen(
            line, cwd=stand.command.cwd, env=stand.command.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            until(lambda: stand.health()["components"]["workers"]["status"] == "healthy", seconds=40, pause=0.2)
            sent = stand.client.post("/post_json", chunks(6)).object
            assert ended(stand, sent)["status"] == "completed", (tmp_path / "celery.log").read_text()
        finally:
            worker.terminate()
            assert worker.wait(30) == 0
            log.close()


@pytest.mark.slow
def test_any_asgi_server_serves_the_application(tmp_path):
    """uvicorn with evaltrail.server.app:app answers as `evaltrail serve` does, from the environment alone."""
    with Stand(tmp_path) as stand:
        line = [str(SCRIPT.with_name("uvicorn")), "evaltrail.server.app:app", "--port", str(stand.port)]
        server = subprocess.Popen(line, cwd=stand.command.cwd, env=stand.command.environ, stdin=subprocess.DEVNULL)
        try:
            stand.await_ready()
            assert stand.client.post("/post_json", chunks(2)).status == 202
            assert b"form_token" in stand.client.get("/").body
        finally:
            server.terminate()
            server.wait(30)


@pytest.mark.slow
def test_killed_workers_cost_a_generation_only_what_was_in_flight(tmp_path, mlflow_url):
    """Kill -9 of the worker at five points: the same questions as unbroken, and hardly a call twice."""
    flight = 4
    with QuestionEndpoint(latency_s=0.05) as model:
        environ = {"EVALTRAIL_SERVER_MOCK_URL": model.url, "EVALTRAIL_SERVER_MOCK_MAX_CONCURRENCY": str(flight)}
        with Stand(tmp_path, mlflow=mlflow_url, EVALTRAIL_EXPERIMENT_PREFIX=tmp_path.name, **environ) as stand:
            stand.start(concurrency=1)
            body = told_facts(25)
            whole = ended(stand, stand.client.post("/post_json", body, Model_Name="mock/m").object)
            needed = len(model.bodies)
            for folder in (stand.home / "runs").iterdir():
                for answers in folder.rglob("*.answers"):
                    answers.unlink()  # else the second one is answered from the first
            before = len(model.bodies)
            sent = stand.client.post("/post_json", body, Model_Name="mock/m").object
            for share in (0.1, 0.3, 0.5, 0.7, 0.9):
                wanted = before + share * needed
                until(lambda wanted=wanted: len(model.bodies) >= wanted, seconds=60, pause=0.005)
                stand.kill(*stand.workers)
                stand.start_worker(1)
            broken = ended(stand, sent)
            assert (broken["accepted"], broken["status"]) == (whole["accepted"], whole["status"])
            assert broken["dataset_id"] == whole["dataset_id"]
            assert len(model.bodies) - before <= needed + 5 * flight


@pytest.mark.slow
def test_running_generation_is_called_off(tmp_path):
    """DELETE ends a generation that is asked: it is cancelled in a moment, and the model is left alone."""
    flight = 4
    environ = {"EVALTRAIL_SERVER_MOCK_MAX_CONCURRENCY": str(flight)}
    with (
        QuestionEndpoint(latency_s=0.3) as model,
        Stand(tmp_path, EVALTRAIL_SERVER_MOCK_URL=model.url, **environ) as stand,
    ):
        stand.start(concurrency=1)
        sent = stand.client.post("/post_json", told_facts(400), Model_Name="mock/m").object
        until(lambda: len(model.bodies) >= 3, seconds=30)
        assert stand.client.ask("DELETE", f"/api/v1/generations/{sent['job_id']}").status == 202
        assert ended(stand, sent)["status"] == "cancelled"
        asked = len(model.bodies)
        again = stand.client.post("/post_json", chunks(5)).object
        assert ended(stand, again)["status"] == "completed"
        assert len(model.bodies) <= asked + flight
