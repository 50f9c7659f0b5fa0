"""The engine beside the raw floor, landing and gathering beside the stock client and raw REST, status: prints tables.

Usage: python benchmarks/bench.py [--quick] [--only NAME...]

Every part that is measured whole is kept in benchmarks/RESULTS.md. A timing is no test: only what could not be measured
gives exit code 1.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from engine import SCENARIOS
from goals import HEAD, Row
from lab import LATENCY_MS, Lab
from measure import NotMeasuredError, two_cores

RESULTS = Path(__file__).with_name("RESULTS.md")
LANDING = "landing"
PARTS = {
    "gathering": "Gathering",
    "generation": "Generation",
    "invocations": "Invocations",
    "judge_peer": "Judging",
    "lease_queue": "Queue",
    "lm_eval_peer": "lm-evaluation-harness through our engine",
    "service_peer": "Service",
    "workers": "Workers",
}
"""Module to title; each has ``run(repeats)`` and ``WAY``."""


def measure_engine(names: Sequence[str], repeats: int) -> tuple[str, bool]:
    """The engine's part of the page, and whether all of it could be measured."""
    rows: list[Row] = []
    ways: list[str] = []
    is_whole = True
    with two_cores() as prefix, TemporaryDirectory() as folder:
        lab = Lab(folder=Path(folder), prefix=prefix, repeats=repeats)
        try:
            lab.warm_up()
        except NotMeasuredError as error:
            tell(f"nothing could be measured: {error}")
            return "## Engine\n\nnot measured", False
        for name in names:
            tell(f"{name}...")
            way = " ".join((inspect.getdoc(SCENARIOS[name]) or "").split())
            ways.append(f"* {name}: {way}")
            try:
                rows += SCENARIOS[name](lab)
            except NotMeasuredError as error:
                tell(f"{name} could not be measured: {error}")
                rows.append(Row(what=name, evaltrail="not measured", is_must=False))
                is_whole = False
    pinned = "The server and the commands have a core each" if prefix else "Nothing is pinned to a core"
    floor = f"the floor is floor_client.py (raw, uvloop, {lab.codec})"
    setting = f"{pinned}; {LATENCY_MS:g} ms a call unless said, {repeats} repetitions; {floor}."
    return "\n\n".join(("## Engine", table(HEAD, [row.cells for row in rows]), setting, "\n".join(ways))), is_whole


def measure_landing(repeats: int) -> tuple[str, bool]:
    """The landing's part of the page, and whether it could be measured."""
    try:
        # Only here: it imports mlflow, which takes seconds.
        landing = importlib.import_module(LANDING)
        rows = landing.run(repeats)
        ours, stock = landing.sync_cpu()
    except ImportError as error:
        tell(f"landing could not be measured: {error}")
        return "## Landing\n\nnot measured", False
    head = ("what", "MlflowClient", "evaltrail", "times less", "must", "reached")
    cells = [
        (
            f"landing on {row.server}",
            f"{row.stock_ms:.0f} ms",
            f"{row.evaltrail_ms:.0f} ms",
            f"{row.factor:.2f}",
            "" if row.must is None else f">= {row.must}",
            "" if row.must is None else "must" if row.factor >= row.must else "NO",
        )
        for row in rows
    ]
    reached = "must" if stock >= 2 * ours else "NO"
    cells.append(("CPU of a whole sync", f"{stock:.2f} s", f"{ours:.2f} s", f"{stock / ours:.2f}", ">= 2", reached))
    way = (
        "One evaluation of 60 metrics, 40 params, 20 tags and 5 artifacts into a local server (sqlite), the stock "
        f"client with batches and evaltrail in turn; medians of {repeats}, evaltrail's with its outbox synced to disk. "
        "The last row: one waiting run sent by `evaltrail sync`, and by a script that imports mlflow, start included."
    )
    return "\n\n".join(("## Landing", table(head, cells), way)), True


def measure_part(name: str, repeats: int) -> tuple[str, bool]:
    """A part of the page that is a module of its own, and whether it could be measured."""
    title = f"## {PARTS[name]}"
    try:
        # Only here: some of them import mlflow, which takes seconds.
        part = importlib.import_module(name)
        rows = part.run(repeats)
    except (ImportError, NotMeasuredError) as error:
        tell(f"{name} could not be measured: {error}")
        return f"{title}\n\nnot measured", False
    return "\n\n".join((title, table(HEAD, [row.cells for row in rows]), part.WAY)), True


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that also reads well as text."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def machine() -> str:
    """What the figures were measured on, and how busy it was."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = (line for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name"))
        name = next(models, f": {name}").partition(":")[2].strip()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    load = f"load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    return f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, {name}; {platform.system()}; {python}; {load}"


def keep(text: str, setting: str) -> None:
    """Put a part of the page in place of what stood there under its title, with what it was measured on."""
    title, _, rest = text.partition("\n\n")
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.is_file() else ""
    sections = {part.partition("\n")[0]: part.strip() for part in re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]}
    sections[title] = f"{title}\n\nMeasured {setting}.\n\n{rest}"
    RESULTS.write_text(
        "\n\n".join(["# Results\n\nWritten by `make bench`.", *sections.values()]) + "\n", encoding="utf-8"
    )
    tell(f"kept in {RESULTS}: {title}")


def tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one repetition; RESULTS.md stays as it is")
    names = (*SCENARIOS, LANDING, *PARTS)
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    arguments = parser.parse_args()
    wanted = arguments.only or names
    is_whole = True
    parts = []
    if chosen := [name for name in SCENARIOS if name in wanted]:
        parts.append(partial(measure_engine, chosen, 1 if arguments.quick else 5))
    if LANDING in wanted:
        parts.append(partial(measure_landing, 5 if arguments.quick else 20))
    repeats = 1 if arguments.quick else 5
    parts += [partial(measure_part, name, repeats) for name in PARTS if name in wanted]
    for part in parts:
        setting = machine()
        text, is_measured = part()
        print(f"\n{text}", flush=True)
        is_whole = is_whole and is_measured
        is_part_of_page = part.func is measure_engine and len(chosen) < len(SCENARIOS)
        if is_measured and not (arguments.quick or is_part_of_page):
            keep(text, setting)
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
