"""What lies in MLflow, through MLflow's own client."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Run


class Tracking:
    """The content of one tracking URI."""

    def __init__(self, uri: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mlflow's own imports use what its libraries deprecate
            import mlflow  # noqa: PLC0415 - seconds, so only where a test looks into MLflow

            self._mlflow = mlflow
            self.client = mlflow.MlflowClient(uri)
        self.uri = uri

    def runs(self, experiment: str) -> list[Run]:
        """The active runs of an experiment, oldest first; none where there is no experiment."""
        found = self.client.get_experiment_by_name(experiment)
        if found is None:
            return []
        runs: list[Run] = list(self.client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"]))
        return runs

    def run(self, experiment: str) -> Run:
        """The only run of an experiment."""
        runs = self.runs(experiment)
        assert len(runs) == 1, f"{len(runs)} runs"
        return runs[0]

    def files(self, run_id: str, folder: str = "") -> set[str]:
        """Every artifact of a run, in folders too."""
        found: set[str] = set()
        for item in self.client.list_artifacts(run_id, folder):
            found |= self.files(run_id, item.path) if item.is_dir else {item.path}
        return found

    def download(self, run_id: str, folder: Path) -> Path:
        """All artifacts of a run, in a folder that is made."""
        folder.mkdir(parents=True, exist_ok=True)
        return Path(self.client.download_artifacts(run_id, "", str(folder)))

    def table(self, run: Run) -> Any:
        """The table of samples of a run, as MLflow loads it."""
        before = self._mlflow.get_tracking_uri()
        self._mlflow.set_tracking_uri(self.uri)  # load_table searches there, whatever its client says
        try:
            return self.client.load_table(run.info.experiment_id, "eval_results_table.json", [run.info.run_id])
        finally:
            self._mlflow.set_tracking_uri(before)
