"""One contract for every gateway: REST, the stock client over HTTP, the stock client over sqlite."""

from __future__ import annotations

import base64
import logging
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from evaltrail.core.errors import DestinationError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.batches import batches
from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.gateway import StockGateway, quiet
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import Batch, NewRun
from evaltrail.destinations.mlflow.rest import RestGateway
from evaltrail.destinations.mlflow.run_plan import PlannedDataset, PlannedMetric
from mlflow_server import ask

SHORT = Patience(connect_s=2, read_s=20, retry_s=1, pause_s=0.05)
TAGS = {"environment": "production", "compliance": "healthcare", "empty": ""}


@pytest.fixture(scope="module")
def sqlite_uri(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"


@pytest.fixture(params=["rest", "stock over http", pytest.param("stock over sqlite", marks=pytest.mark.slow)])
def gateway(request, mlflow_url, sqlite_uri):
    if request.param == "rest":
        opened = RestGateway(mlflow_url, environ={}, patience=SHORT)
    else:
        opened = StockGateway(mlflow_url if request.param == "stock over http" else sqlite_uri, SHORT)
    with closing(opened):
        yield opened


@pytest.fixture
def experiment(gateway):
    return gateway.experiment(f"contract {new_id()}")


def new_run(experiment, **tags):
    return NewRun(experiment_id=experiment.id, name="a run", user="ann", started_ms=1_000_000, tags=tags)


def client_of(gateway):
    """MLflow's own client."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    return MlflowClient(gateway.tracking_uri)


def read_back(gateway, run_id):
    """Params and metrics as MLflow's own client sees them."""
    return client_of(gateway).get_run(run_id)


def test_an_experiment_is_made_once_and_found_again(gateway):
    """The first asker creates it, every further one gets the same id."""
    name = f"néw {new_id()} & odd?"
    first, second = gateway.experiment(name), gateway.experiment(name)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.id == second.id
    assert gateway.experiment_by_id(first.id).name == name


def test_several_that_create_the_same_experiment_at_once_all_get_it(mlflow_url):
    """The loser of the race takes the winner's experiment."""
    name = f"race {new_id()}"

    def ask_for_it(_):
        with closing(RestGateway(mlflow_url, environ={}, patience=SHORT)) as opened:
            return opened.experiment(name).id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask_for_it, range(8)))) == 1


def test_a_deleted_experiment_is_refused_with_the_way_back(gateway, experiment):
    """Its name stays taken; the error says how to restore it."""
    if urlsplit(gateway.tracking_uri).scheme == "http":
        ask(gateway.tracking_uri, "experiments/delete", experiment_id=experiment.id, _=1)
    else:
        gateway._client.delete_experiment(experiment.id)
    with pytest.raises(DestinationError) as refusal:
        gateway.experiment(experiment.name)
    assert f"restore --experiment-id {experiment.id}" in refusal.value.hint
    with pytest.raises(DestinationError, match="deleted"):
        gateway.experiment_by_id(experiment.id)


def test_an_experiment_is_born_with_its_tags_and_gets_more(gateway):
    """Every gateway: made with tags in one call, empty values kept; one more is set, and set again; others stay."""
    name = f"tags {new_id()}"
    made = gateway.experiment(name, TAGS)
    assert (made.is_new, made.tags) == (True, TAGS)
    for value in ("", "staging"):
        gateway.tag_experiment(made.id, "environment", value)
        found = gateway.experiment(name, {"not": "set on what is there"})
        assert (found.id, found.is_new) == (made.id, False)
        assert {**TAGS, "environment": value}.items() <= found.tags.items()
        assert "not" not in found.tags
    assert gateway.experiment_by_id(made.id).tags == found.tags
    assert client_of(gateway).get_experiment(made.id).tags["environment"] == "staging"


def test_a_run_and_a_tag_for_a_deleted_experiment_are_refused_with_the_way_back(gateway):
    """Deleted after its id was looked up: the error says what to do."""
    made = gateway.experiment(f"gone {new_id()}")
    client_of(gateway).delete_experiment(made.id)
    with pytest.raises(DestinationError, match="deleted") as refusal:
        gateway.tag_experiment(made.id, "a", "b")
    assert "mlflow experiments restore" in refusal.value.hint
    with pytest.raises(DestinationError, match="deleted") as refusal:
        gateway.create_run(new_run(made))
    assert "restore" in refusal.value.hint


def test_an_unknown_experiment_id_is_refused(gateway):
    """An id that nobody made is an error, never a new experiment."""
    with pytest.raises(DestinationError, match="987654321"):
        gateway.experiment_by_id("987654321")


def test_a_run_is_born_with_its_name_start_and_all_its_tags(gateway, experiment):
    """Creation carries everything that makes the run findable: 150 tags, the name, the user, the start."""
    tags = {f"tag {number}": f"value {number}" for number in range(150)}
    run = gateway.create_run(new_run(experiment, **tags))
    found = gateway.get_run(run.run_id)
    assert (found.status, found.started_ms, found.is_deleted) == ("RUNNING", 1_000_000, False)
    assert tags.items() <= found.tags.items()
    assert found.tags["mlflow.user"] == "ann"
    assert found.tags["mlflow.runName"] == "a run"
    assert found.experiment_id == experiment.id


def test_nobody_finds_a_run_that_is_not_there(gateway):
    """An unknown id is None, not an error."""
    assert gateway.get_run("0" * 32) is None


def test_runs_are_found_by_tag_in_their_experiment_only(gateway, experiment):
    """Active runs with that value, oldest first; deleted ones and other experiments do not count."""
    key = new_id()
    runs = [gateway.create_run(new_run(experiment, **{"evaltrail.key": key})) for _ in range(3)]
    gateway.create_run(new_run(experiment, **{"evaltrail.key": "another"}))
    gateway.create_run(new_run(gateway.experiment(f"other {new_id()}"), **{"evaltrail.key": key}))
    gateway.delete_run(runs[1].run_id)
    assert gateway.get_run(runs[1].run_id).is_deleted
    found = gateway.find_runs(experiment.id, "evaltrail.key", key)
    assert [run.run_id for run in found] == sorted([runs[0].run_id, runs[2].run_id])


@pytest.mark.slow
def test_batches_of_any_size_land_and_may_be_repeated(gateway, experiment):
    """2100 metrics and 250 params go in as many requests as needed; the same once more changes nothing."""
    run = gateway.create_run(new_run(experiment))
    metrics = [PlannedMetric(name=f"m{number}", value=number / 3, timestamp_ms=5) for number in range(2100)]
    params = {f"p{number}": f"é{number}" for number in range(250)} | {"empty": ""}
    for _ in range(2):
        for batch in batches(metrics, params, {"late": "tag"}):
            gateway.log_batch(run.run_id, batch)
    found = read_back(gateway, run.run_id)
    assert found.data.metrics == {point.name: point.value for point in metrics}
    assert found.data.params == params
    assert found.data.tags["late"] == "tag"


def test_a_param_with_another_value_is_refused_with_mlflows_words(gateway, experiment):
    """MLflow cannot change a param; the error names it."""
    run = gateway.create_run(new_run(experiment))
    gateway.log_batch(run.run_id, Batch(params=(("p", "1"),)))
    with pytest.raises(DestinationError, match="p") as refusal:
        gateway.log_batch(run.run_id, Batch(params=(("p", "2"),)))
    assert refusal.value.exit_code == 1


def test_a_dataset_is_an_input_of_the_run_once(gateway, experiment):
    """Lineage: name, digest, source and context; repeated, it stays one input."""
    dataset = PlannedDataset(name="d", digest="0" * 32, source_type="local", source='{"uri":"d.jsonl"}', profile="{}")
    run = gateway.create_run(new_run(experiment))
    for _ in range(2):
        gateway.log_datasets(run.run_id, (dataset,))
    (found,) = read_back(gateway, run.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("d", "0" * 32)
    assert {tag.key: tag.value for tag in found.tags} == {"mlflow.data.context": "evaluation"}


@pytest.mark.parametrize("path", ["request.json", "logs/deep/run log é.txt", "empty.bin"])
def test_a_file_lands_under_its_path_and_is_overwritten(gateway, experiment, tmp_path, path):
    """Folders, spaces and letters beyond ASCII stay; the second put replaces the first."""
    run = gateway.create_run(new_run(experiment))
    file = tmp_path / "local name.txt"
    for content in (b"first", b"" if path == "empty.bin" else b"second" * 100_000):
        file.write_bytes(content)
        gateway.put_artifact(run, path, file)
    from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - after the gateway has silenced its import

    place = download_artifacts(run_id=run.run_id, artifact_path=path, tracking_uri=gateway.tracking_uri)
    assert Path(place).read_bytes() == content


def test_a_run_ends_with_status_and_time_and_can_be_reopened(gateway, experiment):
    """The terminal status comes with the true end; RUNNING opens the run again."""
    run = gateway.create_run(new_run(experiment))
    gateway.set_status(run.run_id, "KILLED", ended_ms=2_000_000)
    found = read_back(gateway, run.run_id)
    assert (found.info.status, found.info.end_time) == ("KILLED", 2_000_000)
    assert gateway.get_run(run.run_id).is_terminal
    gateway.set_status(run.run_id, "RUNNING")
    assert not gateway.get_run(run.run_id).is_terminal


def test_http_is_spoken_directly_and_everything_else_by_the_stock_client(mlflow_url, sqlite_uri):
    """REST for http(s); signing, login plugins, proxies and other schemes are left to MLflow's client."""
    assert isinstance(open_gateway(mlflow_url, environ={}), RestGateway)
    assert isinstance(open_gateway(sqlite_uri, environ={}), StockGateway)
    assert isinstance(open_gateway("databricks", environ={}), StockGateway)
    assert isinstance(open_gateway(mlflow_url, environ={"MLFLOW_TRACKING_AWS_SIGV4": "true"}), StockGateway)
    assert isinstance(open_gateway(mlflow_url, environ={"MLFLOW_TRACKING_AUTH": "kubernetes"}), StockGateway)
    proxied = {"http_proxy": "http://proxy:3128"}
    assert isinstance(open_gateway(mlflow_url, environ=proxied), StockGateway)
    assert isinstance(open_gateway(mlflow_url, environ={**proxied, "no_proxy": "a, 127.0.0.1"}), RestGateway)


def test_the_stock_client_gets_its_own_settings_back(mlflow_url, monkeypatch):
    """Its retry settings are ours only while it works for us."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    StockGateway(mlflow_url, SHORT).get_run("0" * 32)
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_the_stock_client_sees_the_variables_it_was_given(mlflow_url, monkeypatch):
    """A .env file's login and proxy reach MLflow's client while it works; the process's own come first."""
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "http_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "own")
    environ = {"MLFLOW_TRACKING_USERNAME": "filed", "MLFLOW_TRACKING_PASSWORD": "p", "http_proxy": mlflow_url}
    with answering_with_login() as (url, seen):
        opened = open_gateway(url, environ=environ, patience=SHORT)
        assert isinstance(opened, StockGateway)
        opened = StockGateway(url, SHORT, environ={name: environ[name] for name in list(environ)[:2]})
        assert opened.get_run("0" * 32) is None
    assert base64.b64decode(seen[0].removeprefix("Basic ")) == b"own:p"
    assert os.environ.get("MLFLOW_TRACKING_PASSWORD") is None
    with pytest.raises(DestinationError):
        StockGateway(mlflow_url, SHORT, environ={"http_proxy": "http://127.0.0.1:1"}).get_run("0" * 32)
    assert "http_proxy" not in os.environ


def test_silence_ends_with_the_last_call():
    """Loggers and warnings are as they were, in whatever order the calls end."""
    with quiet():
        pass
    logger = logging.getLogger("mlflow")
    before = (logger.level, list(warnings.filters))
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(quiet())
        second.enter_context(quiet())
        first.close()
        assert logger.level == logging.ERROR
        second.close()
        assert (logger.level, warnings.filters) == before


@contextmanager
def answering_with_login():
    """A server that knows no run, and the Authorization headers it saw."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            body = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}'
            self.send_response(404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
