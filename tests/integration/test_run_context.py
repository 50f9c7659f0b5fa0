"""Commit and CI build on runs: on the user's own through MLflow's plugin, and on those of `evaltrail run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from evaltrail.compat.run_context import EvaltrailRunContext
from evaltrail.config.context_tags import BRANCH, CI, CI_URL, COMMIT, DIRTY

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
with mlflow.start_run() as run:
    pass
print(json.dumps(mlflow.get_run(run.info.run_id).data.tags))
"""
CI_BUILD = {"GITLAB_CI": "true", "CI_JOB_URL": "https://ci.example.org/1", "CI_COMMIT_REF_NAME": "main"}


@pytest.fixture
def project(tmp_path):
    """A repository with a script in it, and the commit."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    who = {f"GIT_{each}_{what}": "a@b" for each in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for words in (("init", "-q", "-b", "topic"), ("add", "."), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", "-C", folder, *words], check=True, env={**os.environ, **who})
    told = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return folder, told.stdout.strip()


def run_tags(script, cwd, uri, **environ):
    """The tags of the run that the script made, in a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, script, uri], cwd=cwd, env=kept | environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_every_run_of_the_users_bears_commit_branch_and_build(project, tmp_path, mlflow_url):
    """One set of tags under MLflow's own names; the script's repository counts, wherever it is started."""
    folder, commit = project
    tags = run_tags(folder / "train.py", tmp_path, mlflow_url, **CI_BUILD)
    assert (tags[COMMIT], tags[BRANCH], tags[DIRTY]) == (commit, "topic", "false")
    assert (tags[CI], tags[CI_URL]) == ("gitlab", "https://ci.example.org/1")
    assert [name for name in tags if name.endswith("commit")] == [COMMIT]


@pytest.mark.slow
def test_a_script_from_nowhere_gets_the_repository_it_runs_in(project, tmp_path, mlflow_url):
    """MLflow itself finds nothing then; a change that is not committed is told."""
    folder, commit = project
    script = tmp_path / "elsewhere.py"
    script.write_text(SCRIPT)
    (folder / "train.py").write_text("changed")
    tags = run_tags(script, folder, mlflow_url)
    assert (tags[COMMIT], tags[DIRTY], CI in tags) == (commit, "true", False)


def test_outside_of_any_repository_and_build_there_is_no_context(tmp_path, monkeypatch):
    """Nothing is told, and asking costs once."""
    for name in CI_BUILD:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.chdir(tmp_path)
    context = EvaltrailRunContext()
    assert (context.in_context(), context.tags()) == (False, {})
    monkeypatch.setenv("GITLAB_CI", "1")
    assert context.tags() == {}
    assert EvaltrailRunContext().tags() == {CI: "gitlab"}
