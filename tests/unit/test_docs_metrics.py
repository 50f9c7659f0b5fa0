"""docs/metrics.md: its table is the catalog's, and every example runs."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from evaltrail.providers.prompts import Prompter
from evaltrail.scoring.catalog import METRICS, make_metrics

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
ROWS = [line.split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| `")]
OPTIONS = {name: re.findall(r"`(\w+)`", row[1]) for row in ROWS for name in re.findall(r"`(\w+)`", row[0])}
OPTIONS["contains"] = OPTIONS["exact_match"]
LISTS = re.findall(r"```yaml\n(metrics:.*?)```", PAGE, re.DOTALL)
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
TOKENIZER = {"version": "1.0", "added_tokens": [], "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}


def test_the_table_names_every_metric_that_is_no_judge():
    """A metric that is added is documented, and one that is documented is there."""
    own = [name for name, place in METRICS.builtin.items() if ".judging." not in place and ".compat." not in place]
    assert sorted(OPTIONS) == sorted(own)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_table_names_every_option(name):
    """Options and columns agree with what the factory takes."""
    takes = inspect.signature(METRICS.load(name)).parameters
    assert sorted(OPTIONS[name]) == sorted(set(takes) - {"folder"})


@pytest.mark.parametrize("text", LISTS)
def test_every_list_of_metrics_can_be_made(tmp_path, text):
    """An example works as it stands, with its files beside the task."""
    (tmp_path / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    (tmp_path / "person.json").write_text("{}")
    (tmp_path / "words.txt").write_text("rude")
    assert make_metrics(yaml.safe_load(text)["metrics"], folder=tmp_path)


def test_a_field_of_gains_becomes_a_reference():
    """The template that the page shows gives JSON."""
    value = Prompter().compile_value("{{ relevant | tojson }}", "target")
    (reference,) = value.texts({"relevant": {"d<1>": 2, "d'2": 0.5}})
    assert json.loads(reference) == {"d<1>": 2, "d'2": 0.5}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_prints_what_it_says(program):
    """What stands behind a print is what it prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == re.findall(r"#\s+(.+)", program)
