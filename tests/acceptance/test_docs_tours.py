"""The commands and the Python of the pages on gathering, run as they stand there."""

from __future__ import annotations

import shutil

import pytest
from reader import ROOT, blocks, paste, whole_page


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("ingest.md", ("imported", "Nemo Evaluator MS Testing")),
        ("export.md", ("nightly", "nemo-evaluator-launcher")),
    ],
)
@pytest.mark.slow
def test_a_page_works_as_written(evaltrail, tracking, page, names):
    """Every block of the tour in one shell, then the Python: exit code 0, and a second time changes nothing."""
    shutil.copy(ROOT / "mlflow_eval_integration.py", evaltrail.cwd)
    counts = []
    for _ in range(2):
        paste(evaltrail, whole_page(f"docs/{page}"))
        counts.append([len(tracking.runs(name)) for name in names])
    assert counts[0] == counts[1]
    assert all(counts[0])


@pytest.mark.slow
def test_the_page_on_run_configurations_works_as_written(evaltrail, endpoint, tracking):
    """Its tour in one shell, against a real endpoint: every launch lands one run."""
    (tour,) = blocks("docs/run-configurations.md", "sh tour")
    known = {run.info.run_id for run in tracking.runs("launches")}
    paste(evaltrail, tour, URL=endpoint.url, MODEL="my-model")
    landed = [run for run in tracking.runs("launches") if run.info.run_id not in known]
    assert len(landed) >= 2  # the README's tour may land there at the same time
    assert {run.info.status for run in landed} == {"FINISHED"}
