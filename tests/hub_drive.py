"""Every method of today's Eval Hub client and every command of `evalhub`, and what each is answered."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
from evalhub.cli.main import main
from evalhub.client.base import JobCanNotBeCancelledError
from evalhub.client.job_logs import JobLogUpdate
from evalhub.models import BenchmarkConfig, ExperimentConfig, JobSubmissionRequest, ModelConfig
from pydantic import BaseModel

SCRIPT = Path(sys.executable).with_name("evalhub")
RESOURCES = ("providers", "benchmarks", "collections", "jobs")
OVER = "of a job that is over"
LOCAL = ("completion", "config", "mcp", "server", "version")
"""Commands that do not speak to a server, or start one of their own."""
COLLECTION = {
    "name": "Sums",
    "category": "own",
    "benchmarks": [{"id": "sums", "provider_id": "native", "primary_score": {"metric": "exact_match"}}],
}
PROVIDER = {"name": "own", "title": "Own"}
AWAY = "http://127.0.0.1:9/v1"
"""No model answers there, so that a job stays to be cancelled."""
_POLL_S = 0.2
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a client is driven."""

    url: str
    """Of the service."""
    model_url: str
    experiment: str

    def order(self, **more: Any) -> JobSubmissionRequest:
        """Ten sums, of which the model answers nine rightly."""
        return JobSubmissionRequest(
            **{
                "name": "sums",
                "model": ModelConfig(url=self.model_url, name="m"),
                "benchmarks": [BenchmarkConfig(id="sums", provider_id="native")],
                "experiment": ExperimentConfig(name=self.experiment),
                **more,
            }
        )


def methods(client: object) -> set[str]:
    """The public methods of a client, and of its resources as ``resource.method``."""
    found = {name for name in _public(client) if name not in RESOURCES}
    return found | {f"{each}.{name}" for each in RESOURCES for name in _public(getattr(client, each))}


async def drive(client: Any, place: Place) -> Mapping[str, str]:
    """What each method is answered.

    Args:
        client: synchronous or asynchronous.
        place: where it is driven.
    """
    told: dict[str, str] = {}

    async def ask(name: str, *words: Any, case: str = "", **more: Any) -> Any:
        resource, _, method = name.rpartition(".")
        try:
            found = await _result(getattr(getattr(client, resource) if resource else client, method)(*words, **more))
        except (httpx.HTTPStatusError, JobCanNotBeCancelledError) as error:
            found = error
        told[f"{name} ({case})" if case else name] = described(found)
        return found

    await ask("providers.list")
    await ask("providers.get", "native")
    await ask("providers.create", PROVIDER)
    for verb, words in (("update", [PROVIDER]), ("patch", [PROVIDER]), ("delete", [])):
        await ask(f"providers.{verb}", "native", *words)
    await ask("benchmarks.list")
    made = await ask("collections.create", COLLECTION)
    await ask("collections.list")
    for verb, words in (("get", []), ("update", [COLLECTION]), ("patch", [{"name": "More"}])):
        await ask(f"collections.{verb}", made.resource.id, *words)
    await ask("collections.patch", made.resource.id, [{"op": "remove", "path": "/tags"}], case="JSON Patch")
    await ask("collections.delete", made.resource.id)
    await ask("collections.delete", "healthcare_safety_v1", case="one that ships")
    job = await ask("jobs.submit", place.order())
    await ask("jobs.watch_logs", job.id, poll_interval=_POLL_S, timeout=_PATIENCE_S)
    await ask("jobs.wait_for_completion", job.id, poll_interval=_POLL_S, timeout=_PATIENCE_S)
    await ask("jobs.get", job.id)
    await ask("jobs.get_logs", job.id, benchmark_index=0)
    await ask("jobs.list", limit=5)
    await ask("jobs.cancel", job.id, case=OVER)
    await ask("jobs.cancel", job.id, hard_delete=True, case="with `hard_delete`")
    other = await ask("jobs.submit", place.order())
    await ask("jobs.cancel", other.id)
    await ask("health")  # by now the worker has shown that it is alive
    await ask("close")
    return told


def described(found: object) -> str:
    """An answer without what differs from call to call."""
    if isinstance(found, httpx.HTTPStatusError):
        return f"refused: {found.response.status_code} `{found.response.json()['message_code']}`"
    if isinstance(found, JobCanNotBeCancelledError):
        return f"`{type(found).__name__}` with the reason"
    if isinstance(found, BaseModel):
        state = getattr(found, "state", None)
        return f"`{type(found).__name__}`" + (f", {state.value}" if state else "")
    return _plain(found)


def _plain(found: object) -> str:
    if isinstance(found, list) and isinstance(found[-1], JobLogUpdate):
        return f"the log as it grows, until the job is {found[-1].job.state.value}"
    if isinstance(found, list):
        return f"list of `{', '.join(sorted({type(each).__name__ for each in found}))}`"
    if isinstance(found, dict):
        return f"its status: {found['status']}"
    if isinstance(found, str):
        return "the log as text" if found else "an empty log"
    return "done" if found is None else f"`{found}`"


def commands() -> set[str]:
    """The commands of `evalhub` that speak to a server."""
    return {" ".join(words) for words in _leaves(main, ()) if words[0] not in LOCAL}


class Command:
    """The command `evalhub` in a home of its own.

    Args:
        folder: for its files.
        url: of the service.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._environ = {"HOME": str(folder), "EVALHUB_BASE_URL": url, "PATH": "", "COLUMNS": "200", "NO_COLOR": "1"}

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [str(SCRIPT), *map(str, words)],
            env=self._environ,
            cwd=self._folder,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=False,
        )

    def file(self, name: str, content: object) -> Path:
        """A file for ``--file`` and ``--config``."""
        file = self._folder / name
        file.write_text(json.dumps(content))
        return file


def drive_commands(run: Command, place: Place) -> Mapping[str, str]:
    """What each command is answered.

    Args:
        run: the command.
        place: where it is driven.
    """
    told: dict[str, str] = {}

    def ask(name: str, *words: object) -> str:
        done = run(*name.split(), *words)
        assert "Traceback" not in done.stderr, done.stderr
        last = re.sub(r" \([^()]*\)$", "", done.stderr.strip().rpartition("\n")[2].removeprefix("Error: "))
        shown = "works" if done.returncode == 0 else f"refused: {last or done.stdout.strip()}"
        told[name] = shown if told.get(name, shown) == shown else f"{told[name]}; {shown}"
        return done.stdout

    def made(text: str) -> str:
        found = re.search(r"(?:submitted|created): (\S+)", text)
        assert found, text
        return found[1]

    collection, provider = run.file("collection.json", COLLECTION), run.file("provider.json", PROVIDER)
    ask("providers list")
    ask("providers describe", "native")
    ask("providers create", "--file", provider)
    ask("providers update", "native", "--file", provider)
    ask("providers patch", "native", "--file", provider)
    ask("providers delete", "native", "--yes")
    own = made(ask("collections create", "--file", collection))
    ask("collections list", "--format", "json")
    ask("collections describe", own)
    ask("collections update", own, "--file", collection)
    ask("collections patch", own, "--file", run.file("patch.json", {"name": "More"}))
    model = ("--model-url", place.model_url, "--model-name", "m")
    ask("collections run", own, *model, "--wait", "--poll-interval", _POLL_S)
    ask("collections delete", own, "--yes")
    config = run.file("job.json", place.order().model_dump(exclude_none=True))
    job = made(ask("eval run", "--config", config, "--watch", "--poll-interval", _POLL_S))
    ask("eval status", job, "--watch", "--poll-interval", _POLL_S)
    ask("eval status", "--status", "completed", "--provider", "native", "--since", "24h", "--limit", 5)
    ask("eval results", job, "--format", "csv")
    ask("eval logs", job, "--tail", 5, "--timestamps", "--since", 600)
    ask("eval logs", job, "--follow", "--benchmark-index", 0)
    ask("eval cancel", job, "--yes", "--hard-delete")
    named = ("--name", "n", "--provider", "native", "--benchmark", "sums", "--experiment", place.experiment)
    away = made(ask("eval run", *named, "--model-url", AWAY, "--model-name", "m", "--param", "limit=5"))
    ask("eval cancel", away, "--yes")
    ask("health")
    return told


def table(told: Mapping[str, str], head: str) -> str:
    """A table of the page on these clients."""
    rows = [f"| {_code(name)} | {told[name]} |" for name in sorted(told)]
    return "\n".join((f"| {head} | answer |", "|---|---|", *rows))


def _code(name: str) -> str:
    plain, bracket, case = name.partition(" (")
    return f"`{plain}`{bracket}{case}"


async def _result(found: Any) -> Any:
    if inspect.isasyncgen(found):
        return [each async for each in found]
    if inspect.isgenerator(found):
        return list(found)
    return await found if inspect.isawaitable(found) else found


def _public(holder: object) -> Iterator[str]:
    return (name for name in dir(type(holder)) if not name.startswith("_"))


def _leaves(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if not isinstance(command, click.Group):
        yield words
        return
    for name, inner in command.commands.items():
        yield from _leaves(inner, (*words, name))
