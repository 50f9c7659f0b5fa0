"""The newcomer's example, run as it stands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from service_stand import Stand

from judge_server import JudgeServer

pytestmark = pytest.mark.slow

_SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "service" / "first_evaluation.py"
_CAPITALS = {"France": "Paris", "Norway": "Oslo", "Peru": "Lima"}


def _answer(text):
    """What a model knows that takes Lyon for the capital of Peru."""
    return next((capital for country, capital in _CAPITALS.items() if country in text), "").replace("Lima", "Lyon")


def test_first_evaluation_tells_result_and_link(tmp_path, mlflow_url):
    """Twice, for the second time the benchmark is there already; the score is the model's, the run is in MLflow."""
    with JudgeServer(_answer) as model, Stand(tmp_path, model=model.url, mlflow=mlflow_url) as stand:
        stand.start(concurrency=1)
        command = [sys.executable, str(_SCRIPT), stand.client.address]
        first, again = (
            subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout for _ in range(2)
        )
    assert first.splitlines()[0] == "completed: all benchmarks are done"
    assert "capitals_short/exact_match 0.6666666666666666 (of 3 samples)" in first
    assert f"in MLflow: {mlflow_url}/#/experiments/" in again
