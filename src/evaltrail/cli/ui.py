"""`evaltrail ui`: MLflow's own pages over the current store."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, resolve_tracking_uri

EXAMPLE = "evaltrail ui --port 5000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")
    parser.add_argument(
        "--port", type=values.positive, default=5000, metavar="N", help="port on 127.0.0.1 (default 5000)"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Serve a store's pages until interrupted; for a tracking server, say where they are."""
    settings = load_settings()
    uri = resolve_tracking_uri(arguments.tracking_uri or settings.tracking_uri, settings.environ)
    if is_http(uri):
        return _tell(public_uri(uri), as_json=arguments.json)
    _check_free(arguments.port)
    _tell(f"http://127.0.0.1:{arguments.port}", as_json=arguments.json)
    print_notice(f"MLflow is starting over {public_uri(uri)}; Ctrl-C ends it")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    command += ["--port", str(arguments.port), "--workers", "1"]
    environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen(command, env=environ, stdout=sys.stderr)  # noqa: S603  our own interpreter
    try:
        code = server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        return 0
    if code:
        raise EvaltrailError(
            f"MLflow's server ended with exit code {code}", code="ui_failed", hint="is the port free? try --port 5001"
        )
    return 0


def _check_free(port: int) -> None:
    """MLflow's own server says nothing and exits with 0 when its port is taken, so it is tried first."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise InputError(
                f"port {port} cannot be used: {error}", code="port_taken", hint=f"try --port {port + 1}"
            ) from error


def _tell(address: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"ok": True, "exit_code": 0, "url": address})
    else:
        print_text(address)
    sys.stdout.flush()
    return 0
