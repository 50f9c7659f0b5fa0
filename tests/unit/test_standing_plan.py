"""What `evaltrail up` starts: decided before anything runs."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import replace

import pytest

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.service.standing.plan import Wish, plan_standing
from evaltrail.service.standing.ports import free_port, shown_host
from evaltrail.service.standing.rotated_log import RotatedLog


def plan_of(tmp_path, *, wish=None, **environ):
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path), **environ}, dotenv=None)
    service = load_service_settings(settings, port=0)
    return plan_standing(settings, service, wish or Wish(port=0, mlflow_port=0))


def test_service_and_workers_are_told_the_mlflow_that_is_started(tmp_path):
    """MLflow comes last, over a store in the home, on loopback, for its own names alone."""
    plan = plan_of(tmp_path, wish=Wish(port=0, mlflow_port=0, workers=2, concurrency=3))
    service, first, second, mlflow = plan.orders
    assert [order.name for order in plan.orders] == ["service", "worker 1", "worker 2", "MLflow"]
    assert {order.environ["MLFLOW_TRACKING_URI"] for order in (service, first, second)} == {plan.mlflow_url}
    assert first.command[-2:] == ("--concurrency", "3")
    assert service.url == f"{plan.url}/ready"
    port = plan.mlflow_url.rpartition(":")[2]
    assert mlflow.command[-6:] == ("--host", "127.0.0.1", "--port", port, "--workers", "1")
    assert mlflow.environ["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert mlflow.environ["MLFLOW_SERVER_ALLOWED_HOSTS"] == f"127.0.0.1:{port},localhost:{port}"
    assert mlflow.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert "MLFLOW_TRACKING_URI" not in mlflow.environ


@pytest.mark.parametrize(("uri", "shown"), [("http://u:hidden@mlflow:5000", "http://mlflow:5000"), ("databricks", "")])
def test_a_server_that_is_named_is_used_and_none_is_started(tmp_path, uri, shown):
    """Its login is not shown, and reaches the workers."""
    plan = plan_of(tmp_path, MLFLOW_TRACKING_URI=uri)
    assert [order.name for order in plan.orders] == ["service", "worker"]
    assert (plan.mlflow_url, plan.has_own_mlflow) == (shown, False)
    assert plan.orders[0].environ["MLFLOW_TRACKING_URI"] == uri


def test_mlflow_stands_where_the_seed_has_it(tmp_path):
    """PORT of seed 003's .env: MLflow is started there, over a store in the home, unless somebody listens there already
    or no MLflow is wanted; a tracking URI beside it is the one that counts."""
    port = free_port("127.0.0.1", 0, flag="")
    environ = {"PORT": str(port)}
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path), **environ}, dotenv=None)
    wish = Wish(port=0, mlflow_port=load_service_settings(settings).mlflow_port)
    plan = plan_of(tmp_path, wish=wish, **environ)
    mlflow = plan.orders[-1]
    assert (plan.mlflow_url, plan.has_own_mlflow) == (f"http://127.0.0.1:{port}", True)
    assert mlflow.command[-3] == str(port)
    assert mlflow.environ["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert plan.orders[0].environ["MLFLOW_TRACKING_URI"] == plan.mlflow_url
    assert not plan_of(tmp_path, wish=replace(wish, has_mlflow=False), **environ).has_own_mlflow
    assert not plan_of(tmp_path, wish=wish, **environ, MLFLOW_TRACKING_URI="http://mlflow:5000").has_own_mlflow
    with socket.create_server(("127.0.0.1", port)):
        there = plan_of(tmp_path, wish=wish, **environ)
    assert (there.mlflow_url, there.has_own_mlflow) == (f"http://127.0.0.1:{port}", False)


def test_a_store_that_is_named_is_what_mlflow_is_started_over(tmp_path):
    """Its address, which may hold a password, is no argument that others could read."""
    uri = "postgresql://u:hidden@db/mlflow"
    mlflow = plan_of(tmp_path, MLFLOW_TRACKING_URI=uri).orders[-1]
    assert mlflow.environ["MLFLOW_BACKEND_STORE_URI"] == uri
    assert not any("hidden" in word for word in mlflow.command)
    assert mlflow.clean(b"cannot reach " + uri.encode()) == b"cannot reach postgresql://***@db/mlflow"


def test_without_mlflow_nothing_is_said_of_it(tmp_path):
    """Results land where they would without `up`."""
    plan = plan_of(tmp_path, wish=Wish(port=0, mlflow_port=0, has_mlflow=False))
    assert [order.name for order in plan.orders] == ["service", "worker"]
    assert "MLFLOW_TRACKING_URI" not in plan.orders[0].environ


def test_a_taken_port_is_named_with_its_flag(tmp_path):
    """Before anything is started; two parts cannot have the same one either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(InputError) as caught:
            plan_of(tmp_path, wish=Wish(port=0, mlflow_port=port))
    assert (caught.value.code, caught.value.where) == ("port_taken", "--mlflow-port")
    assert str(port) in caught.value.message
    assert "--mlflow-port" in caught.value.hint
    free = free_port("127.0.0.1", 0, flag="--port")
    with pytest.raises(InputError, match="cannot both"):
        plan_of(tmp_path, wish=Wish(port=free, mlflow_port=free))
    with pytest.raises(InputError, match="no port"):
        free_port("127.0.0.1", 65536, flag="--port")
    with pytest.raises(InputError, match="no address"):
        free_port("no such host", 0, flag="--port")


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("hub.example", "hub.example")])
def test_a_url_is_one_that_answers_on_this_machine(host, shown):
    """Who listens on all addresses is found at loopback."""
    assert shown_host(host) == shown


def test_a_log_stays_small(tmp_path):
    """It is begun anew when it is full; what it held before lies beside it, and neither can be read by others."""
    file = tmp_path / "x.log"
    log = RotatedLog(file, most_bytes=100)
    for number in range(25):
        log.write(b"line %03d\n" % number)
    assert log.last_lines(2) == ["line 023", "line 024"]
    log.close()
    kept = (tmp_path / "x.log.1").read_text() + file.read_text()
    assert kept.splitlines() == [f"line {number:03}" for number in range(11, 25)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_workers_take_no_other_database_from_the_working_folder(tmp_path):
    """A .env there, which workers read and the service does not, sets nothing that both have to understand alike."""
    plan = plan_of(tmp_path, wish=Wish(port=0, mlflow_port=0, has_mlflow=False))
    (worker,) = [order for order in plan.orders if order.name == "worker"]
    (tmp_path / ".env").write_text("EVALTRAIL_DATABASE_URL=sqlite:///other.db\nEVALTRAIL_QUEUE_URL=redis://other/0\n")
    understood = load_settings(worker.environ, tmp_path / ".env")
    assert (understood.database_url, understood.queue_url) == ("", "")


def test_working_folder_is_none_that_modules_come_from(tmp_path):
    """Data of requests lie below it: a file there that is called as a module is called is no module."""
    (tmp_path / "argparse.py").write_text("raise SystemExit('the folder was imported from')")
    plan = plan_of(tmp_path, wish=Wish(port=0, mlflow_port=0))
    interpreters = {order.command[: order.command.index("-m")] for order in plan.orders}
    assert plan.orders[-1].cwd == tmp_path / "mlflow"
    for interpreter in interpreters:
        done = subprocess.run([*interpreter, "-m", "ast", "/dev/null"], cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
