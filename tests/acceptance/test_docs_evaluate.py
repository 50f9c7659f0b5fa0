"""docs/evaluate.md: its Python, run as it stands there."""

from __future__ import annotations

import re

import pytest
from reader import ROOT, blocks

from judge_server import JudgeServer

_PAGE = ROOT / "docs" / "evaluate.md"


@pytest.mark.slow
def test_the_page_on_evaluate_works_as_written(evaltrail, tracking, experiment):
    """All blocks in one program, with a judge that EVALTRAIL_JUDGE names: four runs, one of them of two."""
    program = "\n".join(blocks("docs/evaluate.md", "python"))
    with JudgeServer(lambda _: {"rationale": "fine", "score": 4}) as judge:
        evaltrail.environ |= {"EVALTRAIL_JUDGE": f"{judge.url}#judge", "MLFLOW_EXPERIMENT_NAME": experiment}
        done = evaltrail.python(program)
    assert done.code == 0, done.err
    assert done.out.splitlines()[-1] == "4.0 4.0"
    runs = tracking.runs(experiment)
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED", "FINISHED", "FINISHED"]
    assert {"rougeL", "silent/rougeL"} <= set(runs[2].data.metrics)


def test_every_file_that_the_page_links_to_is_there():
    """No link leads nowhere."""
    links = re.findall(r"\]\(([^)#]+)\)", _PAGE.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (_PAGE.parent / link).exists()] == []
