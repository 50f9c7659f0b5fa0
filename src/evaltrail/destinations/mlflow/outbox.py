"""Outbox: deliveries and how far each has come, in a sqlite file that survives a crash at any moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Self

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.delivery import Receipt, Skipped
from evaltrail.core.errors import StorageError
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.store.sqlite_file import open_sqlite
from evaltrail.store.statements import read_statements

Phase = Literal["planned", "creating", "created", "batched", "inputs", "finished"]
"""What MLflow is known to hold: nothing, perhaps a run, the run, its batches and some files, its inputs, all."""

_STATEMENTS = read_statements(Path(__file__).with_name("outbox.sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery as the outbox knows it."""

    key: str
    tracking_uri: str
    plan: RunPlan | None
    """None once the delivery is finished."""
    phase: Phase = "planned"
    artifacts: tuple[str, ...] = ()
    """Paths of the artifacts that have been put."""
    run_id: str = ""
    experiment_id: str = ""
    skipped: tuple[Skipped, ...] = ()
    """What was found missing on the way."""
    attempts: int = 0
    """Attempts that failed."""
    last_error: str = ""
    receipt: Receipt | None = None


class Outbox:
    """The deliveries of one folder; to be used by one thread, closed as a context manager.

    Args:
        folder: made with mode 0700 when missing; ``outbox.db`` in it gets mode 0600.
        is_shared: processes of other machines may use it too; see ``open_sqlite``.

    Raises:
        StorageError: the folder cannot be written.
    """

    def __init__(self, folder: Path, *, is_shared: bool = False) -> None:
        self.folder = folder
        with _storage(folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._rows = open_sqlite(folder / "outbox.db", synchronous="FULL", is_shared=is_shared)
            self._rows.execute(_STATEMENTS["create"])
            self._rows.execute(_STATEMENTS["create_forgotten"])

    def put(self, plan: RunPlan, tracking_uri: str) -> Delivery:
        """The delivery of this plan, written down; a known one keeps its phase, and waits again if it was given up."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write("remember", key=plan.key, tracking_uri=tracking_uri)
        self._write("put", key=plan.key, tracking_uri=tracking_uri, plan=plan.to_json(), created_at=now)
        found = self.get(plan.key, tracking_uri)
        if found is None:
            raise StorageError("a delivery that was just written is gone", where=str(self.folder / "outbox.db"))
        return found

    def get(self, key: str, tracking_uri: str) -> Delivery | None:
        """The delivery, or None when nobody put it."""
        rows = self._read("get", key=key, tracking_uri=tracking_uri)
        return _delivery(rows[0]) if rows else None

    def advance(self, delivery: Delivery) -> Delivery:
        """The delivery, its phase now on disk."""
        self._write(
            "advance",
            key=delivery.key,
            tracking_uri=delivery.tracking_uri,
            phase=delivery.phase,
            artifacts=msgspec.json.encode(delivery.artifacts),
            run_id=delivery.run_id,
            experiment_id=delivery.experiment_id,
            skipped=msgspec.json.encode(delivery.skipped),
        )
        return delivery

    def finish(self, delivery: Delivery, receipt: Receipt) -> Delivery:
        """The delivery with its receipt, finished."""
        self._write(
            "finish",
            key=delivery.key,
            tracking_uri=delivery.tracking_uri,
            run_id=receipt.run_id,
            experiment_id=receipt.experiment_id,
            receipt=msgspec.json.encode(receipt),
        )
        return replace(delivery, phase="finished", receipt=receipt, plan=None)

    def fail(self, delivery: Delivery, error: str) -> None:
        """Record that an attempt failed; the delivery keeps waiting."""
        self._write("fail", key=delivery.key, tracking_uri=delivery.tracking_uri, last_error=error)

    def forget(self, delivery: Delivery) -> None:
        """Give a delivery up: it waits no more, until somebody puts it again."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._write("forget", key=delivery.key, tracking_uri=delivery.tracking_uri, forgotten_at=now)

    def waiting(self) -> list[Delivery]:
        """Deliveries that are neither finished nor given up, in the order they were put."""
        return [_delivery(row) for row in self._read("waiting")]

    def is_forgotten(self, key: str, tracking_uri: str) -> bool:
        """Whether a delivery was given up."""
        return bool(self._read("is_forgotten", key=key, tracking_uri=tracking_uri))

    def forgotten(self) -> list[Delivery]:
        """Deliveries that were given up, in the order they were put."""
        return [_delivery(row) for row in self._read("forgotten")]

    def count_landed(self, seconds: float) -> int:
        """How many deliveries have landed that were put so long ago, and that nothing which waits lies below of."""
        return len(self._landed(seconds))

    def drop_landed(self, seconds: float) -> int:
        """How many of those are forgotten now: put again, their runs are looked for in MLflow by their keys."""
        landed = self._landed(seconds)
        for key, tracking_uri in landed:
            self._write("drop", key=key, tracking_uri=tracking_uri)
        return len(landed)

    def _landed(self, seconds: float) -> list[tuple[str, str]]:
        before = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="seconds")
        open_plans = [each.plan for each in (*self.waiting(), *self.forgotten()) if each.plan is not None]
        parents = {plan.parent_key for plan in open_plans}
        rows = self._read("landed", before=before)
        return [(row["key"], row["tracking_uri"]) for row in rows if row["key"] not in parents]

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _write(self, statement: str, **values: str | int | bytes) -> None:
        with _storage(self.folder):
            self._rows.execute(_STATEMENTS[statement], values)

    def _read(self, statement: str, **values: str) -> list[sqlite3.Row]:
        with _storage(self.folder):
            return self._rows.execute(_STATEMENTS[statement], values).fetchall()


def _delivery(row: sqlite3.Row) -> Delivery:
    return Delivery(
        key=row["key"],
        tracking_uri=row["tracking_uri"],
        plan=RunPlan.from_json(row["plan"]) if row["plan"] else None,
        phase=row["phase"],
        artifacts=decoded(row["artifacts"], tuple[str, ...]),
        run_id=row["run_id"],
        experiment_id=row["experiment_id"],
        skipped=decoded(row["skipped"], tuple[Skipped, ...]),
        attempts=row["attempts"],
        last_error=row["last_error"],
        receipt=decoded(row["receipt"], Receipt) if row["receipt"] else None,
    )


@contextmanager
def _storage(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"the outbox cannot be used: {error}",
            hint="free space or make the folder writable, or set EVALTRAIL_HOME to another one",
            where=str(folder / "outbox.db"),
        ) from error
