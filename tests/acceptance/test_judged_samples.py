"""What a judge said of each sample can be read in the terminal and in a table."""

from __future__ import annotations

import csv
import json

import pytest
from installed import Installed

from judge_server import JudgeServer

TASK = """\
name: tone
dataset: said.jsonl
prompt: "{{ question }}"
output: "{{ said }}"
target: "{{ said }}"
id: "{{ id }}"
metrics:
  - exact_match
  - politeness: {grading_prompt: Rate 1 to 5.}
"""
LONG = "It greets the guest by name. " * 40


def _says(text):
    if "guest 1" in text:
        return "=Hmm, I rather like\nthis one."
    return {"rationale": LONG if "guest 2" in text else "it greets", "score": 3}


class Judged:
    """Three samples: one whose judge cannot be read, one of whom it says a lot."""

    def __init__(self, folder):
        self.evaltrail = Installed(folder)
        rows = [{"id": f"r{n}", "question": f"Greet guest {n}.", "said": "Welcome!"} for n in range(3)]
        (self.evaltrail.cwd / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (self.evaltrail.cwd / "tone.yaml").write_text(TASK)
        with JudgeServer(_says) as server:
            words = ("--judge", f"{server.url}#judge-1", "--no-deliver", "--max-retries", 0, "--json")
            self.done = self.evaltrail("run", "tone.yaml", "--model", "baseline:majority", *words)
            self.url = server.url
        self.id = self.done.object["evaluation_id"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return Judged(tmp_path_factory.mktemp("judged"))


def test_the_flag_names_the_judge_of_a_run(judged):
    """`--judge` is `--param judge=`: the run's params and the command that repeats it say so."""
    assert judged.done.code == 1
    report = judged.evaltrail("info", judged.id).out
    assert f"--judge '{judged.url}#judge-1'" in report
    assert "--param" not in report


@pytest.mark.slow
def test_a_judge_of_the_environment_is_in_the_command_that_repeats_it(tmp_path, judged):
    """Who repeats it elsewhere needs its name; so does who scores it again."""
    evaltrail = Installed(tmp_path)
    for name in ("said.jsonl", "tone.yaml"):
        (evaltrail.cwd / name).write_text((judged.evaltrail.cwd / name).read_text())
    with JudgeServer(_says) as server:
        evaltrail.environ["EVALTRAIL_JUDGE"] = f"{server.url}#judge-1"
        words = ("--model", "baseline:majority", "--no-deliver", "--allow-unscored", 1, "--max-retries", 0, "--json")
        made = evaltrail("run", "tone.yaml", *words)
        assert made.code == 0, made.err
        told = evaltrail("info", made.object["evaluation_id"]).out
        assert f"--judge '{server.url}#judge-1'" in told
        again = ("--metrics", "{tone: {grading_prompt: Rate 1 to 5.}}", "--no-deliver", "--allow-unscored", 1, "--json")
        scored = evaltrail("score", made.object["evaluation_id"], *again)
        assert f"--judge '{server.url}#judge-1'" in evaltrail("info", scored.object["evaluation_id"]).out


def test_two_judges_for_one_run_are_refused(judged):
    """The flag and the parameter say the same; two different ones cannot both be meant."""
    words = ("--model", "m", "--judge", "openai:/a", "--param", "judge=openai:/b", "--no-deliver")
    done = judged.evaltrail("run", "tone.yaml", "--url", "http://127.0.0.1:9/v1", *words)
    assert (done.code, "two judges" in done.err) == (2, True)


def test_what_could_not_be_read_is_shown(judged):
    """The reason, and the judge's own words on one line."""
    shown = judged.evaltrail("samples", judged.id, "--unscored").out
    assert 'politeness unscored (judge_unreadable): "=Hmm, I rather like this one.' in shown
    assert "Greet guest 0" not in shown


def test_reasons_of_judges_are_shown_and_cut(judged):
    """A metric without words stands on one line with the others."""
    shown = judged.evaltrail("samples", judged.id).out
    assert "scores:   exact_match True\n          politeness 3.000: it greets\n" in shown
    (line,) = (line for line in shown.splitlines() if "politeness 3.000: It greets the guest by name." in line)
    assert line.endswith("...")
    assert len(line) < 500


def test_the_table_has_columns_for_what_a_judge_said(judged):
    """Reason, rationale, raw words; whole, and no formula. A metric that is no judge has its value alone."""
    done = judged.evaltrail("samples", judged.id, "--csv", "all.csv")
    assert done.code == 0, done.err
    with (judged.evaltrail.cwd / "all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["politeness"] for row in rows] == ["3.0", "unscored (judge_unreadable)", "3.0"]
    assert [row["politeness.reason"] for row in rows] == ["", "judge_unreadable", ""]
    assert rows[0]["politeness.rationale"] == "it greets"
    assert rows[1]["politeness.raw"].startswith("'=Hmm, I rather like\nthis one.")
    assert rows[2]["politeness.rationale"].strip() == LONG.strip()
    assert not any(name.startswith("exact_match.") for name in rows[0])
