"""Generation beside the bare calls and beside the seed's pattern, the same again, and a long PDF.

Usage: python benchmarks/generation.py [REPEAT]
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import document_pages
from generated_sets import write_facts
from generation_calls import IN_FLIGHT, PER_WINDOW, QUESTIONS, WINDOWS
from generation_endpoint import GenerationEndpoint
from goals import Row, exactly, show
from measure import Measured, NotMeasuredError, measure, two_cores

LATENCY_MS = 200.0
CALLS = WINDOWS * (1 + 2 * QUESTIONS)
MOST_TIMES_FLOOR = 1.5
LEAST_TIMES_SEED, STRETCH_TIMES_SEED = 8.0, 12.0
HERE = Path(__file__).parent
EVALTRAIL = Path(sys.executable).with_name("evaltrail")
WAY = (
    f"{WINDOWS} windows of {PER_WINDOW} chunks, {QUESTIONS} questions each: {CALLS} calls of {LATENCY_MS:g} ms, "
    f"{IN_FLIGHT} in flight at most, the endpoint on one core, who asks on the other, in turn; medians. The floor "
    "sends the very requests of a generation with floor_client.py (raw), all of them at hand at once. generate(): from "
    "its call to its result. Asking: from the first request to the last answer of `evaltrail generate --no-deliver`; "
    "whole: from its spawn to its exit in a new home, its documents read, files, data set and bundle written. "
    "The seed's pattern (seed_generator.py) sends the same requests once: a window after the other, its calls shared "
    "out evenly among four workers, though it could not check a question before it is written. Again: the same command "
    f"a second time. {document_pages.WAY}"
)


def run(repeat: int = 5) -> list[Row]:
    """Every row of the page.

    Raises:
        NotMeasuredError: one of the contestants did not do its work.
    """
    with two_cores() as prefix, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        requests = folder / "requests.jsonl"
        told("generation_calls.py", "record", requests)
        with GenerationEndpoint(latency_ms=LATENCY_MS) as endpoint:
            bare, alone, whole = [], [], []
            for number in range(repeat):
                home = folder / f"home-{number}"
                bare.append(seconds(told("generation_calls.py", "floor", endpoint.url, requests, prefix=prefix)))
                alone.append(seconds(told("generation_calls.py", "ours", endpoint.url, prefix=prefix)))
                whole.append(generated(folder, endpoint, prefix, home))
            seed_s = told("seed_generator.py", endpoint.url, requests, prefix=prefix)["seconds"]
            again = the_same_again(folder, endpoint, prefix, home)
    floor_s, alone_s = statistics.median(bare), statistics.median(alone)
    spans = statistics.median(one.span_s for one in whole)
    walls = statistics.median(one.ended_at - one.spawned_at for one in whole)
    whole_ratio = f"{walls / floor_s:.2f}; {seed_s / walls:.1f} faster than the seed's"
    return [
        times_floor(f"generate(), {CALLS} calls", floor_s, alone_s),
        times_floor("evaltrail generate, asking", floor_s, spans),
        faster("generate(), the seed's pattern as the floor", seed_s, alone_s),
        faster("evaltrail generate, asking, the seed's pattern as the floor", seed_s, spans),
        Row(what="evaltrail generate, whole", floor=f"{floor_s:.2f} s", evaltrail=f"{walls:.2f} s", ratio=whole_ratio),
        again,
        *document_pages.run(repeat),
    ]


def generated(folder: Path, endpoint: GenerationEndpoint, prefix: Sequence[str], home: Path) -> Measured:
    """One `evaltrail generate` of all windows, with this home.

    Raises:
        NotMeasuredError: it did not bring all questions.
    """
    endpoint.reset()
    document = write_facts(folder / "facts.json", WINDOWS * PER_WINDOW)
    command = [
        *prefix,
        str(EVALTRAIL),
        "generate",
        str(document),
        f"--out={folder / 'questions.csv'}",
        "--model=writer",
    ]
    how = [f"--url={endpoint.url}", f"--window-size={PER_WINDOW}", f"--window-step={PER_WINDOW}", "--json"]
    count = [f"--questions-per-window={QUESTIONS}", f"--concurrency={IN_FLIGHT}", "--no-deliver"]
    environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "EVALTRAIL_HOME": str(home)}
    done = measure([*command, *how, *count], endpoint, folder=folder, environ=environ)
    if (found := json.loads(done.output)["accepted"]) != WINDOWS * QUESTIONS:
        raise NotMeasuredError(f"{found} questions came")
    return done


def the_same_again(folder: Path, endpoint: GenerationEndpoint, prefix: Sequence[str], home: Path) -> Row:
    """What a generation sends that was made before, and whether its file is the same."""
    file = folder / "questions.csv"
    first = hashlib.sha256(file.read_bytes()).hexdigest()
    file.unlink()
    sent = generated(folder, endpoint, prefix, home).server["total"]
    is_same = hashlib.sha256(file.read_bytes()).hexdigest() == first
    return exactly("again", f"{sent} calls, {'the same' if is_same else 'other'} bytes", "0 calls, the same bytes")


def told(*words: object, prefix: Sequence[str] = ()) -> dict[str, Any]:
    """What one program of this folder prints.

    Raises:
        NotMeasuredError: it failed.
    """
    program, *rest = map(str, words)
    command = [*prefix, sys.executable, str(HERE / program), *rest]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        raise NotMeasuredError(f"{program} ended with {done.returncode}: {done.stderr[-500:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def seconds(said: dict[str, Any]) -> float:
    """How long it took, once it is certain that it did all of its work."""
    if said.get("calls", CALLS) != CALLS or said.get("accepted", WINDOWS * QUESTIONS) != WINDOWS * QUESTIONS:
        raise NotMeasuredError(f"not {CALLS} calls: {said}")
    return float(said["seconds"])


def times_floor(what: str, floor_s: float, ours_s: float) -> Row:
    """Seconds beside those of the bare calls."""
    ratio = ours_s / floor_s
    return Row(
        what=what,
        floor=f"{floor_s:.2f} s",
        evaltrail=f"{ours_s:.2f} s",
        ratio=f"{ratio:.2f}",
        must=f"<= {MOST_TIMES_FLOOR:g} x",
        is_must=ratio <= MOST_TIMES_FLOOR,
    )


def faster(what: str, seed_s: float, ours_s: float) -> Row:
    """Seconds beside those of the seed's pattern."""
    ratio = seed_s / ours_s
    return Row(
        what=what,
        floor=f"{seed_s:.2f} s",
        evaltrail=f"{ours_s:.2f} s",
        ratio=f"{ratio:.1f} faster",
        must=f">= {LEAST_TIMES_SEED:g} x faster",
        stretch=f">= {STRETCH_TIMES_SEED:g} x faster",
        is_must=ratio >= LEAST_TIMES_SEED,
        is_stretch=ratio >= STRETCH_TIMES_SEED,
    )


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), WAY)


if __name__ == "__main__":
    sys.exit(main())
