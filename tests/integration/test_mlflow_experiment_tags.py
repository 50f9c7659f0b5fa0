"""Tags and description of an experiment, delivered and read back by MLflow's own client."""

from __future__ import annotations

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.run_plan import NOTE_TAG
from mlflow_bundles import some_bundle, some_task
from mlflow_proxy import unreliable
from mlflow_server import ask

SHORT = Patience(connect_s=2, read_s=20, retry_s=1, pause_s=0.05)
SEED_TAGS = {"environment": "production", "compliance": "healthcare", "certification_level": "grade-a"}


def client(uri):
    """MLflow's own."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - after the gateway has silenced its import

    return MlflowClient(uri)


def deliver(folder, url, experiment, *, identity="", **options):
    """The one receipt of a small bundle."""
    bundle = some_bundle(folder / "bundle", identity=identity or new_id(), tasks=(some_task(metric="acc"),))
    destination = MlflowDestination(folder / "outbox", "0", environ={}, patience=SHORT)
    asked = DeliveryOptions(tracking_uri=url, experiment=experiment, table_rows=0, **options)
    (receipt,) = destination.deliver(bundle, asked, fresh=True)
    return receipt


def test_a_request_of_the_seed_lands_as_the_seed_says(tmp_path, mlflow_url):
    """Tags on the experiment and the run, a description of each, params that bear the task, one run."""
    experiment = f"eval-hub_healthcare-certification {new_id()}"
    receipt = deliver(
        tmp_path,
        mlflow_url,
        experiment,
        experiment_tags={**SEED_TAGS, "reviewed": ""},
        experiment_description="arc_easy of llama " * 2000,
        tags={"model.name": "meta-llama/llama-3.1-8b", "model.server": "vllm", "benchmarks": "arc_easy"},
        params_by_task=True,
    )
    found = client(mlflow_url).get_experiment_by_name(experiment)
    assert {name: value for name, value in found.tags.items() if not name.startswith("mlflow.")} == {
        **SEED_TAGS,
        "reviewed": "",
    }
    assert found.tags[NOTE_TAG] == ("arc_easy of llama " * 2000)[:20_000]
    run = client(mlflow_url).get_run(receipt.run_id)
    assert run.data.tags.items() >= {**SEED_TAGS, "reviewed": "", "model.server": "vllm"}.items()
    assert run.data.params["capitals.generation.temperature"] == "0"
    assert run.info.status == "FINISHED"
    assert [item.what for item in receipt.skipped] == [f"experiment tag {NOTE_TAG}"]


def test_a_later_evaluation_adds_its_tags_and_takes_none_away(tmp_path, mlflow_url):
    """What others set stays, a description too; one look-up of the experiment, and a call for each tag that differs."""
    experiment = f"shared {new_id()}"
    made = ask(mlflow_url, "experiments/create", name=experiment, tags=[{"key": "owner", "value": "ann"}])
    calls = []

    def note(_method, path, _before):
        calls.append(path.partition("?")[0].rpartition("/")[2])
        return "forward"

    with unreliable(mlflow_url, note) as proxy:
        labels = {"experiment_tags": {"team": "red", "owner": "ann"}, "experiment_description": "first"}
        deliver(tmp_path / "a", proxy.url, experiment, **labels)
        first = list(calls)
        labels = {"experiment_tags": {"team": "red", "stage": "2"}, "experiment_description": "second"}
        deliver(tmp_path / "b", proxy.url, experiment, **labels)
    assert (first.count("get-by-name"), first.count("set-experiment-tag")) == (1, 2)
    assert (calls.count("get-by-name"), calls.count("set-experiment-tag")) == (2, 3)
    found = client(mlflow_url).get_experiment(made["experiment_id"])
    assert found.tags.items() >= {"owner": "ann", "team": "red", "stage": "2", NOTE_TAG: "first"}.items()


def test_labels_wait_in_the_outbox_with_their_run(tmp_path, mlflow_url):
    """MLflow away: nothing is lost; the experiment is labelled when the run lands."""
    experiment, is_back = f"waits {new_id()}", []
    quick = Patience(connect_s=0.5, read_s=5, retry_s=0.2, pause_s=0.05)
    destination = MlflowDestination(tmp_path / "outbox", "0", environ={}, patience=quick)
    bundle = some_bundle(tmp_path / "bundle", identity=new_id())
    with unreliable(mlflow_url, lambda *_: "forward" if is_back else "refuse") as proxy:
        options = DeliveryOptions(tracking_uri=proxy.url, experiment=experiment, experiment_tags=SEED_TAGS)
        with pytest.raises(DestinationUnreachableError):
            destination.deliver(bundle, options, fresh=True)
        (waiting,) = destination.waiting()
        assert waiting.plan.experiment_labels.tags == SEED_TAGS
        is_back.append(True)
        (sent,) = destination.sync()
    assert sent.error is None
    assert SEED_TAGS.items() <= client(mlflow_url).get_experiment(sent.receipt.experiment_id).tags.items()
