"""MLflow's scorers in a task file, and the commit of the working folder on the run, with the installed command."""

from __future__ import annotations

import subprocess

import pytest
from sums import write_sums

SCORERS = """\
  - mlflow.response_length: {max_length: 2}
  - mlflow.regex_match: {pattern: '^\\d+$'}
"""


@pytest.mark.slow
def test_scorers_of_mlflow_are_metrics_of_a_task_file(evaltrail, endpoint, tracking, experiment):
    """They score beside ours, need no judge where they ask none, and nobody claims that a model judged."""
    task = write_sums(evaltrail.cwd)
    text = task.read_text().replace("metrics: [exact_match]\n", f"metrics:\n  - exact_match\n{SCORERS}")
    task.write_text(text)
    done = evaltrail("run", task.name, "--model", "m", "--url", endpoint.url, "--experiment", experiment)
    assert done.code == 0, done.err
    assert "judged by" not in done.out
    run = tracking.run(experiment)
    assert run.data.metrics["sums/mlflow.regex_match"] == 1.0
    assert run.data.metrics["sums/mlflow.response_length_n"] == 50
    assert not [name for name in run.data.params if "judge" in name]


def test_a_run_bears_the_commit_of_the_folder_it_was_started_in(evaltrail, endpoint, tracking, experiment):
    """Commit, branch and whether tracked files were changed, as MLflow itself names them, and the CI build."""
    task = write_sums(evaltrail.cwd, 10)
    who = {f"GIT_{each}_{what}": "a@b" for each in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for words in (("init", "-q", "-b", "topic"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", *words], cwd=evaltrail.cwd, check=True, env=evaltrail.environ | who)
    build = {"BUILDKITE": "true", "BUILDKITE_BUILD_URL": "https://me:secret@ci.example.org/7"}
    words = ("run", task.name, "--model", "m", "--url", endpoint.url, "--experiment", experiment)
    assert evaltrail(*words, environ=build).code == 0
    tags = tracking.run(experiment).data.tags
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=evaltrail.cwd, check=True, capture_output=True, text=True)
    assert tags["mlflow.source.git.commit"] == told.stdout.strip()
    assert (tags["mlflow.source.git.branch"], tags["mlflow.source.git.dirty"]) == ("topic", "false")
    assert (tags["evaltrail.ci"], tags["evaltrail.ci.url"]) == ("buildkite", "https://ci.example.org/7")
