"""Which provider runs a task, and where it is found."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.service.launching.task_places import TaskFinder
from native_tasks import records, write_data, write_task
from nemo_harnesses import HARNESS_PACKAGE

WHERE = "my_config.yaml:3"


@pytest.fixture
def folder(tmp_path):
    """A folder of run configurations with a task file beside them and one below."""
    write_data(tmp_path / "data.jsonl", records(2))
    write_task(tmp_path)
    (tmp_path / "tasks").mkdir()
    write_data(tmp_path / "tasks" / "data.jsonl", records(2))
    write_task(tmp_path / "tasks", name="below").rename(tmp_path / "tasks" / "below.yaml")
    return tmp_path


@pytest.fixture
def finder(folder):
    return TaskFinder([folder], {"PYTHONPATH": str(HARNESS_PACKAGE)})


@pytest.mark.parametrize(
    ("name", "provider", "place", "called"),
    [
        ("task.yaml", "native", "task.yaml", "sums"),
        ("tasks/below.yaml", "native", "tasks/below.yaml", "below"),
        ("native.task", "native", "task.yaml", "sums"),
        ("native.below", "native", "tasks/below.yaml", "below"),
    ],
)
def test_task_files_are_found_beside_the_configuration(finder, folder, name, provider, place, called):
    """By path, or by name with `native.`; the job is called after the task."""
    found = finder.find(name, WHERE)
    assert (found.provider, found.place, found.name) == (provider, str(folder / place), called)


def test_shipped_tasks_are_native_too(finder):
    """`native.reading` needs no file of the user's."""
    assert finder.find("native.reading", WHERE).name == "reading"


@pytest.mark.parametrize("name", ["simple_evals.mmlu", "mmlu"])
def test_harness_tasks_are_found_where_a_job_would_look(finder, name):
    """On PYTHONPATH; with or without the harness where only one has the task."""
    found = finder.find(name, WHERE)
    assert (found.provider, found.place, found.name) == ("nemo", "simple_evals.mmlu", name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("tsak.yaml", "task.yaml"),
        ("native.belwo", "below"),
        ("simple_evals.mmul", "simple_evals.mmlu"),
        ("nativ.reading", "native.reading"),
        ("bigcode-evaluation-harness.mbpp", "pip install nvidia-bigcode-eval"),
    ],
)
def test_what_nobody_offers_is_answered_with_the_nearest(finder, name, hint):
    """File and line of the configuration, and what to do."""
    with pytest.raises(InputError) as caught:
        finder.find(name, WHERE)
    assert caught.value.where == WHERE
    assert hint in caught.value.hint


def test_every_name_that_is_listed_is_found(finder):
    """`ls tasks` tells nothing that a configuration could not name."""
    names = finder.names()
    assert {"native.task", "native.below", "native.reading", "simple_evals.mmlu"} <= set(names)
    assert all(finder.find(name, WHERE) for name in names)
