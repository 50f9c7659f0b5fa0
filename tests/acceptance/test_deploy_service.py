"""The service of deploy/compose.yaml, its command and its variables as they stand there, on a private PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from installed import Installed, ended, until

from compose_file import filled, read_compose
from mlflow_server import free_port
from private_servers import fresh_database
from service_client import ServiceClient

SET = {"POSTGRES_PASSWORD": "p1", "BROKER_PASSWORD": "b1"}
BODY = {
    "model": {"server": "vllm", "name": "m"},
    "benchmarks": [{"benchmark_id": "arc_easy", "provider_id": "lm_evaluation_harness"}],
    "experiment": {"name": "x"},
}


@pytest.mark.slow
def test_the_service_as_composed_accepts_evaluations(tmp_path):
    """By the name that other containers call it, into PostgreSQL; its health check is true; SIGTERM ends it well.

    The broker is away, which keeps no request from being accepted.
    """
    service = filled(read_compose(), SET)["services"]["service"]
    port = str(free_port())
    with fresh_database() as database:
        own = service["environment"]
        replaced = {
            "EVALTRAIL_HOME": str(tmp_path / "home"),
            "EVALTRAIL_DATABASE_URL": urlsplit(own["EVALTRAIL_DATABASE_URL"])
            ._replace(netloc=urlsplit(database).netloc, path=urlsplit(database).path)
            .geturl(),
            "EVALTRAIL_QUEUE_URL": f"amqp://evaltrail:b1@127.0.0.1:{free_port()}//",
            "EVALTRAIL_DATA_ROOT": str(tmp_path),
            "EVALTRAIL_PORT": port,
        }
        command = Installed(tmp_path, **{**own, **replaced})
        check = [word.replace(":8000", f":{port}") for word in service["healthcheck"]["test"][2:]]

        def is_healthy():
            return subprocess.run([sys.executable, *check], capture_output=True, check=False).returncode == 0

        try:
            assert not is_healthy()
            serving = command.start(*service["command"][1:])
            until(is_healthy, pause=0.2)
            client = ServiceClient(f"http://127.0.0.1:{port}")
            reply = client.post("/api/v1/evaluations", BODY, Host="eval-hub:8000")
            assert (reply.status, reply.object["experiment"]["name"]) == (202, "eval-hub_x")
            assert reply.object["model"]["url"] == own["EVALTRAIL_SERVER_VLLM_URL"]
            assert client.get("/api/v1/evaluations", Host="service:8000").object["total_count"] == 1
            assert client.get("/api/v1/evaluations", Host="elsewhere:8000").status == 421
            serving.terminate()
            stopped = ended(serving)
            assert (stopped.code, is_healthy()) == (0, False), stopped.err
        finally:
            command.end_all()
    assert not (tmp_path / "home" / "jobs.db").exists()
