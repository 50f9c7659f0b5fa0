"""What the outbox needs no more: files of attempts that were killed, locks of the dead, records of old deliveries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from evaltrail.bundle.folders import hold_lock, is_locked
from evaltrail.config.settings import Settings
from evaltrail.core.errors import BusyError
from evaltrail.destinations.mlflow.outbox import Delivery, Outbox
from evaltrail.destinations.mlflow.staging import passing_folder, staging_folder
from evaltrail.service.clearing.leftover import QUIET_S, Leftover, folder_names, quiet_for, rid_of, size_of
from evaltrail.service.deliver import outbox_folder

STAGED = "files of a delivery that needs them no more"
UNPACKED = "archive that an interrupted command unpacked"
LOCK = "lock of a process that is gone"
RECORDS = "records of deliveries that have landed"


def find_in_outbox(settings: Settings, older_than_s: float | None, now_s: float) -> Iterator[Leftover]:
    """What lies in the outbox and is needless; nothing that waits, or was given up and may be put again.

    Args:
        settings: where the outbox is; none is made where there is none.
        older_than_s: records of deliveries that were put before then go too; None = none.
        now_s: seconds since 1970, as its disk has them.
    """
    folder = outbox_folder(settings)
    if not (folder / "outbox.db").is_file():
        return
    with Outbox(folder, is_shared=settings.has_shared_home) as outbox:
        waiting = outbox.waiting()
        landed = 0 if older_than_s is None else outbox.count_landed(older_than_s)
    yield from _staged(folder, waiting, now_s)
    yield from _unpacked(folder)
    yield from _locks(folder)
    if landed:
        remove = partial(_drop_landed, folder, older_than_s or 0.0, is_shared=settings.has_shared_home)
        yield Leftover(what=RECORDS, name=f"{landed:,} in outbox/outbox.db", size_bytes=0, remove=remove)


def _staged(folder: Path, waiting: Sequence[Delivery], now_s: float) -> Iterator[Leftover]:
    """Attempts whose files no waiting delivery names; one that is under way has written lately.

    An attempt is known by the name of its folder alone: the home may have been moved since, or be reached by a link.
    """
    plans = [delivery.plan for delivery in waiting if delivery.plan is not None]
    named = [Path(name) for plan in plans for name in (plan.traces.file, *(item.file for item in plan.artifacts))]
    needed = {part for file in named for part in file.parts}
    above = staging_folder(folder)
    for key in folder_names(above):
        for attempt in folder_names(above / key):
            made = above / key / attempt
            if attempt not in needed and quiet_for(made, now_s) >= QUIET_S:
                yield _leftover(STAGED, made, folder, partial(_unstage, made))


def _unpacked(folder: Path) -> Iterator[Leftover]:
    above = passing_folder(folder)
    for name in folder_names(above):
        lock = above / f"{name}.lock"
        if not is_locked(lock):
            yield _leftover(UNPACKED, above / name, folder, partial(_rid_with_lock, above / name, lock))


def _locks(folder: Path) -> Iterator[Leftover]:
    """Lock files that nobody holds; of unpacked archives only those without a folder, which goes with its own."""
    above = passing_folder(folder)
    alone = [lock for lock in sorted(above.glob("*.lock")) if not lock.with_suffix("").exists()]
    for lock in [*sorted((folder / "leases").glob("*.lock")), *alone]:
        if not is_locked(lock):
            yield _leftover(LOCK, lock, folder, partial(_rid_with_lock, None, lock))


def _leftover(what: str, path: Path, folder: Path, remove: partial[bool]) -> Leftover:
    name = path.relative_to(folder.parent).as_posix()
    return Leftover(what=what, name=name, size_bytes=size_of(path), remove=remove)


def _unstage(made: Path) -> bool:
    rid_of(made)
    if not any(made.parent.iterdir()):
        made.parent.rmdir()
    return True


def _rid_with_lock(folder: Path | None, lock: Path) -> bool:
    """Whether they are gone: nobody else held the lock."""
    try:
        with hold_lock(lock, "process {pid} is at it"):
            if folder is not None:
                rid_of(folder)
            lock.unlink(missing_ok=True)
    except BusyError:
        return False
    return True


def _drop_landed(folder: Path, older_than_s: float, *, is_shared: bool) -> bool:
    with Outbox(folder, is_shared=is_shared) as outbox:
        return bool(outbox.drop_landed(older_than_s))
