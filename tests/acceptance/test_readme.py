"""The README's tour, run as a newcomer would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_README = (_ROOT / "README.md").read_text(encoding="utf-8")


def _tour() -> list[str]:
    return re.findall(r"^```sh tour\n(.*?)^```$", _README, re.MULTILINE | re.DOTALL)


def test_the_tour_of_the_readme_works_as_written(evaltrail, endpoint, tracking):
    """Every block of the tour, pasted into a shell one after the other, ends with exit code 0 and lands its runs."""
    shutil.copytree(_ROOT / "examples", evaltrail.cwd / "examples")
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = evaltrail.environ | {"PATH": search, "URL": endpoint.url, "MODEL": "my-model"}
    blocks = _tour()
    assert len(blocks) >= 3
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=evaltrail.cwd,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    assert [run.info.status for run in tracking.runs("capitals")] == ["FINISHED", "FINISHED"]
    assert [run.info.status for run in tracking.runs("launches")][-1:] == ["FINISHED"]


def test_the_python_lines_of_the_readme_work(evaltrail, endpoint):
    """The Python examples run one after the other with only the endpoint changed."""
    examples = re.findall(r"^```python\n(.*?)^```$", _README, re.MULTILINE | re.DOTALL)
    example = "\n".join(examples)
    shutil.copytree(_ROOT / "examples", evaltrail.cwd / "examples")
    done = subprocess.run(
        [sys.executable, "-c", example.replace("http://localhost:8000/v1", endpoint.url)],
        cwd=evaltrail.cwd,
        env=evaltrail.environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (value, run_id), (overlap, other_id) = (line.split() for line in done.stdout.splitlines())
    assert (value, len(run_id)) == ("0.0", 32)
    assert 0.5 < float(overlap) < 1
    assert len({run_id, other_id}) == 2


def test_every_page_the_readme_links_to_is_there():
    """No link of the README leads nowhere."""
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", _README) if "://" not in link]
    assert links
    assert [link for link in links if not (_ROOT / link).exists()] == []
