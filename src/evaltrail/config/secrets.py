"""Names of variables become keys late, and whatever is printed or stored is rid of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit, urlunsplit

from evaltrail.core.errors import InputError
from evaltrail.core.request import ModelTarget

_OPENAI = ("https", "api.openai.com", 443)
_HIDDEN = "***"
_KEYLIKE = re.compile(r"\b(sk-|nvapi-|hf_|ghp_|etk_|xox[abp]-)[A-Za-z0-9_-]{8,}")


def find_key(target: ModelTarget, openai_base_url: str, environ: Mapping[str, str]) -> str:
    """The key for a target's own host, or an empty string where it needs none.

    OPENAI_API_KEY is used unasked only for OpenAI's host and for the host that OPENAI_BASE_URL names; any other
    host gets a key only when its variable is named, and so does every host that a request to the service named.

    Raises:
        InputError: the named variable is not set, or a URL cannot be read.
    """
    if target.api_key_env:
        key = environ.get(target.api_key_env, "")
        if not key:
            raise InputError(
                f"the variable {target.api_key_env}, named to hold the key, is not set",
                code="missing_key",
                hint=f"export {target.api_key_env}=... and run again",
            )
        return key
    if target.is_outside:
        return ""
    origin = _origin(target.url)
    trusted = {_OPENAI, _origin(openai_base_url)}
    return environ.get("OPENAI_API_KEY", "") if origin is not None and origin in trusted else ""


def is_openai(url: str) -> bool:
    """Whether a URL is OpenAI's own.

    Raises:
        InputError: it cannot be read.
    """
    return _origin(url) == _OPENAI


def same_host(one: str, other: str) -> bool:
    """Whether two URLs name one scheme, host and port, so that a key may go to both.

    Raises:
        InputError: a URL cannot be read.
    """
    origin = _origin(one)
    return origin is not None and origin == _origin(other)


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port: what a key belongs to."""
    try:
        parts = urlsplit(url)
        if not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError as error:
        raise InputError(
            f"the URL cannot be read: {error}", code="bad_url", hint="write http://host:port/v1"
        ) from error


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without the given secrets and without anything that looks like a well-known kind of key."""
    for secret in secrets:
        if len(secret) >= 4:  # shorter values would blank out ordinary words
            text = text.replace(secret, _HIDDEN)
    return _KEYLIKE.sub(_HIDDEN, text)


def public_url(url: str) -> str:
    """The URL without user, password, query and fragment: fit for params and logs."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
