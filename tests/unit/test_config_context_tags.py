"""Commit and CI build as tags: from a real repository and from the variables of each service."""

from __future__ import annotations

import os
import re
import subprocess
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evaltrail.config.context_tags
from evaltrail.config.context_tags import BRANCH, CI, CI_URL, COMMIT, DIRTY, context_tags

SERVICES = tomllib.loads(Path(evaltrail.config.context_tags.__file__).with_name("ci_providers.toml").read_text())
PLAIN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def git(folder, *words):
    environ = {**PLAIN, "GIT_CONFIG_NOSYSTEM": "1"}
    for who in ("AUTHOR", "COMMITTER"):
        environ |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.org"}
    done = subprocess.run(["git", "-C", folder, *words], env=environ, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A work tree with one commit, and a folder within it."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "file").write_text("one")
    git(tmp_path, "init", "-q", "-b", "topic/x")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_the_commit_the_branch_and_whether_tracked_files_changed(repository):
    """Anywhere within the work tree; files that git does not track say nothing."""
    commit = git(repository, "rev-parse", "HEAD")
    (repository / "untracked").write_text("x")
    found = context_tags(PLAIN, repository / "deep" / "er")
    assert found == {COMMIT: commit, BRANCH: "topic/x", DIRTY: "false"}
    (repository / "file").write_text("two")
    assert context_tags(PLAIN, repository)[DIRTY] == "true"
    git(repository, "commit", "-q", "-a", "-m", "second")
    git(repository, "checkout", "-q", "--detach")
    assert BRANCH not in context_tags(PLAIN, repository)


def test_a_detached_checkout_of_a_ci_build_gets_the_branch_it_was_made_for(repository):
    """CI services check out a commit, not a branch: their variables say which it was."""
    git(repository, "checkout", "-q", "--detach")
    found = context_tags({**PLAIN, "GITLAB_CI": "true", "CI_COMMIT_REF_NAME": "main"}, repository)
    assert (found[BRANCH], found[COMMIT], found[CI]) == ("main", git(repository, "rev-parse", "HEAD"), "gitlab")
    assert CI_URL not in found


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_known_by_its_marker_and_tells_its_build(tmp_path, name):
    """With every variable that it sets there are all tags; without them only its name."""
    said = SERVICES[name]
    named = [*re.findall(r"\{(\w+)\}", said["url"]), said["commit"], said["branch"][-1]]
    environ = {**{each: f"value-of-{each}" for each in named}, said["marker"]: "true"}
    found = context_tags(environ, tmp_path)
    assert (found[CI], found[COMMIT], found[BRANCH]) == (
        *(name, f"value-of-{said['commit']}"),
        f"value-of-{said['branch'][-1]}",
    )
    assert "{" not in found[CI_URL]
    assert context_tags({said["marker"]: "1"}, tmp_path)[CI] == name
    assert context_tags({said["marker"]: "false"}, tmp_path) == {}


def test_the_address_of_a_github_build(tmp_path):
    """Server, repository and run make the page; a login in it does not go along."""
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": "https://me:secret@github.example.org",
        "GITHUB_REPOSITORY": "org/name",
        "GITHUB_RUN_ID": "42",
    }
    assert context_tags(environ, tmp_path)[CI_URL] == "https://github.example.org/org/name/actions/runs/42"


def test_no_git_no_repository_no_commit_no_folder_say_nothing(tmp_path):
    """Nothing is an error."""
    assert context_tags(PLAIN, tmp_path) == {}
    assert context_tags({"PATH": str(tmp_path)}, tmp_path) == {}
    assert context_tags(PLAIN, tmp_path / "gone") == {}
    git(tmp_path, "init", "-q")
    assert context_tags(PLAIN, tmp_path) == {}


def test_a_git_that_hangs_is_not_waited_for(tmp_path):
    """Two seconds at most, then the CI's variables have to do."""
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    began = time.monotonic()
    environ = {"PATH": f"{tmp_path}{os.pathsep}{PLAIN['PATH']}", "GITLAB_CI": "1", "CI_COMMIT_SHA": "abc"}
    assert context_tags(environ, tmp_path) == {COMMIT: "abc", CI: "gitlab"}
    assert time.monotonic() - began < 10


@given(st.text(), st.text(min_size=400))
def test_whatever_the_variables_hold_the_tags_are_fit_for_mlflow(commit, url):
    """No value is empty, long, or what no database stores."""
    found = context_tags({"GITLAB_CI": "1", "CI_COMMIT_SHA": commit, "CI_JOB_URL": url}, Path("/"))
    for value in found.values():
        assert 0 < len(value) <= 500
        assert "\x00" not in value.encode().decode()
