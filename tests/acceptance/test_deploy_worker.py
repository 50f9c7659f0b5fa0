"""The worker of deploy/compose.yaml, its command and its variables as they stand there, on private servers."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from installed import Installed, ended, until
from sums import write_sums

from compose_file import filled, read_compose
from private_rabbit import RabbitServer
from private_servers import fresh_database, own_server

SET = {"POSTGRES_PASSWORD": "p1", "BROKER_PASSWORD": "b1", "EVALTRAIL_LEASE_SECONDS": "5"}


def at(address, server):
    """An address of the file at a server of ours: its scheme stays, who and where changes."""
    ours = urlsplit(server)
    return urlsplit(address)._replace(netloc=ours.netloc, path=ours.path).geturl()


@pytest.mark.slow
def test_the_worker_as_composed_carries_out_what_is_queued(tmp_path, endpoint, tracking, mlflow_url, experiment):
    """Accepted into PostgreSQL, woken by RabbitMQ, landed in MLflow; its health check is true; SIGTERM ends it well."""
    service = filled(read_compose(), SET)["services"]["worker"]
    with fresh_database() as database, own_server(RabbitServer) as broker:
        own = service["environment"]
        replaced = {
            "EVALTRAIL_HOME": str(tmp_path / "home"),
            "EVALTRAIL_DATABASE_URL": at(own["EVALTRAIL_DATABASE_URL"], database),
            "EVALTRAIL_QUEUE_URL": at(own["EVALTRAIL_QUEUE_URL"], broker.url),
            "MLFLOW_TRACKING_URI": mlflow_url,
        }
        command = Installed(tmp_path, **{**own, **replaced})
        check = service["healthcheck"]["test"][2:]
        try:
            assert command(*check).code == 1
            worker = command.start(*service["command"][1:])
            until(lambda: command(*check).code == 0, pause=0.2)
            words = ("--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json", "--detach")
            identity = command("run", write_sums(command.cwd, 50), *words).object["evaluation_id"]
            until(
                lambda: command("status", identity, "--json").object["state"] not in {"pending", "running"},
                seconds=60,
                pause=0.2,
            )
            assert command("status", identity, "--json").object["state"] == "completed"
            assert tracking.run(experiment).data.metrics["sums/exact_match"] == 0.9
            worker.terminate()
            stopped = ended(worker)
            assert (stopped.code, command(*check).code) == (0, 1), stopped.err
        finally:
            command.end_all()
    assert not (tmp_path / "home" / "jobs.db").exists()
    shared = [(tmp_path / "home" / name).read_bytes()[18:20] for name in ("ledger.db", "outbox/outbox.db")]
    assert shared == [b"\x01\x01"] * 2, "a write-ahead log, which is no file format for several machines"
