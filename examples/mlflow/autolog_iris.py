"""Autologging and logging by hand in one run: a forest on the iris data, its plot of importances, its model.

Autologging logs every constructor argument, `random_state` among them, and a param is written once: what we log by
hand has names of its own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import matplotlib as mpl
import mlflow
import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

mpl.use("Agg")  # no window

from matplotlib import pyplot as plt

SPLIT_SEED = 42


def plot_importances(forest: RandomForestClassifier, names: list[str], file: Path) -> None:
    """Draw how much each feature counts, the least at the bottom."""
    order = np.argsort(forest.feature_importances_)
    figure, axes = plt.subplots(layout="constrained")
    axes.barh([names[place] for place in order], forest.feature_importances_[order])
    axes.set_title("Feature importances")
    figure.savefig(file)


def main() -> None:
    """Fit, score, plot and log."""
    mlflow.set_experiment("Iris Experiment")
    mlflow.sklearn.autolog(log_models=False)  # the model is logged below, once
    data = load_iris()
    train, test, train_labels, test_labels = train_test_split(
        data.data, data.target, test_size=0.2, random_state=SPLIT_SEED
    )
    with mlflow.start_run(run_name="iris-forest") as run, tempfile.TemporaryDirectory() as folder:
        forest = RandomForestClassifier(n_estimators=100, max_depth=6, random_state=0)
        forest.fit(train, train_labels)
        mlflow.log_param("split_seed", SPLIT_SEED)
        mlflow.log_metric("test_accuracy", float(np.mean(forest.predict(test) == test_labels)))

        plot = Path(folder, "importance.png")
        plot_importances(forest, list(data.feature_names), plot)
        mlflow.log_artifact(str(plot))
        mlflow.sklearn.log_model(
            forest,
            name="model",
            input_example=test[:2],
            serialization_format="cloudpickle",
            pip_requirements=["scikit-learn"],
        )
    print(run.info.run_id)


if __name__ == "__main__":
    main()
