"""Queued evaluations under kills, stops and restarts on every backend: prints a Markdown table of what that cost.

Usage: python benchmarks/durability.py [--points N] [--seed N] [BACKEND...]

The scenarios and their checks are those of the tests; here more points are killed. A backend whose servers are not
installed is left out, and said to be; the table of all of them is kept in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "acceptance"))

import proof_scenarios
from bench import keep, machine
from mock_endpoint import MockEndpoint
from proof_backends import BACKENDS, Backend, Servers, why_not
from proof_trial import IN_FLIGHT, LEASE_S, Account, Outcome, unbroken

WAY = (
    f"A lease of {LEASE_S:g} s, {IN_FLIGHT} requests in flight a unit. Repeats are questions asked again though their "
    "answer had been sent; allowed are those that can have been in flight when a worker lost its unit. Lost, doubled: "
    "samples. Every result was compared with the one of an unbroken run: metrics, counts, samples in their order."
)


class Place:
    """Where trials are made, and what unbroken runs come to."""

    def __init__(self, endpoint: MockEndpoint, folder: Path, servers: Servers) -> None:
        self.endpoint = endpoint
        self._root, self._servers, self._made = folder, servers, 0
        self._unbroken: dict[int, Outcome] = {}

    def folder(self) -> Path:
        """A new one."""
        self._made += 1
        return self._root / str(self._made)

    def backend(self, name: str) -> AbstractContextManager[Backend]:
        """One with nothing queued."""
        return self._servers.backend(name)

    def unbroken(self, items: int) -> Outcome:
        """The result of a run that nothing happens to."""
        if items not in self._unbroken:
            self._unbroken[items] = unbroken(self.folder(), self.endpoint, items)
        return self._unbroken[items]


def accounts(place: Place, name: str, *, points: int, seed: int) -> Iterator[tuple[Account, str]]:
    """Every scenario on one backend, each with a note."""
    yield proof_scenarios.random_kills(place, name, points=points, seed=seed), f"seed {seed}"
    found = proof_scenarios.taken_over(place, name)
    yield found.account, f"first call {found.first_call_s:.2f} s after the kill, {found.late_rows} rows written late"
    if name != "sqlite":
        yield proof_scenarios.servers_restarted(place, name), ""
    if name == "rabbitmq":
        account, attempts, _ = proof_scenarios.long_units(place)
        yield account, f"attempts {attempts}, acknowledgement wanted within 1 s"
    account, units = proof_scenarios.poisoned(place, name)
    yield account, f"{account.state}: {', '.join(f'{state} after {attempt}' for state, attempt, _ in units)}"


def table(rows: Sequence[dict[str, str]]) -> str:
    """The rows in Markdown."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def measure(place: Place, names: Sequence[str], *, points: int, seed: int) -> tuple[list[dict[str, str]], bool]:
    """The table's rows, and whether all of them are as they must be."""
    rows: list[dict[str, str]] = []
    is_good = True
    for name in names:
        for account, note in accounts(place, name, points=points, seed=seed):
            rows.append({**account.row, "note": note})
            tell(str(rows[-1]))
            is_good &= is_whole(account, place.unbroken(account.items))
    return rows, is_good


def is_whole(account: Account, unbroken_result: Outcome) -> bool:
    """Whether nothing is lost; of a poisoned evaluation the other task counts."""
    try:
        account.check(unbroken_result, state="partially_failed" if account.scenario == "poison" else "completed")
    except AssertionError as error:
        tell(f"{account.scenario} on {account.backend}: {error}")
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(BACKENDS), metavar="BACKEND", help=", ".join(BACKENDS))
    parser.add_argument("--points", type=int, default=20, help="kills an evaluation")
    parser.add_argument("--seed", type=int, default=20)
    given = parser.parse_args()
    missing = {name: why_not(name) for name in given.backends if why_not(name)}
    names = [name for name in given.backends if name not in missing]
    began, setting = time.monotonic(), machine()
    with ExitStack() as stack, MockEndpoint() as endpoint, tempfile.TemporaryDirectory() as folder:
        place = Place(endpoint, Path(folder), Servers(stack))
        rows, is_good = measure(place, names, points=given.points, seed=given.seed)
    text = f"{table(rows)}\n\n{WAY} {time.monotonic() - began:.0f} s in all."
    print(text)
    if names == list(BACKENDS) and is_good:
        keep(f"## Durability\n\n{text}", setting)
    for name, reason in missing.items():
        print(f"{name} was left out: {reason}.")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
