"""One MLflow run: params, metrics at steps, a plot as an artifact. Run it anywhere: `python basic_tracking.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib as mpl
import mlflow

mpl.use("Agg")  # no window

from matplotlib import pyplot as plt


def main() -> None:
    """Track a training that is made up: a loss that falls and an accuracy that rises."""
    losses = [1 / step for step in range(1, 11)]
    with mlflow.start_run(run_name="basic-tracking") as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params({"n_estimators": 100, "max_depth": 6})
        for step, loss in enumerate(losses):
            mlflow.log_metric("loss", loss, step=step)
        mlflow.log_metric("accuracy", 0.95)

        figure, axes = plt.subplots()
        axes.plot(losses)
        axes.set(xlabel="step", ylabel="loss")
        plot = Path(folder, "plot.png")
        figure.savefig(plot)
        mlflow.log_artifact(str(plot))
    print(run.info.run_id)


if __name__ == "__main__":
    main()
