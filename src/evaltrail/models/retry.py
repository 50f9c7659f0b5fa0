"""What a failed attempt means: try again, when, or give up (RFC 9110 section 10.2.3, RFC 6585). Pure."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from evaltrail.models.connection import Headers, Reply

Verdict = Literal["again", "later", "failed", "stop"]
"""Try again within the retries; wait as told, beside the retries; this prompt has failed; every prompt would fail."""

WAIT_BUDGET_S = 600.0
"""Seconds that one request may spend waiting because the endpoint said so."""
_FIRST_BACKOFF_S, _LAST_BACKOFF_S = 0.5, 30.0
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_EPOCH = 1e9


def verdict_of(reply: Reply, *, error_code: str, wait_s: float | None) -> Verdict:
    """What an attempt without a usable answer means.

    Args:
        reply: what came back; never a 200.
        error_code: the ``code`` or ``type`` the endpoint gave.
        wait_s: how long the endpoint says to wait, where it says so.
    """
    status = reply.status
    if reply.error:
        return "failed" if reply.error == "too_large" else "again"
    if status in {401, 403, 404} or 300 <= status < 400 or error_code == "insufficient_quota":
        return "stop"
    if status == 429 or (status == 503 and wait_s is not None):
        return "later"
    return "again" if status >= 500 or status in {408, 409, 425} else "failed"


def backoff_s(failures: int, draw: float) -> float:
    """Seconds before the next attempt: exponential with full jitter.

    Args:
        failures: attempts that failed so far, at least 1.
        draw: a random number in [0, 1).
    """
    return draw * min(_LAST_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** min(failures - 1, 10))


def told_wait_s(headers: Headers, now: float) -> float | None:
    """Seconds the endpoint says to wait, never negative; None when it does not say.

    Args:
        headers: of a 429 or 503.
        now: seconds since 1970.

    Source: retry-after-ms, Retry-After in seconds or as a date, else the longest x-ratelimit-reset-* of a spent budget.
    """
    found = {name.decode("latin-1").lower(): value.decode("latin-1").strip() for name, value in headers}
    wait = _number(found.get("retry-after-ms", ""))
    if wait is not None:
        return max(0.0, wait / 1000)
    told = found.get("retry-after", "")
    wait = _number(told)
    if wait is None and told:
        wait = _until(told, found.get("date", ""), now)
    if wait is None:
        wait = _reset(found, now)
    return None if wait is None else max(0.0, wait)


def _reset(found: dict[str, str], now: float) -> float | None:
    waits = []
    for what in ("requests", "tokens"):
        if _number(found.get(f"x-ratelimit-remaining-{what}", "0")) == 0:
            wait = span_s(found.get(f"x-ratelimit-reset-{what}", ""))
            if wait is not None:
                waits.append(wait - now if wait > _EPOCH else wait)
    return max(waits, default=None)


def span_s(text: str) -> float | None:
    """Seconds in ``6m0s``, ``20ms``, ``1h2m`` or a plain number of seconds; None for anything else."""
    number = _number(text)
    if number is not None:
        return number
    if not text or _SPAN.sub("", text):
        return None
    return sum(float(amount) * _UNIT_S[unit] for amount, unit in _SPAN.findall(text))


def _until(told: str, sent: str, now: float) -> float | None:
    until, present = _moment(told), _moment(sent)
    if until is None:
        return None
    # The peer's clock counts where it differs from ours by more than its resolution and the way here explain.
    is_skewed = present is not None and abs(present - now) > 2
    return until - (present if is_skewed and present is not None else now)


def _moment(text: str) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(text: str) -> float | None:
    # Only plain decimals: float() would also take nan, inf and 1_0.
    return float(text) if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text) else None
