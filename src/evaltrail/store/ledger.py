"""The ledger: which evaluations there are and how they ended. Plain sqlite in EVALTRAIL_HOME, no server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import make_private
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError, StorageError
from evaltrail.store.sqlite_file import open_sqlite
from evaltrail.store.statements import read_statements

GENERATING = ("generate questions",)
"""The tasks of a generation of questions: no task of an evaluation has such a name."""
_STATEMENTS = read_statements(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One evaluation as the ledger knows it."""

    id: str
    state: str
    """running, completed, partially_failed, failed or cancelled."""
    model: str
    tasks: tuple[str, ...]
    out: Path
    work: Path
    started_at: datetime
    ended_at: datetime | None = None
    result: bytes = b""
    """The `--json` object of the finished command, as JSON."""

    @property
    def noun(self) -> str:
        """What people are told that it is: evaluation, or generation."""
        return "generation" if is_generation(self.tasks) else "evaluation"


def is_generation(tasks: Sequence[str]) -> bool:
    """Whether what has these tasks makes questions, and is no evaluation."""
    return tuple(tasks) == GENERATING


class Ledger:
    """The ledger of one EVALTRAIL_HOME; every change is one transaction."""

    def __init__(self, home: Path) -> None:
        self._file = home / "ledger.db"

    def begin(self, entry: Entry) -> None:
        """Note an evaluation that starts or goes on."""
        self._note("begin", entry)

    def accept(self, entry: Entry) -> None:
        """Note an evaluation that workers will do, unless they have noted it already."""
        self._note("accept", entry)

    def end(self, evaluation_id: str, state: str, result: bytes) -> None:
        """Note how an evaluation ended."""
        ended_at = datetime.now(UTC).isoformat()
        values = {"id": evaluation_id, "state": state, "ended_at": ended_at, "result": result.decode()}
        with self._open() as database:
            database.execute(_STATEMENTS["end"], values)

    def reopen(self, ended: Entry) -> None:
        """Note that an evaluation which had ended waits again, unless more has become of it meanwhile."""
        if ended.ended_at is None:
            return
        with self._open() as database:
            database.execute(_STATEMENTS["reopen"], {"id": ended.id, "ended_at": ended.ended_at.isoformat()})

    @property
    def is_there(self) -> bool:
        """Whether anything was ever noted; to ask anything else makes an empty ledger."""
        return self._file.is_file()

    def states(self) -> dict[str, str]:
        """The state of every evaluation, by its whole id."""
        with self._open() as database:
            return {row["id"]: row["state"] for row in database.execute(_STATEMENTS["states"])}

    def latest(self, limit: int) -> list[Entry]:
        """The latest evaluations, newest first."""
        with self._open() as database:
            return [_entry(row) for row in database.execute(_STATEMENTS["latest"], {"limit": limit})]

    def find(self, prefix: str) -> Entry:
        """The evaluation whose id begins so.

        Raises:
            InputError: none does, or several do.
        """
        with self._open() as database:
            rows = database.execute(_STATEMENTS["find"], {"prefix": prefix}).fetchall()
        if not rows or not prefix:
            raise InputError(
                f"no evaluation has the id {prefix!r}", code="unknown_id", hint="`evaltrail ls runs` shows them"
            )
        if len(rows) > 1:
            ids = ", ".join(row["id"] for row in rows)
            raise InputError(f"several ids begin with {prefix!r}: {ids}", code="ambiguous_id", hint="give more of it")
        return _entry(rows[0])

    def results(self, evaluation_ids: Sequence[str]) -> dict[str, bytes]:
        """The results of those evaluations that have one, by their whole ids."""
        ids = msgspec.json.encode(tuple(evaluation_ids)).decode()
        with self._open() as database:
            return {row["id"]: row["result"].encode() for row in database.execute(_STATEMENTS["results"], {"ids": ids})}

    def amend(self, evaluation_id: str, before: bytes, result: bytes) -> None:
        """Note more about how an evaluation ended, unless that is no longer what was known before."""
        values = {"id": evaluation_id, "before": before.decode(), "result": result.decode()}
        with self._open() as database:
            database.execute(_STATEMENTS["amend"], values)

    def forget(self, evaluation_id: str) -> None:
        """Take an evaluation out of the ledger; its folders are not touched."""
        with self._open() as database:
            database.execute(_STATEMENTS["forget"], {"id": evaluation_id})

    def _note(self, statement: str, entry: Entry) -> None:
        with self._open() as database:
            database.execute(
                _STATEMENTS[statement],
                {
                    "id": entry.id,
                    "model": entry.model,
                    "tasks": msgspec.json.encode(entry.tasks).decode(),
                    "out": str(entry.out),
                    "work": str(entry.work),
                    "started_at": entry.started_at.isoformat(),
                },
            )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        make_private(self._file.parent)
        try:
            with closing(open_sqlite(self._file, synchronous="NORMAL", is_shared=True)) as database:
                database.executescript(_STATEMENTS["create"])
                yield database
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> StorageError:
        return StorageError(f"the ledger cannot be used: {error}", where=str(self._file))


def _entry(row: sqlite3.Row) -> Entry:
    ended = row["ended_at"]
    return Entry(
        id=row["id"],
        state=row["state"],
        model=row["model"],
        tasks=decoded(row["tasks"], tuple[str, ...]),
        out=Path(row["out"]),
        work=Path(row["work"]),
        started_at=datetime.fromisoformat(row["started_at"]),
        ended_at=datetime.fromisoformat(ended) if ended else None,
        result=(row["result"] or "").encode(),
    )
