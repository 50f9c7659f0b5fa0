"""The two contestants, the floor and `evaltrail run`, on the same items, each time against a fresh mock server."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from make_data import item
from measure import Measured, MockEndpoint, NotMeasuredError, measure

LATENCY_MS = 20.0
_FLOOR = Path(__file__).with_name("floor_client.py")
_EVALTRAIL = Path(sys.executable).with_name("evaltrail")
_TASK = """\
name: sums
dataset: items-{count}.jsonl
prompt: "{{{{ question }}}}"
target: "{{{{ answer }}}}"
metrics: [exact_match]
generation: {{temperature: 0, max_tokens: 16}}
id: "{{{{ id }}}}"
"""

_LAUNCH = """\
execution: {{output_dir: "{home}/results"}}
target: {{api_endpoint: {{url: "{url}", model_id: mock}}}}
evaluation:
  nemo_evaluator_config: {{config: {{params: {{parallelism: {in_flight}}}}}}}
  tasks: [sums-{count}.yaml]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What `evaltrail run --json` says of the one task and its one metric."""

    score: float | None
    scored: int
    unscored: Mapping[str, int]
    """Reason to samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """Where and how the contestants run."""

    folder: Path
    """Data sets, task files and homes; the caller removes it."""
    prefix: tuple[str, ...]
    """Goes before a command to pin it to a core."""
    repeats: int
    codec: str = "orjson" if importlib.util.find_spec("orjson") else "msgspec"
    """What the floor reads and writes JSON with."""

    def floor(self, count: int, in_flight: int) -> Measured:
        """One run of the floor, which writes a row an item into a file."""
        with MockEndpoint(latency_ms=LATENCY_MS) as endpoint:
            command = (*self.prefix, sys.executable, str(_FLOOR), "--client=raw", "--loop=uvloop")
            data = (f"--data={self._items(count)}", f"--out={self.folder / 'floor.jsonl'}", f"--codec={self.codec}")
            where = (f"--base-url={endpoint.url}", f"--concurrency={in_flight}")
            return measure((*command, *data, *where), endpoint, folder=self.folder, environ=self._environ(self.folder))

    def evaltrail(
        self,
        count: int,
        in_flight: int,
        *flags: str,
        exit_codes: tuple[int, ...] = (0,),
        **knobs: object,
    ) -> Measured:
        """One `evaltrail run` with a home of its own, against a server with these knobs (20 ms a call unless said)."""
        with (
            TemporaryDirectory(dir=self.folder) as home,
            MockEndpoint(**{"latency_ms": LATENCY_MS, **knobs}) as endpoint,
        ):
            return self.evaltrail_at(endpoint, Path(home), count, in_flight, *flags, exit_codes=exit_codes)

    def launched(self, count: int, in_flight: int) -> Measured:
        """One run configuration with this task as its only job, with a home and a server of its own."""
        self.task(count)
        with TemporaryDirectory(dir=self.folder) as home, MockEndpoint(latency_ms=LATENCY_MS) as endpoint:
            file = self.folder / f"launch-{count}.yaml"
            file.write_text(_LAUNCH.format(url=endpoint.url, home=home, count=count, in_flight=in_flight))
            command = (*self.prefix, str(_EVALTRAIL), "run", f"--config={file}", "--json")
            return measure(command, endpoint, folder=self.folder, environ=self._environ(Path(home)))

    def evaltrail_at(
        self,
        endpoint: MockEndpoint,
        home: Path,
        count: int,
        in_flight: int,
        *flags: str,
        exit_codes: tuple[int, ...] = (0,),
        kill_at: int = 0,
    ) -> Measured:
        """One `evaltrail run` with a given home against a given server; killed at so many requests, if any."""
        task = self.task(count)
        command = (*self.prefix, str(_EVALTRAIL), "run", str(task), "--model=mock", f"--url={endpoint.url}")
        options = (f"--concurrency={in_flight}", "--no-deliver", "--json", *flags)
        return measure(
            (*command, *options),
            endpoint,
            folder=self.folder,
            environ=self._environ(home),
            exit_codes=exit_codes,
            kill_at=kill_at,
        )

    def warm_up(self) -> None:
        """Let byte code be compiled and files be read once before anything counts.

        Raises:
            NotMeasuredError: evaltrail is not installed beside this Python, or one of the two does not run.
        """
        if not _EVALTRAIL.is_file():
            raise NotMeasuredError(f"{_EVALTRAIL} is not there: install evaltrail into this Python first")
        self.floor(100, 8)
        self.evaltrail(100, 8)

    def task(self, count: int) -> Path:
        """A task of so many items."""
        task = self._items(count).with_name(f"sums-{count}.yaml")
        task.write_text(_TASK.format(count=count), encoding="utf-8")
        return task

    def _items(self, count: int) -> Path:
        file = self.folder / f"items-{count}.jsonl"
        if not file.exists():
            file.write_text("".join(json.dumps(item(number)) + "\n" for number in range(count)), encoding="utf-8")
        return file

    def _environ(self, home: Path) -> dict[str, str]:
        # Nothing of the user's: no proxy, no key, no endpoint; the home holds all that is written.
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "EVALTRAIL_HOME": str(home / "evaltrail")}


def outcome(run: Measured) -> Outcome:
    """What one run came to."""
    said: dict[str, Any] = json.loads(run.output)
    counts = said["counts"]["sums"]
    score = said["metrics"]["sums/exact_match"]["value"]
    return Outcome(score=score, scored=counts["scored"], unscored=counts["unscored"])
