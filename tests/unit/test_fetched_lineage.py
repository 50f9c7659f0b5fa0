"""Questions that were fetched from MLflow are known by what they say, where no run tells what they came of."""

from __future__ import annotations

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.catalog import open_task
from evaltrail.providers.questions.lineage import LINEAGE
from evaltrail.service.generating.question_set import FETCHED
from evaltrail.service.working.fetched_lineage import fetched_lineage
from evaltrail.store.dataset_store import DatasetStore
from question_sets import QUESTIONS, keep_questions

UPLOAD, RUN = "a" * 32, "b" * 32
PLACE = "mlflow-artifacts:/1/run/artifacts/questions.csv"


@pytest.fixture
def settings(tmp_path):
    return load_settings({"EVALTRAIL_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}, None)


def test_the_same_questions_came_of_the_same_run(settings):
    """A file that says what a version here says has its tags; so has the task of the copy that is made of it."""
    folder = settings.question_sets_folder
    first = keep_questions(folder, QUESTIONS[:3], upload_ids=(UPLOAD,), run_id=RUN)
    held = keep_questions(folder, dataset_id=first.dataset_id, upload_ids=(UPLOAD,), run_id=RUN)
    keep_questions(folder, settings={FETCHED: PLACE})
    tags = fetched_lineage(PLACE, held.digest, DatasetStore(folder), settings)
    assert tags == {
        "evaltrail.dataset": held.dataset_id,
        "evaltrail.dataset_version": "2",
        "evaltrail.generation_run_id": RUN,
        "evaltrail.upload": UPLOAD,
    }
    copy = keep_questions(folder, settings={FETCHED: PLACE, LINEAGE: tags})
    request = EvaluationRequest(tasks=(f"dataset:{copy.dataset_id}",), target=ModelTarget(id="baseline:random"))
    assert open_task(request.tasks[0], request, datasets_dir=None, environ=settings.environ).tags == tags


@pytest.mark.parametrize("reference", [PLACE, f"runs:/{RUN}/questions.rejects.csv"])
def test_questions_of_others_came_of_nothing_here(settings, reference):
    """Neither a file that no run tells of nor one that only lies beside the questions."""
    keep_questions(settings.question_sets_folder)
    assert fetched_lineage(reference, "0" * 32, DatasetStore(settings.question_sets_folder), settings) == {}
