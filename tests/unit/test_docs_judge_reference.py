"""docs/judge-reference.md: its judges can be made, its table is whole, its reasons exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from evaltrail.scoring.catalog import METRICS, make_metrics
from evaltrail.scoring.judging import verdict

_TEXT = (Path(__file__).resolve().parents[2] / "docs" / "judge-reference.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```(yaml|python)\n(.*?)^```$", _TEXT, re.MULTILINE | re.DOTALL)
_LISTS = [yaml.safe_load(block)["metrics"] for kind, block in _BLOCKS if kind == "yaml"]


@pytest.mark.parametrize("specs", _LISTS)
def test_every_list_of_metrics_can_be_made(specs):
    """As it stands there, names in their order."""
    names = [spec if isinstance(spec, str) else next(iter(spec)) for spec in specs]
    assert [metric.name for metric in make_metrics(specs)] == names


def test_the_scales_of_the_rubrics_are_those_the_page_tells():
    """Votes and range, opposites, labels."""
    professionalism, cites, agreement = make_metrics(_LISTS[0])
    assert (professionalism.unit, professionalism.votes) == ("1..5", 3)
    assert cites.rubric.scale.labels == (("yes", True), ("no", False))
    assert agreement.rubric.scale.labels == (("fully", 1.0), ("partly", 0.5), ("not", 0.0))


def test_the_table_names_every_judge():
    """No more and no fewer."""
    judges = {name for name, place in METRICS.builtin.items() if ".judging." in place}
    assert {
        name for name in re.findall(r"^\| `([\w.]+)` \|", _TEXT, re.MULTILINE) if "judge_" not in name[:6]
    } >= judges


def test_the_python_of_the_page_makes_a_judge():
    """It runs as it stands there."""
    (block,) = (block for kind, block in _BLOCKS if kind == "python")
    found: dict[str, object] = {}
    exec(block, found)
    assert found["professionalism"].unit == "1..5"


def test_every_reason_of_ours_is_told():
    """A user who meets one finds it here."""
    own = {value for name, value in vars(verdict).items() if name.isupper() and isinstance(value, str)}
    assert own
    assert all(f"`{reason}`" in _TEXT for reason in own)
