"""docs/write-a-reader.md: its example is built, installed and run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "write-a-reader.md"


def test_the_reader_of_the_page_is_one_file_and_one_entry_point(evaltrail, tracking, experiment, tmp_path):
    """The page's files, built as a wheel and put on the path, make ingest land a format that is not ours."""
    source, installed, results = tmp_path / "source", tmp_path / "site", tmp_path / "results"
    for folder in (source, results):
        folder.mkdir()
    text = _PAGE.read_text(encoding="utf-8")
    for name, block in re.findall(r"^```\w+ (\S+\.\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        (results if name == "tally.json" else source).joinpath(name).write_text(block)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(installed)
    environ = {"PYTHONPATH": str(installed)}

    shown = evaltrail("ingest", results, "--dry-run", environ=environ)
    assert 'tally.json: tally, 95% sure: the key "tally"' in shown.out
    done = evaltrail("ingest", results, "--experiment", experiment, "--json", environ=environ)

    assert done.code == 0, done.err
    run = tracking.run(experiment)
    assert run.data.metrics == {"qa/f1": 0.5, "qa/f1_stderr": 0.02}
    assert run.data.tags["evaltrail.model"] == "my-model"
    assert tracking.files(run.info.run_id) == {"tally.json"}
    assert done.object["receipts"][0]["skipped"] == [{"what": "scores.qa.bleu", "why": "it is null"}]
    assert evaltrail("ingest", results, "--experiment", experiment).code == 2, (
        "without the reader nothing is recognised"
    )
