"""Harness tasks of the user's own, found without the harness."""

from __future__ import annotations

import pytest

from evaltrail.providers.lm_eval.index import HarnessTask
from evaltrail.providers.lm_eval.own_tasks import own_tasks
from lm_eval_tasks import write_task


def test_own_tasks_are_read(tmp_path):
    """Names, types and data, also what a file includes; groups and tags count too."""
    write_task(tmp_path, "sums")
    (tmp_path / "base.yaml").write_text("output_type: multiple_choice # here\ndataset_path: 'org/data'\n")
    (tmp_path / "choice.yaml").write_text("include: base.yaml\ntask: choice\ntag: [mine, ours]\n")
    (tmp_path / "group.yaml").write_text("group: both\ntask:\n  - sums\n  - choice\n")
    (tmp_path / "sums_plain.yaml").write_text("task: plain\noutput_type: generate_until\n")
    found = own_tasks(tmp_path)
    assert {"choice", "both", "mine", "ours", "plain"} <= set(found)
    assert found["choice"] == HarnessTask(name="choice", output_types=("multiple_choice",), dataset="org/data")
    assert found["both"] == HarnessTask(name="both", kind="group", output_types=("generate_until", "multiple_choice"))
    assert found["mine"] == HarnessTask(name="mine", kind="tag", output_types=("multiple_choice",))
    assert not found["plain"].needs_logprobs


def test_a_file_that_includes_itself_ends(tmp_path):
    """A circle of includes is the harness's to refuse, not ours to hang on."""
    (tmp_path / "a.yaml").write_text("include: a.yaml\ntask: a\n")
    assert set(own_tasks(tmp_path)) == {"a"}


def test_a_task_that_calls_python_is_found(tmp_path):
    """Functions are the harness's to load; a task that is a class tells its type nowhere else."""
    (tmp_path / "a.yaml").write_text("task: a\nprocess_docs: !function utils.process\n")
    (tmp_path / "b.yaml").write_text("task: b\nclass: !function task.Mine\n")
    found = own_tasks(tmp_path)
    assert found["a"].output_types == ("generate_until",)
    assert (found["b"].output_types, found["b"].needs_logprobs) == ((), False)


@pytest.mark.parametrize("text", ["task: [", "- a\n- b\n", "", "\x00", "include: no.yaml\n", "task: {a: b}\n"])
def test_a_broken_file_hides_no_other(tmp_path, text):
    """What cannot be read offers nothing."""
    (tmp_path / "broken.yaml").write_text(text)
    write_task(tmp_path, "sums")
    assert set(own_tasks(tmp_path)) == {"sums"}
