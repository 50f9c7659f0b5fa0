"""Variables of seed 003, and what a run says that its data sets were used for."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.result import TaskResult
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.rest_bodies import datasets_body
from evaltrail.service.generating.places import generation_delivery, upload_delivery
from mlflow_bundles import some_bundle


def test_documents_and_questions_lie_where_the_seed_says():
    """UPLOAD_FOLDER and DATAGEN_UPLOAD_FOLDER name the folders; both lie in the home where they are not set."""
    usual = load_settings({"EVALTRAIL_HOME": "/h"}, None)
    assert (usual.documents_folder, usual.question_sets_folder) == (Path("/h/documents"), Path("/h/datasets"))
    named = load_settings({"EVALTRAIL_HOME": "/h", "UPLOAD_FOLDER": "/up", "DATAGEN_UPLOAD_FOLDER": "/gen"}, None)
    assert (named.documents_folder, named.question_sets_folder) == (Path("/up"), Path("/gen"))


@pytest.mark.parametrize(("prefix", "named"), [("", "data_generation"), ("team", "team_data_generation")])
def test_the_experiments_of_the_seed_may_have_a_prefix(prefix, named):
    """EVALTRAIL_EXPERIMENT_PREFIX stands before the names of seed 003 and before no other name."""
    settings = load_settings({"EVALTRAIL_EXPERIMENT_PREFIX": prefix}, None)
    assert generation_delivery(DeliveryOptions(), settings).default_experiment == named
    assert generation_delivery(DeliveryOptions(experiment="mine"), settings).experiment == "mine"


def test_a_document_never_lands_in_the_run_of_one_generation():
    """MLFLOW_RUN_ID, tags and names are the generation's: a document's run belongs to all that use it."""
    settings = load_settings({"MLFLOW_RUN_ID": "r"}, None)
    given = DeliveryOptions(run_id="r", run_name="mine", tags={"a": "b"}, experiment_id="7", tracking_uri="u")
    place = upload_delivery(given, settings)
    assert (place.options.run_id, place.options.run_name, dict(place.options.tags)) == ("", "", {})
    assert (place.settings.run_id, place.options.tracking_uri) == ("", "u")


def test_a_data_set_input_says_what_it_was_used_for(tmp_path):
    """What a task was evaluated on bears the context evaluation; what else went into it bears its own."""
    asked = Dataset(name="questions", digest="1" * 32)
    made_of = Dataset(name="manual.pdf", digest="2" * 32, context="generation")
    task = TaskResult(name="t", provider="native", dataset=asked, inputs=(made_of,))
    (plan,) = plan_bundle(some_bundle(tmp_path, tasks=(task,)), DeliveryOptions(table_rows=0), version="0")
    body = datasets_body("r", plan.datasets)
    assert [each["tags"] for each in body["datasets"]] == [
        [{"key": "mlflow.data.context", "value": "evaluation"}],
        [{"key": "mlflow.data.context", "value": "generation"}],
    ]
