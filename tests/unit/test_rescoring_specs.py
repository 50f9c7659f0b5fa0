"""Metrics as the command line of `evaltrail score` names them."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.service.rescoring.specs import read_specs


def _names(*words):
    return [metric.name for metric in read_specs(words)]


def test_names_yaml_and_files_are_read(tmp_path):
    """A word is a name, YAML in one word, or a file of metrics: a list, a mapping, or a whole task."""
    files = {
        "list.yaml": "[bleu, {contains: {ignore_case: true}}]",
        "mapping.yml": "tone: {grading_prompt: On a scale of 1-5.}",
        "task.yaml": "name: t\nmetrics: [chrf]\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words = [str(tmp_path / name) for name in files]
    assert _names("exact_match", "{regex: {pattern: a}}", "ndcg@3", *words) == [
        "exact_match",
        "regex",
        "ndcg@3",
        "bleu",
        "contains",
        "tone",
        "chrf",
    ]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["exact_mach"], "unknown_metric"),
        (["bleu", "bleu"], "duplicate_metric"),
        (["{bleu: {a: 1}}"], "unknown_option"),
        (["{bleu: "], "broken_yaml"),
        (["[3]"], "bad_metric"),
        (["nowhere.yaml"], "missing_metrics"),
    ],
)
def test_what_is_no_metric_is_told(words, code):
    """Each mistake is an error of the input, before anything is read or scored."""
    with pytest.raises(InputError) as raised:
        read_specs(words)
    assert raised.value.code == code


def test_names_with_commas_between_them_are_told_apart():
    """Flags take them with spaces."""
    with pytest.raises(InputError) as caught:
        read_specs(["exact_match,rougeL"])
    assert caught.value.hint == "separate names by spaces: exact_match rougeL"
