"""Data of the seed's payloads, all of it our own: a mirror for the harness, a file below the data root."""

from __future__ import annotations

from pathlib import Path

from healthcare_mirror import healthcare_mirror
from lm_eval_tasks import COLOURS, write_rows

ARC_ROWS = 20
RAG_ROWS = 4
FAITHFUL = 0.75
"""What the judge makes of the rows: the last answer is not in its context."""


def arc_mirror(folder: Path, rows: int = ARC_ROWS) -> Path:
    """A mirror with arc_easy's columns."""
    labels = ["A", "B", "C", "D"]
    choices = {"text": [f"{colour} thing" for colour in COLOURS], "label": labels}
    arc = [
        {"id": f"q{n}", "question": f"Which is number {n}?", "choices": choices, "answerKey": labels[n % 4]}
        for n in range(rows)
    ]
    for split in ("train", "validation", "test"):
        write_rows(folder / f"allenai/ai2_arc/ARC-Easy/{split}.jsonl", arc)
    return folder


def seed_mirror(folder: Path) -> Path:
    """A mirror for everything that the seed's payloads run on the harness."""
    return healthcare_mirror(arc_mirror(folder))


def rag_rows(root: Path) -> Path:
    """``./data/test.jsonl`` below a data root."""
    said = ["Paris lies in France."] * (RAG_ROWS - 1) + ["Oslo lies in Sweden."]
    rows = [
        {
            "user_input": f"Where does city {place} lie?",
            "retrieved_contexts": ["Paris lies in France."],
            "response": response,
            "reference": "In France.",
        }
        for place, response in enumerate(said)
    ]
    return write_rows(root / "data" / "test.jsonl", rows)
