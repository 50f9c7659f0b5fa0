"""A judge in a file of its own."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.service.calibrating.judge_file import read_judge

RUBRIC = "definition: d\n  grading_prompt: On a scale of 1-5.\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"tone:\n  {RUBRIC}", "tone"),
        (f"- tone:\n    {RUBRIC.replace('  grading', '    grading')}", "tone"),
        ("name: tone\ndefinition: d\ngrading_prompt: On a scale of 1-5.\n", "tone"),
        ("metrics:\n  - tone: {grading_prompt: On a scale of 1-5.}\n", "tone"),
        ("safety", "safety"),
        ("safety: {votes: 3}", "safety"),
        ("safety:", "safety"),
        ("{name: safety, votes: 3}", "safety"),
    ],
)
def test_every_form_of_one_judge_is_read(tmp_path, text, name):
    """As an entry of a task's metrics, with the name among its options, or a built-in judge's name."""
    file = tmp_path / "judge.yaml"
    file.write_text(text)
    assert read_judge(file).name == name


def test_the_command_line_wins(tmp_path):
    """Model and votes of the command replace the file's, and are part of the identity."""
    file = tmp_path / "judge.yaml"
    file.write_text("safety: {model: 'openai:/a', votes: 3}")
    plain, told = read_judge(file), read_judge(file, target="http://h/v1#b", votes=5)
    assert (plain.target, plain.votes) == ("openai:/a", 3)
    assert (told.target, told.votes) == ("http://h/v1#b", 5)
    assert plain.source != told.source


def test_a_metric_is_no_judge_whatever_model_is_named(tmp_path):
    """It is told so, not that it has no option ``model``."""
    file = tmp_path / "judge.yaml"
    file.write_text("exact_match")
    with pytest.raises(InputError, match="'exact_match' is no judge"):
        read_judge(file, target="http://h/v1#b", votes=3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("exact_match", "bad_judge"),
        ("a: {grading_prompt: x}\nb: {grading_prompt: y}\n", "bad_judge"),
        ("[safety, toxicity_judge]", "bad_judge"),
        ("3", "bad_judge"),
        ("a: [1", "broken_yaml"),
        ("tone: {definition: d}", "bad_rubric"),
        ("tone: {grading_prompt: p, grading_promt: q}", "unknown_option"),
        ("safty", "unknown_metric"),
    ],
)
def test_what_is_no_judge_is_told_by_file(tmp_path, text, code):
    """A metric, several judges, broken YAML or a rubric that lacks a field: an error that names the file."""
    file = tmp_path / "judge.yaml"
    file.write_text(text)
    with pytest.raises(InputError) as raised:
        read_judge(file)
    assert (raised.value.code, raised.value.where.partition(".yaml")[0]) == (code, str(tmp_path / "judge"))


def test_a_missing_file_is_told(tmp_path):
    """By its path."""
    with pytest.raises(InputError, match="No such file"):
        read_judge(tmp_path / "judge.yaml")
