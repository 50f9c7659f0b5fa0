"""Seed 003's own requests, by curl as its users send them, against everything on one machine."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest
from installed import SCRIPT, until
from request_file import filled, requests_of
from service_stand import OVER, Stand

from document_files import pdf_of
from private_redis import RedisServer
from private_servers import own_server
from question_endpoint import QuestionEndpoint, facts
from question_service import chunks, path
from service_client import Reply

FORM = "application/x-www-form-urlencoded"
REQUESTS = Path(__file__).parents[2] / "examples" / "requests.rest"
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
        stand.start_all()
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
def test_every_request_of_the_shipped_file_is_answered(tmp_path, mlflow_url, endpoint):
    """Sent one by one to what `evaltrail up` starts, variables filled from the answers before: none is refused."""
    (tmp_path / "manual.pdf").write_bytes(pdf_of(["The lamp of Varn burns 14 litres of oil a night."]))
    values: dict[str, str] = {}
    requests = requests_of(REQUESTS)
    following = [*requests[1:], None]
    with Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url, EVALTRAIL_EXPERIMENT_PREFIX=tmp_path.name) as stand:
        stand.start_all()
        for request, next_one in zip(requests, following, strict=True):
            if "< ./questions.csv" in request.lines:
                edit(tmp_path / "questions.csv")
            named = {name.replace("-", "_"): filled(text, values) for name, text in request.headers.items()}
            body = request.body(tmp_path, values)
            reply = stand.client.ask(request.method, filled(request.target, values), body, **named)
            assert reply.status < 400, (request, reply.body)
            is_followed = request.method == "POST" and (next_one is None or next_one.method != "DELETE")
            values |= told_values(stand, reply, is_followed=is_followed)
            if request.path.endswith("/download"):
                (tmp_path / "questions.csv").write_bytes(reply.body)
    assert {"job_id", "document_id", "dataset_id", "run_id", "form_token"} <= values.keys()


def edit(table: Path) -> None:
    """Change a question, as in a spreadsheet."""
    rows = list(csv.DictReader(table.read_text().splitlines()))
    rows[0]["response"] += " or so"
    with table.open("w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def told_values(stand: Stand, reply: Reply, *, is_followed: bool) -> dict[str, str]:
    """Values of the file's variables that an answer tells; what it started is followed until it lies in MLflow."""
    kind = reply.headers.get("content-type", "")
    if "html" in kind:
        cookie = reply.headers["set-cookie"].partition("=")[2].partition(";")[0]
        token = re.search(rb'name="form_token" value="([^"]+)"', reply.body)
        return {"form_cookie": cookie, "form_token": token[1].decode()}
    if "json" not in kind:
        return {}
    told = reply.object
    if reply.status == 201:
        return {"document_id": told["id"]}
    if reply.status != 202:
        return {}
    job = {"job_id": told.get("job_id") or told["id"]}
    if not is_followed:
        return job
    status_url = told.get("status_url") or told["links"]["self"]
    found: dict[str, object] = {}

    def has_landed() -> bool:
        found.update(stand.client.get(path(status_url)).object)
        return found["status"] in OVER and found["mlflow_sync"] == "synced"

    try:
        until(has_landed, seconds=60, pause=0.1)
    except AssertionError as error:
        raise AssertionError(f"it never landed: {found}\n{stand.logged()}") from error
    return job | {name: str(found[name]) for name in ("dataset_id", "run_id") if found.get(name)}


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
@pytest.mark.parametrize(
    "words",
    [("uvicorn", "--port={}"), ("gunicorn", "--bind=127.0.0.1:{}", "--workers=3", "-kuvicorn.workers.UvicornWorker")],
    ids=["uvicorn", "gunicorn"],
)
def test_any_asgi_server_serves_the_application(tmp_path, words):
    """Servers with evaltrail.server.app:app answer as `evaltrail serve` does, from the environment alone; several
    processes with one FLASK_KEY take each other's forms."""
    with Stand(tmp_path, FLASK_KEY="velvet") as stand:
        program, *more = (word.format(stand.port) for word in words)
        line = [str(SCRIPT.with_name(program)), *more, "evaltrail.server.app:app"]
        server = subprocess.Popen(line, cwd=stand.command.cwd, env=stand.command.environ, stdin=subprocess.DEVNULL)
        try:
            stand.await_ready()
            assert stand.client.post("/post_json", chunks(2)).status == 202
            for _ in range(8):
                form = told_values(stand, stand.client.get("/"), is_followed=False)
                body = urlencode({"form_token": form["form_token"], "input": json.dumps(chunks(1))}).encode()
                named = {"Cookie": f"evaltrail_form={form['form_cookie']}", "Content_Type": FORM}
                assert stand.client.post("/", body, **named).status == 202
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
