"""Command files for tests, and the small programs that they run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PROGRAM = """
import json, os, sys
from pathlib import Path

out, model, *more = sys.argv[1:]
folder = Path(out, "m")
folder.mkdir(parents=True, exist_ok=True)
Path(out, "given.txt").write_text(json.dumps({"words": [model, *more], "variables": sorted(os.environ)}))
rows = [{"doc_id": n, "doc": {"q": n}, "target": "x", "arguments": [["q", {}]], "resps": [["x"]],
         "filtered_resps": ["x"], "filter": "none", "metrics": ["acc"], "acc": float(n != 0)} for n in range(4)]
(folder / "samples_sums_2026-03-02T10-15-30.123456.jsonl").write_text("".join(json.dumps(r) + "\\n" for r in rows))
results = {"results": {"sums": {"alias": "sums", "acc,none": 0.75, "acc_stderr,none": 0.25}},
           "configs": {"sums": {"task": "sums"}}, "versions": {"sums": 1}, "n-shot": {"sums": 0},
           "n-samples": {"sums": {"original": 4, "effective": 4}}, "config": {"model": "m"}, "model_name": model}
(folder / "results_2026-03-02T10-15-30.123456.json").write_text(json.dumps(results))
"""
"""Leaves what lm-evaluation-harness leaves: three of four right."""


def write_command(folder: Path, stem: str = "sums", program: str = PROGRAM, **changes: object) -> Path:
    """A command file in a folder, with the program beside it: words {out} and {model} unless ``command`` says else.

    Args:
        folder: of commands.
        stem: name of the file.
        program: Python.
        changes: of keys; None takes one away. JSON is YAML too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{stem}.py"
    script.write_text(program)
    content = {"command": [sys.executable, str(script), "{out}", "{model}"], "leaves": "lm_eval", **changes}
    file = folder / f"{stem}.yaml"
    file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return file
