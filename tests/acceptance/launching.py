"""Run configurations as a user has them: files, the command, the tree that a launch leaves, MLflow as it lands."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from installed import Finished, Installed  # noqa: TC002  types of our own stay plain
from sums import write_sums

HARNESSES = Path(__file__).resolve().parents[1] / "harness_package"
"""A package that registers harnesses; on PYTHONPATH it is as good as installed."""


class Launching:
    """One user with a folder of run configurations.

    Args:
        command: the installed command.
        url: of the endpoint.
        experiment: where results land.
    """

    def __init__(self, command: Installed, url: str, experiment: str) -> None:
        self.command = command
        self.url = url
        self.experiment = experiment
        self.folder = command.cwd
        self.database = Path(command.environ["HOME"], ".nemo-evaluator", "exec-db", "exec.v1.jsonl")

    def native(self, *, count: int = 40, tasks: int = 1, **changes: Any) -> dict[str, Any]:
        """A configuration of native tasks, written down as ``my_config.yaml``; changes are laid over it."""
        write_sums(self.folder, count)
        return self.write({"evaluation": {"tasks": [{"name": "sums.yaml"} for _ in range(tasks)]}, **changes})

    def write(self, content: Mapping[str, Any], name: str = "my_config.yaml") -> dict[str, Any]:
        """A configuration with the endpoint in it; keys that are given win."""
        whole: dict[str, Any] = {
            "target": {"api_endpoint": {"url": self.url, "model_id": "m"}},
            "export": {"mlflow": {"experiment_name": self.experiment}},
            **content,
        }
        (self.folder / name).write_text(yaml.safe_dump(whole, sort_keys=False))
        return whole

    def words(self, *more: object) -> tuple[str, ...]:
        """The command line that runs it."""
        return ("run", "--config-dir", ".", "--config-name", "my_config", *map(str, more))

    def __call__(self, *more: object, **options: Any) -> Finished:
        """Run it to its end."""
        return self.command(*self.words(*more), **options)

    def refused(self, *more: object) -> Finished:
        """Run it where it ends before anything is started."""
        done = self.command.here(*self.words(*more))
        assert done.code == 2, done.err
        return done

    def lines(self) -> list[dict[str, Any]]:
        """The execution database."""
        return [json.loads(line) for line in self.database.read_text().splitlines()] if self.database.exists() else []

    def folders(self) -> list[Path]:
        """The folders of all jobs, in the order in which they were put down."""
        return [Path(each) for each in dict.fromkeys(line["data"]["output_dir"] for line in self.lines())]

    def status(self, wanted: str) -> dict[str, Any]:
        """What `status --json` tells."""
        found: dict[str, Any] = self.command.here("status", wanted, "--json").object
        return found


def with_harnesses(command: Installed) -> None:
    """Let the command find the harnesses of the tests."""
    command.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(HARNESSES), command.environ.get("PYTHONPATH", "")])
    )


def tree(folder: Path) -> set[str]:
    """Every file below a folder, relative."""
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
