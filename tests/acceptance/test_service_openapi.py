"""Our own description, driven by a stranger that believes it: schemathesis finds no answer of 500 and above."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from service_stand import Stand

pytestmark = pytest.mark.slow

_SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
_ENDLESS = "/events"
_MANY = 500
"""Fewer requests would mean that the description says less than we answer."""


def test_no_described_request_is_answered_by_a_fault(tmp_path):
    """Examples, edges and random bodies, right and wrong, for every operation: no 5xx, and each a line of the log."""
    with Stand(tmp_path, model="http://127.0.0.1:9/v1", mlflow=f"sqlite:///{tmp_path / 'mlflow.db'}") as stand:
        stand.start_service()
        command = [
            *(_SCHEMATHESIS, "run", f"{stand.client.address}/openapi.json", "--phases", "examples,coverage,fuzzing"),
            *("--checks", "not_a_server_error,content_type_conformance", "--max-examples", "3"),
            *("--exclude-path-regex", f"{_ENDLESS}$", "--seed", "7", "--workers", "1", "--continue-on-failure"),
            *("--suppress-health-check", "all", "--warnings", "off", "--generation-database", "none"),
        ]
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        lines = (tmp_path / "log" / "serve.log").read_text().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert [each["message"] for each in told if each.get("level") == "error"] == []
    statuses = [each["status"] for each in told if "status" in each]
    assert [status for status in statuses if status >= 500] == []
    assert len(statuses) > _MANY
