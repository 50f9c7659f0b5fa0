"""`evaltrail ui`: MLflow's own pages over the current store."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, resolve_tracking_uri

EXAMPLE = "evaltrail ui --port 5000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")
    parser.add_argument("--port", type=int, default=5000, metavar="N", help="port on 127.0.0.1 (default 5000)")


def execute(arguments: argparse.Namespace) -> int:
    """Serve a store's pages until interrupted; for a tracking server, say where they are."""
    settings = load_settings()
    uri = resolve_tracking_uri(arguments.tracking_uri or settings.tracking_uri, settings.environ)
    if is_http(uri):
        return _tell(public_uri(uri), as_json=arguments.json)
    address = f"http://127.0.0.1:{arguments.port}"
    _tell(address, as_json=arguments.json)
    print_notice(f"MLflow is starting over {public_uri(uri)}; Ctrl-C ends it")
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--host", "127.0.0.1"]
    command += ["--port", str(arguments.port), "--workers", "1"]
    server = subprocess.Popen(command, env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"})  # noqa: S603
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


def _tell(address: str, *, as_json: bool) -> int:
    if as_json:
        print_json({"ok": True, "exit_code": 0, "url": address})
    else:
        print_text(address)
    return 0
