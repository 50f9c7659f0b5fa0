"""Which commit and which CI build something was run from, as MLflow's tags; bounded in time, and never an error.

Source: ``git status --porcelain=v2``; variables of CI services (``ci_providers.toml``); the names of MLflow 3.17.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COMMIT, BRANCH, DIRTY = "mlflow.source.git.commit", "mlflow.source.git.branch", "mlflow.source.git.dirty"
"""MLflow's own names: what it finds out itself is the same tag, not a second one."""
CI, CI_URL = "evaltrail.ci", "evaltrail.ci.url"

_GIT_SECONDS = 2.0
_MOST_CHARACTERS = 500
_LOGIN = re.compile(r"(?<=://)[^/?#@]*@")
_NAMED = re.compile(r"\{(\w+)\}")
_DETACHED = "(detached)"
_STATUS = (
    *("--no-optional-locks", "-c", "core.fsmonitor=false"),
    *("status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules=dirty"),
)
"""What a repository is asked: once, without writing to it and without running what it may be configured to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Build:
    """What a CI service says of the build."""

    provider: str = ""
    url: str = ""
    commit: str = ""
    branch: str = ""


def context_tags(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Commit, branch and whether tracked files were changed, of the repository around a folder; the CI build.

    Where there is no git, no repository, or no answer within two seconds, the CI's variables say what they know.

    Args:
        environ: the variables.
        folder: anywhere within the work tree.
    """
    build = _build(environ)
    found = _repository(folder, environ)
    tags = {
        COMMIT: found.get(COMMIT) or build.commit,
        BRANCH: found.get(BRANCH) or build.branch,
        DIRTY: found.get(DIRTY, ""),
        CI: build.provider,
        CI_URL: build.url,
    }
    return {name: _storable(value) for name, value in tags.items() if value}


def _storable(value: str) -> str:
    return value.encode("utf-8", "replace").decode().replace("\x00", "?")[:_MOST_CHARACTERS]


def _build(environ: Mapping[str, str]) -> _Build:
    for name, said in _services().items():
        if environ.get(said["marker"], "").lower() not in {"", "0", "false"}:
            branches = (environ.get(each, "") for each in said["branch"])
            return _Build(
                provider=name,
                url=_filled(said["url"], environ),
                commit=environ.get(said["commit"], ""),
                branch=next(filter(None, branches), ""),
            )
    return _Build()


def _filled(template: str, environ: Mapping[str, str]) -> str:
    if not all(environ.get(name) for name in _NAMED.findall(template)):
        return ""
    return _LOGIN.sub("", _NAMED.sub(lambda name: environ[name[1]], template))


def _services() -> dict[str, dict[str, str]]:
    return tomllib.loads(Path(__file__).with_name("ci_providers.toml").read_text(encoding="utf-8"))


def _repository(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """What git says of the work tree around a folder; nothing where it says nothing in time."""
    git = shutil.which("git", path=environ.get("PATH"))
    if git is None:
        return {}
    try:
        done = subprocess.run(  # noqa: S603 - git, with words of ours alone
            [git, "-C", str(folder), *_STATUS],
            capture_output=True,
            env={**environ, "LC_ALL": "C"},
            timeout=_GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    return _read(done.stdout.decode("utf-8", "replace")) if done.returncode == 0 else {}


def _read(status: str) -> dict[str, str]:
    head: dict[str, str] = {}
    is_dirty = False
    for line in status.splitlines():
        if line.startswith("# "):
            name, _, value = line.removeprefix("# ").partition(" ")
            head[name] = value
        else:
            is_dirty = True
    commit, branch = head.get("branch.oid", ""), head.get("branch.head", "")
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):  # a repository without a commit says (initial)
        return {}
    return {COMMIT: commit, BRANCH: "" if branch == _DETACHED else branch, DIRTY: str(is_dirty).lower()}
