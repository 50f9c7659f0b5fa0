"""The list of the harness's tasks: complete, quick, with the nearest name for what it does not know."""

from __future__ import annotations

import time

import pytest

from child import run_child
from evaltrail.providers.lm_eval.index import HarnessIndex, HarnessTask, type_letters, unknown_task

INDEX = HarnessIndex()


def test_the_list_tells_what_a_task_needs():
    """Type, data and folder of a task; types and folders of all tasks below a group."""
    assert INDEX.find("arc_easy") == HarnessTask(
        name="arc_easy", output_types=("multiple_choice",), dataset="allenai/ai2_arc ARC-Easy", folders=("arc",)
    )
    group = INDEX.find("mmlu")
    assert (group.kind, group.output_types, group.needs_logprobs) == ("group", ("multiple_choice",), True)
    assert not INDEX.find("gsm8k").needs_logprobs
    assert INDEX.find("no_such_task") is None


def test_the_list_is_of_the_version_that_the_extra_brings():
    """A list of another version would call its tasks unknown."""
    version = pytest.importorskip("importlib.metadata").version("lm_eval")
    assert INDEX.version == version


def test_all_tasks_are_listed_at_once_without_the_harness():
    """More than ten thousand names within 0.3 s, and nothing of the harness is imported."""
    program = """
        import sys, time
        from evaltrail.providers.lm_eval.index import HarnessIndex
        began = time.process_time()
        count = sum(1 for _ in HarnessIndex())
        print(count, time.process_time() - began, "lm_eval" in sys.modules, "datasets" in sys.modules)
    """
    child = run_child(program)
    count, seconds, *loaded = child.stdout.split()
    assert int(count) > 10_000
    assert float(seconds) < 0.3
    assert loaded == ["False", "False"]


def test_an_unknown_name_gets_the_nearest():
    """The user's own tasks first."""
    assert "'arc_easy'" in unknown_task("arc_eazy", INDEX).hint
    assert unknown_task("my_sum", INDEX, ["my_sums"]).hint == "did you mean 'my_sums'?"
    assert "include_path" in unknown_task("qqqqqqqqqqqqqqq", INDEX).hint


def test_nearest_names_are_found_quickly():
    """A typing mistake is answered at once."""
    began = time.process_time()
    assert INDEX.nearest("hellaswagg")
    assert time.process_time() - began < 0.5


def test_tasks_that_can_run_instead_need_no_logprobs():
    """Kin first, then well-known ones; every one of them asks for texts."""
    names = INDEX.instead_of("mmlu")
    assert "mmlu_generative" in names[:3]
    assert all(INDEX.find(name).output_types == ("generate_until",) for name in names)
    assert INDEX.instead_of("hellaswag")


def test_letters_stand_for_output_types():
    """One a type, sorted; what is not known is a question mark."""
    assert type_letters(["multiple_choice", "generate_until"]) == "gm"
    assert type_letters(["odd"]) == "?"
