"""Settings and texts of other programs without the secrets among them.

A value is a secret when its name says so (``api_key``, ``HF_TOKEN``, ``password``...), or when it is a literal of the
NeMo Evaluator Launcher (``lit:...``). A reference to a variable (``host:NAME``, ``${NAME}``) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from evaltrail.config.secrets import redact
from evaltrail.core.values import Json

HIDDEN = "***"

_WORDS = (
    r"(?:api[_-]?key|secret(?:[_-]?key)?|token|password|passwd|passphrase|authorization|credentials?"
    r"|private[_-]?key|access[_-]?key(?:[_-]?id)?)"
)
_SECRET_NAME = re.compile(rf"(?i)(?:^|.*[^a-z]|.*[a-z](?=[A-Z])){_WORDS}$")
_TOKENS_OF_TEXT = re.compile(
    r"(?i)(?:^|[_.-])(?:eos|bos|pad|unk|sep|cls|mask|stop|start|end|think|image|audio|first|last|next|per|special)"
    r"[_-]?token$"
)
_REFERENCE = re.compile(r"(?:host:|runtime:|\$)|(?i:none|null|true|false|-?[\d.]+|\*+|\?\?\?)$")
_ASSIGNED = re.compile(
    rf"""(?ix)
    (?P<name> ["']? (?<![a-z0-9]) (?:[\w.-]*[_.-])? {_WORDS} ["']? )
    (?P<sign> \s* [:=] \s* | (?<=[a-z]) \s+ (?=["']?[^\s"'-]) )
    (?P<value> (?:bearer|basic) \s+ [^\s"',;&}}\]]+ | "[^"\n]*" | '[^'\n]*' | [^\s"',;&}}\]]+ )
    """
)
_LITERAL = re.compile(r"\blit:(?!\*)[^\s\"',}\]]+")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}")
_LOGIN = re.compile(r"(?<=://)[^\s/@:\"']+:[^\s/@\"']+(?=@)")
_PIECE_CHARACTERS = 1_000_000
_KEY_BEGINS = "-----BEGIN"
_LEAST_CHARACTERS = 6
"""Shorter values would blank out ordinary words where they are looked for in other texts."""


def is_secret_name(name: str) -> bool:
    """Whether what bears this name is a secret: ``OPENAI_API_KEY``, but not ``api_key_name`` or ``eos_token``."""
    return bool(_SECRET_NAME.match(name)) and not _TOKENS_OF_TEXT.search(name)


def without_secrets(value: Json) -> tuple[Json, frozenset[str]]:
    """The settings with every secret as ``***``, and the secret values that were met.

    Args:
        value: settings as JSON or YAML gave them, nested at most as deep as those are read.
    """
    met: set[str] = set()
    return _cleaned(value, "", met), frozenset(secret for secret in met if len(secret) >= _LEAST_CHARACTERS)


def redact_text(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without the given secrets, without what is assigned to a secret's name, and without logins in URLs."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _LOGIN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _ASSIGNED.sub(_hidden, text)
    return redact(_LITERAL.sub(f"lit:{HIDDEN}", text))


def _cleaned(value: Json, name: str, met: set[str]) -> Json:
    if isinstance(value, Mapping):
        return {key: _cleaned(inner, str(key), met) for key, inner in value.items()}
    if isinstance(value, str):
        return _cleaned_text(value, name, met)
    if isinstance(value, list | tuple):
        return [_cleaned(inner, name, met) for inner in value]
    return value


def _cleaned_text(value: str, name: str, met: set[str]) -> str:
    if value.startswith("lit:"):
        met.add(value.removeprefix("lit:"))
        return f"lit:{HIDDEN}"
    if value and is_secret_name(name) and value != name and not _REFERENCE.match(value):
        met.add(value)
        return HIDDEN
    met.update(unquote(login.group().partition(":")[2]) for login in _LOGIN.finditer(value))
    return redact_text(value)


def _hidden(found: re.Match[str]) -> str:
    name, sign, value = found["name"].strip("\"'"), found["sign"], found["value"]
    bare = value.strip("\"'")
    if not is_secret_name(name) or not bare or bare == name or _REFERENCE.match(bare):
        return found.group()
    if not sign.strip() and not name.startswith("-"):  # `--api-key VALUE` in a command; plain prose is left alone
        return found.group()
    quote = value[0] if value[0] in "\"'" else ""
    return f"{found['name']}{sign}{quote}{HIDDEN}{quote}"


def redact_file(source: Path, target: Path, secrets: Iterable[str] = ()) -> bool:
    """Write a file's text without secrets to the target, if that changes anything; whether it did.

    Read in pieces of at most a megabyte; bytes that are no text are kept.

    Args:
        source: any file.
        target: written only when something changed.
        secrets: values that are looked for as they are.

    Raises:
        OSError: a file cannot be read or written.
    """
    known = sorted(secrets, key=len, reverse=True)
    with source.open("r", encoding="utf-8", errors="surrogateescape", newline="") as lines:
        if not any(piece != clean for piece, clean in _pieces(lines, known)):
            return False
    with (
        source.open("r", encoding="utf-8", errors="surrogateescape", newline="") as lines,
        target.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out,
    ):
        out.writelines(clean for _, clean in _pieces(lines, known))
    return True


def _pieces(lines: TextIO, secrets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each line, or part of a very long one, as it is and without secrets; a private key goes as a whole."""
    is_key = False
    while piece := lines.readline(_PIECE_CHARACTERS):
        begins, ends = _KEY_BEGINS in piece and "PRIVATE KEY" in piece, "-----END" in piece
        if is_key or (begins and not ends):
            yield piece, f"{HIDDEN}\n" if begins else ""
            is_key = not ends
        else:
            yield piece, redact_text(piece, secrets)
