"""Exports in this process, as one user with a home and a launcher has them; the command itself is `installed.py`'s."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaltrail.bundle.columns import SamplesWriter
from evaltrail.bundle.write import write_bundle
from evaltrail.config.settings import load_settings
from evaltrail.core.result import ResultBundle
from evaltrail.service.exporting.export import Exported, export_invocations
from evaltrail.service.exporting.export_config import read_options
from evaltrail.store.ledger import Entry, Ledger
from launcher_jobs import LauncherJobs
from mlflow_bundles import STARTED, some_bundle
from mlflow_server import runs_in


class Exporting:
    """One user's jobs and exports; the same home as `Installed` of the same folder.

    Args:
        folder: HOME and EVALTRAIL_HOME lie below it.
        url: the tracking server.
        experiment: where everything lands that names no other.
    """

    def __init__(self, folder: Path, url: str, experiment: str) -> None:
        self.jobs = LauncherJobs(folder / "user")
        self.url = url
        self.experiment = experiment
        self.folder = folder
        self.environ = {
            "HOME": str(folder / "user"),
            "EVALTRAIL_HOME": str(folder / "home"),
            "MLFLOW_TRACKING_URI": url,
        }

    def __call__(self, *ids: str, dry_run: bool = False, **options: Any) -> Exported:
        """Export with these options of the table."""
        config = {"experiment_name": self.experiment, **options}
        settings = load_settings(self.environ, None)
        return export_invocations(ids, read_options(config), settings, dry_run=dry_run)

    def plan(self, *ids: str, **options: Any) -> Any:
        """The only run that an export would make; nothing is sent."""
        done = self(*ids, dry_run=True, **options)
        assert done.errors == ()
        ((run,),) = (outcome.runs for outcome in done.outcomes)
        return run

    def runs(self, experiment: str = "") -> list[dict[str, Any]]:
        """The runs of the experiment, by name."""
        return sorted(runs_in(self.url, experiment or self.experiment), key=lambda run: run["info"]["run_name"])

    def run(self, experiment: str = "") -> Landed:
        """The only run of the experiment."""
        (found,) = self.runs(experiment)
        return Landed(found)

    def landed(self) -> list[Landed]:
        """The runs of the experiment, by name."""
        return [Landed(run) for run in self.runs()]


class Landed:
    """What one run holds, but for its files."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.raw = run
        self.id: str = run["info"]["run_id"]
        self.name: str = run["info"]["run_name"]
        self.status: str = run["info"]["status"]
        self.params = {item["key"]: item["value"] for item in run["data"].get("params", [])}
        self.tags = {item["key"]: item.get("value", "") for item in run["data"]["tags"]}
        self.metrics = {item["key"]: item["value"] for item in run["data"].get("metrics", [])}


def only_receipt(done: Exported) -> Any:
    """The receipt of an export that made or found one run, and went well."""
    assert (done.exit_code, done.errors) == (0, ())
    (outcome,) = done.outcomes
    (receipt,) = outcome.receipts
    return receipt


def own_evaluation(export: Exporting, identity: str) -> None:
    """A finished evaluation of ours in the same home: its bundle, and its line in the ledger."""
    home = export.folder / "home"
    folder = home / "evaluations" / identity

    def build(place: Path) -> ResultBundle:
        bundle = some_bundle(place, identity=identity)
        with SamplesWriter(place / "samples.parquet", ["exact_match", "judge"]) as table:
            for task in bundle.tasks:
                for sample in task.samples or ():
                    table.add(task.name, sample)
        return bundle

    write_bundle(folder, build)
    ledger = Ledger(home)
    ledger.begin(
        Entry(
            id=identity,
            state="running",
            model="model-a",
            tasks=("capitals",),
            out=folder,
            work=home / "work" / identity,
            started_at=STARTED,
        )
    )
    ledger.end(identity, "completed", b'{"counts": {"capitals": {"total": 5}}, "errors": []}')
