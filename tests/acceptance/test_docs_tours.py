"""The commands and the Python of the pages on gathering, run as they stand there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("page", ["ingest.md", "export.md"])
@pytest.mark.slow
def test_a_page_works_as_written(evaltrail, tracking, page):
    """Every block of the tour in one shell, then the Python: exit code 0, and a second time changes nothing."""
    text = (_ROOT / "docs" / page).read_text(encoding="utf-8")
    shutil.copytree(_ROOT / "examples", evaltrail.cwd / "examples")
    shutil.copy(_ROOT / "mlflow_eval_integration.py", evaltrail.cwd)
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    tour = "\n".join(re.findall(r"^```sh tour\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    (python,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    script = f"{tour}\npython - <<'END'\n{python}END\n"
    counts = []
    for _ in range(2):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=evaltrail.cwd,
            env=evaltrail.environ | {"PATH": search},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        names = ("imported", "nightly", "nemo-evaluator-launcher", "Nemo Evaluator MS Testing")
        counts.append([len(tracking.runs(name)) for name in names])
    assert counts[0] == counts[1]
    assert sum(counts[0]) > 0


@pytest.mark.slow
def test_the_page_on_run_configurations_works_as_written(evaltrail, endpoint, tracking):
    """Its tour in one shell, against a real endpoint: every launch lands one run."""
    text = (_ROOT / "docs" / "run-configurations.md").read_text(encoding="utf-8")
    shutil.copytree(_ROOT / "examples", evaltrail.cwd / "examples")
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    (tour,) = re.findall(r"^```sh tour\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    known = {run.info.run_id for run in tracking.runs("launches")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", tour],
        cwd=evaltrail.cwd,
        env=evaltrail.environ | {"PATH": search, "URL": endpoint.url, "MODEL": "my-model"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    landed = [run for run in tracking.runs("launches") if run.info.run_id not in known]
    assert len(landed) >= 2  # the README's tour may land there at the same time
    assert {run.info.status for run in landed} == {"FINISHED"}
