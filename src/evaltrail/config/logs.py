"""The run's own log: one line an event, with its time, without secrets."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.config.secrets import redact


class RunLog:
    """Appends lines to one file; a log that cannot be written never stops a run.

    Args:
        file: where the lines go; its folder exists.
        secrets: values that must never appear.
    """

    def __init__(self, file: Path, secrets: Iterable[str] = ()) -> None:
        self.file = file
        self._secrets = tuple(secrets)

    def write(self, event: str) -> None:
        """Add one event."""
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = f"{stamp} {redact(event, self._secrets)}".replace("\n", " ")
        try:
            with self.file.open("a", encoding="utf-8") as out:
                out.write(line + "\n")
        except OSError:
            return
