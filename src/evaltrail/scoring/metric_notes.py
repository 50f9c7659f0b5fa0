"""MetricNote: what a person is told of a metric before it is made; none of them is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from evaltrail.scoring.catalog import METRICS

_FILE = Path(__file__).with_name("metrics.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricNote:
    """One metric that can be named."""

    name: str
    kind: str
    """``heuristic``, ``judge``, ``mlflow``, or ``plugin`` where another package offers it."""
    values: str = ""
    """Range or unit: ``0..1``, ``true/false``, ``tokens``; empty = not known."""
    better: str = ""
    needs: str = ""
    """What it needs beside an answer."""


def metric_notes(word: str = "") -> list[MetricNote]:
    """The metrics whose names or kinds hold a word, ours in their order, then those of other packages.

    Args:
        word: in whatever case; empty = all.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    told = yaml.load(_FILE.read_text(encoding="utf-8"), loader)  # noqa: S506  a safe loader, in C
    ours = [MetricNote(name=name, **entry) for name, entry in told.items()]
    others = [MetricNote(name=name, kind="plugin") for name in METRICS.names() if name not in told]
    wanted = word.casefold()
    return [note for note in (*ours, *others) if wanted in note.name.casefold() or wanted == note.kind]
