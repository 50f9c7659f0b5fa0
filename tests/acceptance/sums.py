"""Task files that the mock endpoint answers: sums, of which every tenth is answered wrongly (a score of 0.9)."""

from __future__ import annotations

import json
from pathlib import Path

TASK = """\
name: {name}
dataset: {name}.jsonl
prompt: "{{{{ question }}}}"
target: "{{{{ answer }}}}"
metrics: [exact_match]
generation: {{temperature: 0, max_tokens: 16}}
id: "{{{{ id }}}}"
"""


def write_sums(folder: Path, count: int = 50, *, name: str = "sums", first: int = 0, extra: str = "") -> Path:
    """A task of so many sums, a multiple of ten; the item numbers begin at ``first``."""
    records = [
        {"id": f"q{number}", "question": f"Item {number}: What is {number} + 3?", "answer": str(number + 3)}
        for number in range(first, first + count)
    ]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    file = folder / f"{name}.yaml"
    file.write_text(TASK.format(name=name) + extra)
    return file
