"""What is handed in to be queued: a job and its units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

LOWEST, HIGHEST = -100, 100
_MOST_CHARACTERS = 500
_MOST_OF_KIND = 100
_MOST_UNITS = 100_000
_MOST_SLOTS = 1_000_000
_MOST_LABELS = 200
_MOST_LABEL_BYTES = 2500
"""Of key and value together: an entry of PostgreSQL's index may have 2,704."""
_LONGEST_TIMEOUT_S = 366 * 86_400
_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """One piece of work."""

    kind: str = "task"
    """What a worker does with it."""
    place: Json = None
    """Which part of the job's spec it is: a task's number, a range of samples..."""
    endpoint: str = ""
    """The endpoint that it asks, whose cap it keeps; empty = none."""
    slots: int = 1
    """Requests that it sends the endpoint at once; fewer where the endpoint's cap is lower."""
    max_attempts: int = 3
    """How often it is begun at most; then it has failed."""
    total: int | None = None
    """Samples, where they are known already."""
    is_last: bool = False
    """It begins when all others of its job have ended, however they did; one a job."""
    runs_when_cancelled: bool = False
    """A cancelled job that had begun still runs it, to put in order what was begun elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """One request: what it is, and into which units it is cut."""

    kind: str
    spec: Mapping[str, Json]
    """Everything that its units need to know; without secrets."""
    units: tuple[NewUnit, ...]
    id: str = ""
    """As ``core.ids.new_id`` makes one, for a job that others are told of before it is accepted; empty = a new one."""
    name: str = ""
    queue: str = "default"
    priority: int = 0
    """From -100 to 100; higher goes first."""
    idempotency_key: str = ""
    """The same key and the same body are the same job; empty = every submission is a new one."""
    body_digest: str = ""
    """Identity of what was asked for; empty = the spec's own digest."""
    parent: str = ""
    """Id of the job that it belongs to."""
    after: str = ""
    """Id of a job that has to end first, however it does: the units are held until then. That happens once: should the
    other be tried again and end again, nothing is begun anew."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it can be found by, beside its state, kind and name."""
    timeout_s: float | None = None
    """How long it may take, from its first unit's begin; what is not done then has failed, and its last unit runs."""
    run_ids: Mapping[str, str] = field(default_factory=dict)
    """MLflow runs that were announced for it: task (or an empty word for the whole) to run id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The answer to a submission; the job is safe."""

    job_id: str
    """Empty where it was left out: it was to come after a job that had been accepted before, with what follows it."""
    is_new: bool
    """False: it had been accepted before, under the same key."""


def check_order(job: NewJob) -> None:
    """Refuse what no database could keep, or nobody could ever finish.

    Raises:
        InputError: a field is wrong; which one is named.
    """
    if not job.units:
        raise InputError("a job without units", where="units", hint="give at least one")
    check_units(job.units)
    if not LOWEST <= job.priority <= HIGHEST:
        raise InputError(f"the priority is {job.priority}", where="priority", hint=f"{LOWEST} to {HIGHEST} are known")
    for name in ("kind", "name", "queue", "idempotency_key", "body_digest", "parent", "after"):
        _check_text(getattr(job, name), name, _MOST_OF_KIND if name == "kind" else _MOST_CHARACTERS)
    for name in ("kind", "queue"):
        if not getattr(job, name):
            raise InputError(f"the {name} is empty", where=name)
    if job.id and not _ID.fullmatch(job.id):
        raise InputError(f"{job.id!r:.40} is no id", where="id", hint="16 hex digits, or nothing for a new one")
    if job.timeout_s is not None and not 0 < job.timeout_s <= _LONGEST_TIMEOUT_S:
        raise InputError(f"a time-out of {job.timeout_s} s", where="timeout_s", hint="more than 0, a year at most")
    _check_labels(job.labels)


def check_units(units: tuple[NewUnit, ...]) -> None:
    """Refuse units that could never run.

    Raises:
        InputError: a field is wrong; which one is named.
    """
    if len(units) > _MOST_UNITS:
        raise InputError(f"{len(units):,} units", where="units", hint=f"{_MOST_UNITS:,} a job are allowed")
    if sum(unit.is_last for unit in units) > 1:
        raise InputError("several units want to be the last", where="units")
    for unit in units:
        _check_text(unit.kind, "units.kind")
        _check_text(unit.endpoint, "units.endpoint")
        if unit.max_attempts < 1:
            raise InputError("a unit that may never be begun", where="units.max_attempts", hint="1 is the least")
        if not 1 <= unit.slots <= _MOST_SLOTS:
            raise InputError(f"{unit.slots:,} requests at once", where="units.slots", hint=f"1 to {_MOST_SLOTS:,}")


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > _MOST_LABELS:
        raise InputError(f"{len(labels):,} labels", where="labels", hint=f"{_MOST_LABELS} a job are allowed")
    for key, value in labels.items():
        if not key:
            raise InputError("a label without a key", where="labels")
        where = f"labels.{key:.80}"
        for text in (key, value):
            _check_text(text, where)
        if len(key.encode()) + len(value.encode()) > _MOST_LABEL_BYTES:
            raise InputError("too many bytes", where=where, hint=f"{_MOST_LABEL_BYTES:,} are allowed, with the key")


def _check_text(text: str, where: str, most: int = _MOST_CHARACTERS) -> None:
    if len(text) > most:
        raise InputError(f"{len(text):,} characters", where=where, hint=f"{most} are allowed")
    if "\0" in text or (not text.isascii() and _is_torn(text)):
        raise InputError("a character that no database keeps", where=where, hint="leave out NUL and lone surrogates")


def _is_torn(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
