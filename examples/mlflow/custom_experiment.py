"""Runs of a topic under a name of their own, and the best of them found again."""

from __future__ import annotations

import mlflow

EXPERIMENT = "My Experiment"


def main() -> None:
    """Try three depths, then ask MLflow which was best."""
    experiment = mlflow.set_experiment(EXPERIMENT)
    for depth in (2, 4, 8):
        with mlflow.start_run(run_name=f"depth-{depth}"):
            mlflow.log_param("max_depth", depth)
            mlflow.log_metric("accuracy", 1 - 1 / depth)
    best = mlflow.search_runs(
        [experiment.experiment_id], order_by=["metrics.accuracy DESC"], max_results=1, output_format="list"
    )
    print(best[0].info.run_name)


if __name__ == "__main__":
    main()
