"""The page on judges, run as a reader would, with a judge that can be disagreed with."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from reader import ROOT, paste, whole_page

from evaltrail.scoring.catalog import make_metrics
from judge_server import JudgeServer
from judging_rules import is_direct

_PAGE = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_on_judges_works_as_written(evaltrail, tracking):
    """Calibrate, evaluate, score: every block ends with exit code 0, and the run knows how its judge was measured."""
    known = {run.info.run_id for run in tracking.runs("judged")}
    with JudgeServer(is_direct) as server:
        done = paste(evaltrail, whole_page("docs/judges.md"), URL=server.url, MODEL="my-judge")
    told = json.loads((evaltrail.cwd / "calibration" / "calibration.json").read_bytes())
    assert (told["n"], told["n_unlabelled"], told["kappa"]) == (48, 24, 0.5)
    runs = [run for run in tracking.runs("judged") if run.info.run_id not in known]
    assert len(runs) == 4
    assert runs[0].data.params["judge.direct.calibration"] == "calibrated: kappa 0.50 (n 48)"
    assert "direct is judged by my-judge: calibrated: kappa 0.50 (n 48)" in done.out


def test_the_metrics_of_the_page_can_be_made():
    """The task file's piece is valid, every judge in it."""
    (piece,) = re.findall(r"^```yaml\n(metrics:.*?)^```$", _PAGE, re.MULTILINE | re.DOTALL)
    specs = yaml.safe_load(piece)["metrics"]
    assert [metric.name for metric in make_metrics(specs)] == ["token_f1", "answer_relevance", "safety", "direct"]


def test_a_measured_judge_as_a_command(evaltrail):
    """In one line: the JSON object, an unreadable row as exit code 1, a bad label as 2 with its line."""
    folder = evaltrail.cwd
    (folder / "judge.yaml").write_text("direct: {grading_prompt: Is it direct, labels: [yes, no]}")
    (folder / "labels.csv").write_text("input,output,label\nq,we are glad,no\nq,ten,yes\nq,odd,yes\n")
    with JudgeServer(lambda text: "Hm." if "odd" in text else is_direct(text)) as server:
        words = ("judge", "calibrate", "labels.csv", "--judge", "judge.yaml", "--model", "m", "--url", server.url)
        partial = evaltrail(*words, "--json")
        (folder / "labels.csv").write_text("input,output,label\nq,ten,yes\nq,ten,maybe\n")
        wrong = evaltrail.here(*words)
    told = partial.object
    assert (partial.code, told["n"], told["n_unscored"], told["ok"]) == (1, 2, 1, False)
    assert told["confusion"] == {"no": {"no": 1}, "yes": {"yes": 1}}
    assert wrong.code == 2
    assert "labels.csv:3" in wrong.errors[0]
