"""Files that requests name: they lie below the data root when the request comes, and when a worker opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.submission import BenchmarkChoice, ModelChoice, SubmissionRequest
from evaltrail.providers.tasks import read_task
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.catalog.own_benchmarks import _check_rows
from evaltrail.service.submitting.resolve import resolve
from evaltrail.service.working.confining import check_confined
from evaltrail.store.catalog_entries import CatalogEntries
from evaltrail.store.database import open_database

TASK = """name: own
dataset: rows.jsonl
prompt: "{{ q }}"
target: "{{ a }}"
metrics: [exact_match]
"""
ROW = '{"q": "1+1", "a": "2", "question": "1+1", "answer": "2", "contexts": ["2"]}\n'


class Place:
    """A data root with a task, a home, a catalog over both, and a file that is none of a request's business."""

    def __init__(self, folder, database):
        self.root, self.home, self.secret = folder / "root", folder / "home", folder / "secret.jsonl"
        self.root.mkdir()
        self.secret.write_text(ROW)
        self.task, self.rows = self.root / "own.yaml", self.root / "rows.jsonl"
        self.task.write_text(TASK)
        self.rows.write_text(ROW)
        environ = {"EVALTRAIL_HOME": str(self.home), "EVALTRAIL_DATA_ROOT": str(self.root)}
        settings = load_settings(environ, dotenv=None)
        self.catalog = Catalog(settings, CatalogEntries(database), data_root=self.root)
        self._service = load_service_settings(settings)

    def submitted(self, name, **config):
        """The submission of one benchmark."""
        chosen = BenchmarkChoice(id=name, config=config)
        model = ModelChoice(name="baseline:majority")
        return resolve(SubmissionRequest(model=model, benchmarks=(chosen,)), self.catalog, self._service)

    def submitted_collection(self, name):
        """The submission of a collection."""
        model = ModelChoice(name="baseline:majority")
        return resolve(SubmissionRequest(model=model, collection=name), self.catalog, self._service)

    def opened(self, submission):
        """What a worker does before it opens the benchmark."""
        check_confined(submission, self.home, 0)


@pytest.fixture
def place(tmp_path):
    """A place of its own."""
    database = open_database("", tmp_path / "home", "normal")
    yield Place(tmp_path, database)
    database.close()


def link(file, target):
    """A link in a file's place."""
    file.unlink()
    file.symlink_to(target)


def test_task_file_of_a_request_is_opened_while_it_names_what_it_may(place):
    """A task that nobody changed, or changed as a request might have."""
    place.catalog.add_benchmark({"id": "own", "task_file": "own.yaml"})
    submission = place.submitted("own")
    place.opened(submission)
    place.task.write_text(TASK.replace("exact_match", "contains"))
    place.opened(submission)
    assert submission.benchmarks[0].is_confined


@pytest.mark.parametrize(
    "text",
    [
        TASK.replace("rows.jsonl", "../secret.jsonl"),
        TASK.replace("rows.jsonl", "~/secret.jsonl"),
        TASK.replace("rows.jsonl", "hf:///etc"),
        TASK + "fewshot: {dataset: ../secret.jsonl, k: 1}\n",
        TASK.replace("[exact_match]", "[{json_schema: {schema: ../secret.json}}]"),
        TASK.replace("[exact_match]", "[{of_a_plugin: {file: ../secret.pkl}}]"),
    ],
)
def test_task_file_that_was_changed_to_reach_out_is_refused(place, text):
    """Whoever writes below the data root gets no further by a task that was accepted before."""
    place.catalog.add_benchmark({"id": "own", "task_file": "own.yaml"})
    submission = place.submitted("own")
    place.task.write_text(text)
    with pytest.raises(InputError):
        place.opened(submission)


@pytest.mark.parametrize("name", ["task", "rows"])
def test_link_that_was_put_in_a_files_place_is_refused(place, name):
    """Of the task file, or of its data."""
    place.catalog.add_benchmark({"id": "own", "task_file": "own.yaml"})
    submission = place.submitted("own")
    link(getattr(place, name), place.secret)
    with pytest.raises(InputError, match="leads out of the data root") as refused:
        place.opened(submission)
    assert str(place.secret) not in str(refused.value)


def test_data_set_of_a_request_is_looked_at_again(place):
    """A link, put there between the request and the work."""
    submission = place.submitted("faithfulness", dataset_path=" rows.jsonl ")
    place.opened(submission)
    link(place.rows, place.secret)
    with pytest.raises(InputError, match="leads out of the data root"):
        place.opened(submission)


def test_data_set_that_is_not_there_is_told_by_who_opens_it(place):
    """It knows what was asked for, and where to put it."""
    submission = place.submitted("faithfulness", dataset_path="later.jsonl")
    assert submission.benchmarks[0].is_confined
    place.opened(submission)


def test_task_that_a_request_held_lies_in_the_home(place):
    """The service wrote it, and nobody else can."""
    task = {"prompt": "{{ q }}", "target": "{{ a }}", "metrics": ["exact_match"], "rows": [{"q": "1", "a": "1"}]}
    place.catalog.add_benchmark({"id": "held", "task": task})
    submission = place.submitted("held")
    assert Path(submission.benchmarks[0].task).is_relative_to(place.home)
    place.opened(submission)


def test_task_of_the_operator_names_what_it_likes(place):
    """Files in EVALTRAIL_HOME/tasks are no request's."""
    (place.home / "tasks").mkdir()
    text = TASK.replace("own", "free").replace("rows.jsonl", "../../secret.jsonl")
    (place.home / "tasks" / "free.yaml").write_text(text)
    place.catalog.refresh()
    submission = place.submitted("free")
    assert not submission.benchmarks[0].is_confined
    place.opened(submission)


@pytest.mark.parametrize("name", ["a" * 3000, "a/" * 1500, "~/own.yaml", "~nobody/own.yaml", "own.yaml/x"])
def test_path_that_no_file_can_have_is_refused_in_words(place, name):
    """It is a mistake of the request, no fault of ours."""
    with pytest.raises(InputError) as refused:
        place.catalog.add_benchmark({"id": "own", "task_file": name})
    assert refused.value.where == "task_file"


def test_templates_are_not_tried_over_rows_without_end(place):
    """One rendering is bounded; a hundred thousand of them would be hours."""
    place.task.write_text(TASK.replace("{{ q }}", "{{ q }}{{ x if x is defined else '' }}"))
    with pytest.raises(InputError, match="take longer") as refused:
        _check_rows(read_task(place.task), [{"q": "1", "a": "2"}], longest_s=-1.0)
    assert refused.value.where == "rows.0"


def test_task_of_the_operator_may_be_in_a_collection_that_a_request_made(place):
    """The request named the benchmark, and not its files."""
    (place.home / "tasks").mkdir()
    (place.home / "tasks" / "free.yaml").write_text(TASK.replace("own", "free").replace("rows.jsonl", str(place.rows)))
    place.catalog.refresh()
    member = {"id": "free", "provider_id": "native", "primary_score": {"metric": "exact_match"}}
    place.catalog.add_collection({"id": "mine", "name": "Mine", "benchmarks": [member]})
    submission = place.submitted_collection("mine")
    assert submission.collection == "mine"
    place.opened(submission)
