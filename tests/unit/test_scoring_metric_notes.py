"""What `ls metrics` tells is what the metrics are."""

from __future__ import annotations

import pytest

from child import run_child
from evaltrail.scoring.catalog import METRICS, make_metrics, required_options
from evaltrail.scoring.judging.columns import role_of
from evaltrail.scoring.judging.port import Judge, needs_of
from evaltrail.scoring.metric_notes import metric_notes

NOTES = {note.name: note for note in metric_notes()}
GIVEN = {
    "cost": {"input_per_million": 1, "output_per_million": 1},
    "guidelines": {"guidelines": ["Be brief."]},
}
"""What has to be said before a metric can be made."""
UNITS = {"true/false": "1", "0..1": "1", "-1..1": "", "seconds": "s"}
JUDGES = [name for name, place in METRICS.builtin.items() if ".judging." in place]


def test_every_metric_has_a_note_in_the_catalogs_order():
    """One that is added is listed, one that is gone is not."""
    assert [name for name in NOTES if name in METRICS.builtin] == list(METRICS.builtin)
    assert set(NOTES) == set(METRICS.names())


@pytest.mark.parametrize("name", [name for name in METRICS.builtin if not name.startswith("mlflow.")])
def test_a_note_says_what_the_metric_says(name):
    """Kind, direction and unit."""
    (metric,) = make_metrics([{name: GIVEN.get(name)}])
    note = NOTES[name]
    assert note.kind == ("judge" if isinstance(metric, Judge) else "heuristic")
    assert note.better == metric.better
    assert metric.unit.lower() == UNITS.get(note.values, note.values).lower()


@pytest.mark.parametrize("name", JUDGES)
def test_a_note_says_what_a_judge_reads(name):
    """A reference is the task's target, passages are its context."""
    (judge,) = make_metrics([{name: GIVEN.get(name)}])
    keys = {"reference": "target", "contexts": "context"}
    assert all(keys[role_of(column)] in NOTES[name].needs for column in needs_of(judge))
    assert ("context" in NOTES[name].needs) == any(role_of(column) == "contexts" for column in needs_of(judge))


@pytest.mark.parametrize("name", METRICS.builtin)
def test_a_note_names_the_options_that_have_to_be_given(name):
    """Without them it cannot be made."""
    assert all(option in NOTES[name].needs for option in required_options(name))


def test_a_word_chooses_by_name_or_kind():
    """In whatever case."""
    assert [note.name for note in metric_notes("ROUGE")] == ["rouge1", "rouge2", "rougeL", "rougeLsum"]
    assert [note.name for note in metric_notes("judge")] == JUDGES
    assert metric_notes("no such metric") == []


def test_nothing_heavy_is_loaded_to_tell_them():
    """A list is no reason to wait."""
    program = "import sys; from evaltrail.scoring.metric_notes import metric_notes; assert metric_notes();"
    done = run_child(program + "print([n for n in ('mlflow', 'numpy', 'sacrebleu', 'aiohttp') if n in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr
