"""FormTokens: a form is taken only from the browser that was given it, for a while (double-submit cookie, OWASP)."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from evaltrail.core.errors import InputError

VALID_S = 4 * 3600
_NONCE = re.compile(r"[0-9a-f]{32}")
_TOKEN = re.compile(r"(?P<until>[0-9]{1,12})\.(?P<sign>[0-9a-f]{64})")


class FormTokens:
    """Signs what a form holds beside the browser's cookie.

    Args:
        secret: FLASK_KEY; empty = one of this process, so that forms are taken by the process that gave them.
        clock: Unix seconds.
    """

    def __init__(self, secret: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._key = sha256(b"evaltrail form\0" + secret.encode()).digest() if secret else secrets.token_bytes(32)
        self._clock = clock

    def cookie(self, given: str) -> str:
        """What the browser keeps: what it has, where that is one of ours, else something new."""
        return given if _NONCE.fullmatch(given) else secrets.token_hex(16)

    def token(self, cookie: str) -> str:
        """What the form holds.

        Args:
            cookie: that goes to the same browser.
        """
        until = int(self._clock()) + VALID_S
        return f"{until}.{self._sign(cookie, until)}"

    def check(self, token: str, cookie: str) -> None:
        """Return where a form is one that we gave to this browser, not too long ago.

        Raises:
            InputError: (code ``bad_form_token``) it is not.
        """
        match = _TOKEN.fullmatch(token)
        is_ours = (
            match is not None
            and _NONCE.fullmatch(cookie) is not None
            and hmac.compare_digest(match["sign"], self._sign(cookie, int(match["until"])))
        )
        if match is None or not is_ours or int(match["until"]) < self._clock():
            said = "the form is too old" if is_ours else "the form is none that this browser was given"
            raise InputError(said, code="bad_form_token", hint="load the page again, cookies allowed, and send it anew")

    def _sign(self, cookie: str, until: int) -> str:
        return hmac.new(self._key, f"{cookie}.{until}".encode(), sha256).hexdigest()
