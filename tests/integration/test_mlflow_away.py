"""MLflow away, deaf, or unwilling: bounded, translated, and nothing lost."""

from __future__ import annotations

import os
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import DestinationError, DestinationUnreachableError, InputError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.gateway import StockGateway
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.rest import RestGateway
from mlflow_bundles import some_bundle
from mlflow_proxy import unreliable
from mlflow_server import free_port, runs_in, shared_port, shared_url

SHORT = Patience(connect_s=0.5, read_s=1, retry_s=0.5, pause_s=0.05)
GATEWAYS = (lambda url: RestGateway(url, environ={}, patience=SHORT), lambda url: StockGateway(url, SHORT))


@contextmanager
def answering(status, body, *, tls=None):
    """A server that gives everybody the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - http.server looks for these names

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def deaf():
    """A port that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def closed():
    """A port nobody listens on."""
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("away", [closed, deaf])
@pytest.mark.parametrize("make", GATEWAYS)
def test_a_server_that_is_away_or_deaf_is_given_up_in_seconds(away, make):
    """The stock client alone would hang for 247 s; both gateways give up within their patience, exit code 3."""
    with away() as url, closing(make(url)) as gateway:
        started = time.monotonic()
        with pytest.raises(DestinationUnreachableError) as failure:
            gateway.experiment("x")
        assert time.monotonic() - started < 15
    assert failure.value.exit_code == 3
    assert url in str(failure.value)


def test_results_for_a_server_that_is_away_wait_and_are_sent_by_sync(tmp_path, monkeypatch):
    """Everything is in the outbox before the first request; sync needs no bundle and works from any folder."""
    monkeypatch.chdir(tmp_path)
    destination = MlflowDestination(Path("outbox"), "0", environ={}, patience=SHORT)
    bundle = some_bundle(Path("bundle"), identity=new_id())
    experiment = f"away {new_id()}"
    port = free_port()
    options = DeliveryOptions(tracking_uri=f"http://127.0.0.1:{port}", experiment=experiment)
    with pytest.raises(DestinationUnreachableError):
        destination.deliver(bundle, options, fresh=True)
    assert stat.S_IMODE((tmp_path / "outbox").stat().st_mode) == 0o700
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (still,) = destination.sync()
    assert (still.receipt, still.error.exit_code) == (None, 3)
    with forwarded(port, shared_port()):
        (sent,) = destination.sync()
    assert sent.receipt.status == "FINISHED"
    assert sent.receipt.artifacts_logged == 5
    assert destination.waiting() == ()
    assert len(runs_in(shared_url(), experiment)) == 1
    assert not list((tmp_path / "outbox" / "staged").iterdir())


def test_a_delivery_that_the_server_stumbles_over_does_not_hold_up_the_next(tmp_path, mlflow_url):
    """HTTP 503 for one evaluation is that evaluation's trouble: sync sends the others all the same."""
    destination = MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=SHORT)
    bundles = [some_bundle(tmp_path / name, identity=new_id()) for name in ("bad", "good")]
    with unreliable(mlflow_url, lambda *_: "refuse") as proxy:
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=f"poison {new_id()}")
        for bundle in bundles:
            with pytest.raises(DestinationUnreachableError):
                destination.deliver(bundle, options, fresh=True)
        begun = []

        def judge(_method, path, _count):
            begun.extend([path] * path.endswith("runs/create"))
            return "refuse" if path.endswith("log-batch") and len(begun) == 1 else "forward"

        proxy.judge = judge
        bad, good = destination.sync()
    assert bad.error.exit_code == 3
    assert good.receipt.status == "FINISHED"


@contextmanager
def forwarded(port, target):
    """A port that is passed on byte by byte to another."""

    def pump(source, sink):
        with closing(source), closing(sink):
            while data := source.recv(65536):
                sink.sendall(data)

    def serve():
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", target))
            for pair in ((client, server), (server.dup(), client.dup())):
                threading.Thread(target=pump_quietly, args=pair, daemon=True).start()

    def pump_quietly(source, sink):
        try:
            pump(source, sink)
        except OSError:
            return

    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=serve, daemon=True).start()
    try:
        yield
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (401, b"You are not authenticated.", "MLFLOW_TRACKING_USERNAME"),
        (403, b"Invalid Host header - possible DNS rebinding attack detected", "--allowed-hosts 127.0.0.1:"),
        (404, b"<html>nginx</html>", "check that the tracking URI"),
        (200, b"<html>a login page</html>", "check that the tracking URI"),
    ],
)
@pytest.mark.parametrize("make", GATEWAYS)
def test_who_answers_but_is_not_willing_is_a_refusal_with_a_next_step(make, status, body, hint):
    """Exit code 1 and one line that says what to set, through both gateways."""
    with answering(status, body) as url, closing(make(url)) as gateway, pytest.raises(DestinationError) as refusal:
        gateway.experiment("x")
    assert refusal.value.exit_code == 1
    assert hint in refusal.value.hint
    assert "\n" not in str(refusal.value)


def test_the_real_server_refuses_a_foreign_host_and_we_say_what_to_start_it_with():
    """MLflow 3.17 answers 403 to any name but its own; the error names `--allowed-hosts` with the name we used."""
    with (
        unreliable(shared_url(), lambda *_: "forward", host="mlflow.example:5000") as proxy,
        closing(RestGateway(proxy.url, environ={}, patience=SHORT)) as gateway,
        pytest.raises(DestinationError) as refusal,
    ):
        gateway.experiment("x")
    assert f"--allowed-hosts {proxy.url.removeprefix('http://')}" in refusal.value.hint


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sqlite:///{folder}/file/mlflow.db", "cannot be opened"),
        ("sqlite:///{folder}/file", "file is not a database"),
        ("file://{folder}/mlruns", "sqlite:///mlflow.db"),
        ("nonsense://x", "unsupported URI"),
    ],
)
def test_a_store_that_cannot_be_opened_is_a_refusal(tmp_path, uri, said):
    """No folder, no database, a refused kind of store: one line that says so, at once."""
    (tmp_path / "file").write_text("this is no database" * 100)
    started = time.monotonic()
    with pytest.raises(DestinationError) as refusal:
        StockGateway(uri.format(folder=tmp_path), SHORT).experiment("x")
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 1
    assert time.monotonic() - started < 10


def test_a_locked_store_and_a_database_server_that_is_away_are_worth_another_attempt(tmp_path):
    """MLflow alone would try for 100 s; the exit code is 3, the password is not shown."""
    away = f"postgresql://ann:secret@127.0.0.1:{free_port()}/mlflow"
    with pytest.raises(DestinationUnreachableError) as failure:
        StockGateway(away, SHORT).experiment("x")
    assert "secret" not in str(failure.value)
    with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as store:
        store.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DestinationUnreachableError, match="another process"):
            StockGateway(f"sqlite:///{tmp_path}/mlflow.db", SHORT).experiment("x")


def test_a_password_in_the_tracking_uri_stays_out_of_what_is_said_and_kept(tmp_path):
    """A store that cannot be made out of the URI is refused; neither the error nor the outbox shows the login."""
    folder = tmp_path / "outbox"
    for uri in (
        f"mysql+nodriver://zoe:se%40cret@127.0.0.1:{shared_port()}/db",
        "http://zoe:se%40cret@127.0.0.1:1",
    ):
        destination = MlflowDestination(folder, "0", environ={}, patience=SHORT)
        with pytest.raises(DestinationError) as refusal:
            destination.deliver(some_bundle(tmp_path / "bundle"), DeliveryOptions(tracking_uri=uri), fresh=True)
        for said in (str(refusal.value), destination.waiting()[-1].last_error):
            assert "127.0.0.1" in said
            assert not any(secret in said for secret in ("cret", "zoe"))
    with pytest.raises(DestinationError, match="nonsense://127") as refusal:
        StockGateway("nonsense://zoe:se%40cret@127.0.0.1/x", SHORT).experiment("x")
    assert "cret" not in str(refusal.value)


def test_what_cannot_reach_mlflow_is_found_before_anything_is_asked(tmp_path):
    """The check says what the URI or the settings lack, without a request and without a file."""

    def check(uri, **environ):
        MlflowDestination(tmp_path / "outbox", "0", environ=environ).check(DeliveryOptions(tracking_uri=uri))

    with deaf() as url:
        check(url)
    check("", MLFLOW_TRACKING_URI="https://127.0.0.1:1")
    check(f"sqlite:///{tmp_path}/mlflow.db")
    for uri in ("sqlite:///:memory:", "postgresql://h:abc/db", "nonsense://x", "mlruns", "http://"):
        with pytest.raises(InputError) as refusal:
            check(uri)
        assert refusal.value.code == "bad_tracking_uri"
    with pytest.raises(InputError, match="certificate"):
        check("https://127.0.0.1:1", MLFLOW_TRACKING_SERVER_CERT_PATH=str(tmp_path / "none.pem"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_several_first_deliveries_to_a_fresh_store_do_not_ruin_it(tmp_path):
    """MLflow's migrations fail, and stay failed, when two processes run them at once; ours take turns."""
    program = (
        "import sys; from pathlib import Path; from mlflow_bundles import some_bundle\n"
        "from evaltrail.core.delivery import DeliveryOptions\n"
        "from evaltrail.destinations.mlflow.destination import MlflowDestination\n"
        "destination = MlflowDestination(Path('outbox'), '0', environ={})\n"
        "bundle = some_bundle(Path(sys.argv[1]), identity=sys.argv[1])\n"
        "print(destination.deliver(bundle, DeliveryOptions(), fresh=True)[0].status)\n"
    )
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda name: run_python(program, tmp_path, name), "ab"))
    assert [(item.stdout, item.stderr) for item in done] == [("FINISHED\n", "")] * 2


def run_python(program, folder, *arguments):
    """A fresh interpreter in the folder, which finds the tests' modules."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_the_default_store_is_made_in_silence_and_used_again(tmp_path):
    """No URI at all: sqlite in the working folder, artifacts beside it, and not a word of migrations on stderr."""
    program = (
        "import sys; from pathlib import Path; from mlflow_bundles import some_bundle\n"
        "from evaltrail.core.delivery import DeliveryOptions\n"
        "from evaltrail.destinations.mlflow.destination import MlflowDestination\n"
        "bundle = some_bundle(Path('bundle'))\n"
        "for _ in range(2):\n"
        "    (receipt,) = MlflowDestination(Path('outbox'), '0', environ={}).deliver(bundle, DeliveryOptions())\n"
        "    print(receipt.run_id, receipt.artifacts_logged, repr(receipt.run_url), receipt.experiment_name)\n"
    )
    done = run_python(program, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first == second
    assert first.endswith("5 '' evaltrail")
    assert (tmp_path / "mlflow.db").is_file()
    assert len(list((tmp_path / "mlruns").rglob("eval_results_table.json"))) == 1


def test_rest_never_imports_mlflow(tmp_path):
    """Landing over HTTP spares its seconds and its 169 MB."""
    program = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from mlflow_bundles import some_bundle, some_task\n"
        "from evaltrail.core.delivery import DeliveryOptions\n"
        "from evaltrail.destinations.mlflow.destination import MlflowDestination\n"
        f"options = DeliveryOptions(tracking_uri={shared_url()!r}, experiment='light {new_id()}')\n"
        "bundle = some_bundle(Path('bundle'), tasks=(replace(some_task(), samples=None),))\n"
        "MlflowDestination(Path('outbox'), '0', environ={}).deliver(bundle, options)\n"
        "print(sorted({'mlflow', 'requests', 'pandas', 'numpy', 'pyarrow', 'sqlalchemy'} & set(sys.modules)))\n"
    )
    done = run_python(program, tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_a_private_certificate_is_refused_until_it_is_named(tmp_path):
    """TLS is verified: unknown authority = exit code 1 with the variable to set; named = spoken to."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with answering(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}', tls=context) as url:
        with (
            closing(RestGateway(url, environ={}, patience=SHORT)) as gateway,
            pytest.raises(DestinationError) as refusal,
        ):
            gateway.get_run("r")
        assert refusal.value.exit_code == 1
        assert "MLFLOW_TRACKING_SERVER_CERT_PATH" in refusal.value.hint
        for trusting in (
            {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(certificate)},
            {"MLFLOW_TRACKING_INSECURE_TLS": "true"},
        ):
            with closing(RestGateway(url, environ=trusting, patience=SHORT)) as gateway:
                assert gateway.get_run("r") is None
