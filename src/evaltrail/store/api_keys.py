"""ApiKeys: who may speak to the service. A key is told once; what is kept is its digest.

The digest is one SHA-256: a key is 32 random bytes, which nobody guesses, so that a slow hash would protect nothing
more and cost every request its time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal, cast, get_args

from sqlalchemy import Connection, insert, select, update

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.store.database import Database
from evaltrail.store.tables import API_KEY, SECOND_US, DatabaseNow, Record

Role = Literal["read", "submit", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

_RANKS = MappingProxyType({role: rank for rank, role in enumerate(ROLES)})
_KEY = re.compile(r"(?a)etk_([0-9a-f]{12})_[\w-]{43}")
_NAME = re.compile(r"(?a)[A-Za-z0-9][\w.@-]{0,63}")
_LOOKUP_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it may be shown."""

    id: str
    """Stands in the key itself, behind ``etk_``."""
    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None = None

    def may(self, role: Role) -> bool:
        """Whether the key opens what a role opens."""
        return _RANKS[self.role] >= _RANKS[role]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeKey:
    """A key that was just made."""

    account: ApiKey
    key: str = field(repr=False)
    """The key itself, which cannot be had again."""


class ApiKeys:
    """The keys of one database.

    Args:
        database: of jobs.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, role: Role) -> MadeKey:
        """A new key, kept by its digest.

        Args:
            name: of whom or what will use it; it stands in the service's log.
            role: what it opens.

        Raises:
            InputError: the name is none, or a key of this name is in use.
            StorageError: the database cannot be used.
        """
        if not _NAME.fullmatch(name):
            hint = "give letters, digits and . _ - @, beginning with a letter or digit, 64 at most"
            raise InputError(f"{name[:100]!r} is no name for a key", code="bad_name", hint=hint)
        key_id = secrets.token_hex(6)
        key = f"etk_{key_id}_{secrets.token_urlsafe(32)}"
        values = {"id": key_id, "name": name, "role": role, "digest": digest_of(key), "created_at": DatabaseNow()}

        def work(connection: Connection) -> Record:
            if _of_name(connection, name):
                hint = f"`evaltrail keys revoke {name}` ends it; or give another name"
                raise InputError(f"a key named {name!r} is in use", code="already_exists", hint=hint)
            connection.execute(insert(API_KEY).values(values))
            return _of_id(connection, key_id)

        return MadeKey(account=_account(self._database.write(work)), key=key)

    def list(self) -> list[ApiKey]:
        """Every key there ever was, the newest first.

        Raises:
            StorageError: the database cannot be used.
        """
        statement = select(API_KEY).order_by(API_KEY.c.created_at.desc(), API_KEY.c.id)
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return [_account(row) for row in rows]

    def revoke(self, name: str) -> ApiKey:
        """The key of a name, which opens nothing any more.

        Raises:
            InputError: no key of this name is in use.
            StorageError: the database cannot be used.
        """

        def work(connection: Connection) -> Record | None:
            found = _of_name(connection, name)
            if not found:
                return None
            ids = [row.id for row in found]
            connection.execute(update(API_KEY).where(API_KEY.c.id.in_(ids)).values(revoked_at=DatabaseNow()))
            return _of_id(connection, ids[0])

        row = self._database.write(work)
        if row is not None:
            return _account(row)
        names = [key.name for key in self.list() if key.revoked_at is None]
        hint = nearest(name, names) or "`evaltrail keys ls` shows them"
        raise InputError(f"no key named {name[:100]!r} is in use", code="unknown_key_name", hint=hint)

    def find(self, key: str) -> ApiKey | None:
        """The account of a key that is in use; None for any other text.

        Raises:
            StorageError: the database cannot be used.
        """
        form = _KEY.fullmatch(key)
        if form is None:
            return None
        statement = select(API_KEY).where(API_KEY.c.id == form[1], API_KEY.c.revoked_at.is_(None))
        row = self._database.read(
            lambda connection: connection.execute(statement).one_or_none(), patience_s=_LOOKUP_PATIENCE_S
        )
        if row is None or not hmac.compare_digest(row.digest, digest_of(key)):
            return None
        return _account(row)


def digest_of(key: str) -> str:
    """The digest that a key is kept by: 64 hex digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _of_name(connection: Connection, name: str) -> list[Record]:
    statement = select(API_KEY).where(API_KEY.c.name == name, API_KEY.c.revoked_at.is_(None))
    return list(connection.execute(statement).all())


def _of_id(connection: Connection, key_id: str) -> Record:
    return connection.execute(select(API_KEY).where(API_KEY.c.id == key_id)).one()


def _account(row: Record) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        role=cast("Role", row.role),
        created_at=_time(row.created_at),
        revoked_at=None if row.revoked_at is None else _time(row.revoked_at),
    )


def _time(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / SECOND_US, UTC)
