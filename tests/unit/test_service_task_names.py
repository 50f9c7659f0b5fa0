"""The names that `ls tasks` tells, and the providers behind them."""

from __future__ import annotations

import pytest

from command_files import write_command
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.catalog import PROVIDERS, open_task, provider_named
from evaltrail.providers.directory import HARNESS, ProviderNote, provider_notes, task_names, tasks_like
from evaltrail.providers.ragas import METRICS
from evaltrail.service.launching.task_names import find_names
from evaltrail.service.launching.task_places import TaskFinder
from native_tasks import records, write_data, write_task
from nemo_harnesses import HARNESS_PACKAGE


@pytest.fixture
def environ(tmp_path):
    """A command of the operator's, and a harness of NeMo's."""
    write_command(tmp_path / "commands", "mine")
    return {"EVALTRAIL_COMMANDS_DIR": str(tmp_path / "commands"), "PYTHONPATH": str(HARNESS_PACKAGE)}


@pytest.fixture
def folder(tmp_path):
    """A folder with a task file."""
    write_data(tmp_path / "data.jsonl", records(2))
    write_task(tmp_path)
    return tmp_path


RAGAS = {f"ragas/{name}" for name in METRICS}


def test_all_but_the_harness_are_listed_unasked(folder, environ):
    """Its thousands are told by their number."""
    found = find_names(folder, environ)
    assert {"native.task", "native.reading", "simple_evals.mmlu", "command/mine", *RAGAS} <= set(found.names)
    assert not any(name.startswith(HARNESS) for name in found.names)
    assert found.names == sorted(found.names)
    (notice,) = found.notices
    assert f"more: --provider {HARNESS}" in notice


def test_a_word_looks_through_all(folder, environ):
    """In whatever case."""
    found = find_names(folder, environ, word="ARC_easy")
    assert f"{HARNESS}/arc_easy" in found.names
    assert all("arc_easy" in name for name in found.names)
    assert found.notices == ()


@pytest.mark.parametrize(
    ("provider", "names"),
    [
        ("ragas", RAGAS),
        ("command", {"command/mine"}),
        ("native", {"native.task", "native.reading"}),
        ("nemo", {"simple_evals.mmlu"}),
        (HARNESS, {f"{HARNESS}/gsm8k"}),
    ],
)
def test_one_provider_is_listed_alone(folder, environ, provider, names):
    """By its name."""
    found = set(find_names(folder, environ, provider=provider).names)
    assert names <= found
    others = RAGAS | {"command/mine", "native.task", "simple_evals.mmlu"}
    assert not (others - names) & found


def test_an_unknown_provider_is_answered_with_the_nearest(folder, environ):
    """As everywhere."""
    with pytest.raises(InputError, match="did you mean 'ragas'"):
        find_names(folder, environ, provider="ragsa")


def test_every_name_that_is_listed_is_found_by_a_configuration(folder, environ):
    """`provider/task` and `provider.task` lead to the same place."""
    finder = TaskFinder([folder], environ)
    for name in find_names(folder, environ).names:
        assert finder.find(name, "c.yaml:1").place
    for name in ("lm_evaluation_harness/arc_easy", "lm-evaluation-harness/arc_easy", "lm-evaluation-harness.arc_easy"):
        place = finder.find(name, "c.yaml:1")
        assert (place.provider, place.place) == ("native", "lm_evaluation_harness/arc_easy")


def test_every_provider_has_a_note():
    """What it runs, how its tasks are written, and what to type where it is missing."""
    notes = {note.name: note for note in provider_notes()}
    assert set(PROVIDERS.builtin) <= set(notes)
    assert all(note.line and note.task and bool(note.install) != note.is_ready for note in notes.values())
    missing = ProviderNote(name="x", line="l", task="x/NAME", package="no_such_package", extra="x")
    assert (missing.is_ready, missing.install) == (False, "pip install 'evaltrail[x]'")
    assert task_names("native", {}) == []


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("arc_easy", ["lm_evaluation_harness/arc_easy"]),
        ("faithfulness", ["ragas/faithfulness"]),
        ("correctness", ["mlflow/correctness"]),
        ("mine", ["command/mine"]),
        ("zzzzzzzz", []),
    ],
)
def test_a_task_without_its_provider_is_answered_with_it(environ, word, meant):
    """Of that very name; else the closest of the harness."""
    request = EvaluationRequest(tasks=(word,), target=ModelTarget(id="m"))
    assert tasks_like(word, environ) == meant
    with pytest.raises(InputError) as caught:
        open_task(word, request, datasets_dir=None, environ=environ)
    assert all(repr(name) in caught.value.hint for name in meant)
    assert meant or "provider/task" in caught.value.hint


def test_a_slip_in_a_harness_task_is_answered_with_the_closest(environ):
    """With its provider before it."""
    assert tasks_like("arc_eazy", environ)[0] == "lm_evaluation_harness/arc_easy"


@pytest.mark.parametrize("word", ["lm_eval", "lm-eval", "LM-Eval-Harness", "lm-evaluation-harness"])
def test_the_harness_goes_by_its_packages_name_too(word):
    """Whatever people call it."""
    assert provider_named(word) == HARNESS
