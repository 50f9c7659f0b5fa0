"""KeyGuard: who may do what, by the key in Authorization: alone (RFC 6750), or as a browser's password (RFC 7617)."""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from evaltrail.api.problems import AWAY_RETRY_S
from evaltrail.api.request_record import record_of
from evaltrail.core.errors import EvaltrailError
from evaltrail.server.access import is_open_path, needed_role
from evaltrail.server.limits import TokenBuckets, address_of, refuse_for_now
from evaltrail.server.refusal import header, refuse
from evaltrail.store.api_keys import ApiKey

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

FindKey = Callable[[str], ApiKey | None]
"""Finds the account of a key that is in use; it may block."""
REMEMBERED_S = 1.0
"""How long a key is taken without a look at the store: so long one that is revoked goes on opening."""
_MOST_REMEMBERED = 4096
_REFUSALS_A_MINUTE = 300
"""Of one address: a look at the store for each guess must not keep others from it."""
_LONGEST_KEY = 200
_LONGEST_CREDENTIALS = 1000
"""A user name and a key in base64."""


class KeyGuard:
    """Refuses requests without a key that opens what they want.

    Args:
        app: what answers.
        find: looks into the store.
    """

    def __init__(self, app: ASGIApp, find: FindKey) -> None:
        self._app = app
        self._keys = RememberedKeys(find)
        self._refusals = TokenBuckets(_REFUSALS_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless its key does not open it."""
        if scope["type"] != "http" or is_open_path(scope["path"]):
            await self._app(scope, receive, send)
            return
        key = _given_key(scope)
        digest = hashlib.sha256(key).digest()
        if not self._keys.has_met(digest) and (wait_s := self._refusals.wait_s(address_of(scope))):
            await refuse_for_now(scope, send, wait_s, "too many requests without a key that is known")
            return
        try:
            account = await self._keys.find(key, digest) if key else None
        except EvaltrailError as error:
            await _refuse_while_away(scope, send, error)
            return
        if account is None:
            self._refusals.take(address_of(scope))
            await _refuse_stranger(scope, send, has_key=bool(key))
            return
        record_of(scope).client = account.name
        role = needed_role(scope["method"], scope["path"])
        if account.may(role):
            await self._app(scope, receive, send)
            return
        message = f"this needs a key of the role {role}; {account.name} has {account.role}"
        hint = f"use another key; `evaltrail keys add NAME --role {role}` makes one"
        await refuse(scope, send, status=403, code="forbidden", message=message, hint=hint)


@dataclass(frozen=True, slots=True)
class _Met:
    account: ApiKey | None
    until: float


class RememberedKeys:
    """Accounts of keys, looked up once a second at most, each key by one look at a time.

    Args:
        find: looks into the store.
        seconds: how long what it said is taken for true.
        clock: seconds that only grow.
        most: keys that are remembered; the one that was looked up longest ago is forgotten first.
    """

    def __init__(
        self,
        find: FindKey,
        *,
        seconds: float = REMEMBERED_S,
        clock: Callable[[], float] = monotonic,
        most: int = _MOST_REMEMBERED,
    ) -> None:
        self._find = find
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._met: OrderedDict[bytes, _Met] = OrderedDict()
        self._looks: dict[bytes, asyncio.Task[ApiKey | None]] = {}

    def has_met(self, digest: bytes) -> bool:
        """Whether a key, by its digest, was good when it was last looked up."""
        met = self._met.get(digest)
        return met is not None and met.account is not None

    async def find(self, key: bytes, digest: bytes) -> ApiKey | None:
        """The account of a key that is in use; None for any other text.

        Args:
            key: as the client sent it.
            digest: SHA-256 of it.

        Raises:
            StorageError: the store cannot be asked.
        """
        met = self._met.get(digest)
        if met is not None and met.until > self._clock():
            return met.account
        look = self._looks.get(digest)
        if look is None:
            look = self._looks[digest] = asyncio.create_task(self._look(key, digest))
        return await asyncio.shield(look)

    async def _look(self, key: bytes, digest: bytes) -> ApiKey | None:
        try:
            asked_at = self._clock()
            account = await asyncio.to_thread(self._find, key.decode("latin-1"))
        finally:
            del self._looks[digest]
        self._met.pop(digest, None)
        if len(self._met) >= self._most:
            self._met.popitem(last=False)
        self._met[digest] = _Met(account, asked_at + self._seconds)
        return account


def _given_key(scope: Scope) -> bytes:
    """The key in Authorization; empty where there is none that could be one."""
    scheme, _, given = (header(scope, b"authorization") or b"").partition(b" ")
    key = given.strip()
    if scheme.lower() == b"basic":
        key = _password(key)
    elif scheme.lower() != b"bearer":
        key = b""
    return key if len(key) <= _LONGEST_KEY else b""


def _password(credentials: bytes) -> bytes:
    """What stands behind the user name; empty where that cannot be told."""
    if len(credentials) > _LONGEST_CREDENTIALS:
        return b""
    try:
        return b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def _goes_to_page(scope: Scope) -> bool:
    """Whether a browser goes to a page: it is told that it may ask for a password, which it then sends by itself."""
    return scope["method"] in {"GET", "POST"} and b"text/html" in (header(scope, b"accept") or b"").lower()


async def _refuse_stranger(scope: Scope, send: Send, *, has_key: bool) -> None:
    message = "the key is not known, or was revoked" if has_key else "a key is needed"
    told = [("WWW-Authenticate", 'Bearer realm="evaltrail"' + (', error="invalid_token"' if has_key else ""))]
    hint = "send Authorization: Bearer KEY; `evaltrail keys add NAME --role submit` makes one"
    if _goes_to_page(scope):
        # a line of its own: browsers read one challenge a line
        told.append(("WWW-Authenticate", 'Basic realm="evaltrail", charset="UTF-8"'))
        hint = "load the page again and give the key as the password; `evaltrail keys add NAME --role submit` makes one"
    await refuse(scope, send, status=401, code="unauthorized", message=message, hint=hint, headers=told)


async def _refuse_while_away(scope: Scope, send: Send, error: EvaltrailError) -> None:
    message = "keys cannot be looked up just now"
    hint = f"send it again in {AWAY_RETRY_S} s"
    told = [("Retry-After", str(AWAY_RETRY_S))]
    await refuse(scope, send, status=503, code=error.code, message=message, hint=hint, headers=told)
