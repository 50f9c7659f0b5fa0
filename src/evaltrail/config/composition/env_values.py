"""Values of variables as a run configuration writes them: ``host:NAME``, ``lit:value``, ``runtime:NAME``, ``NAME``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from evaltrail.config.secret_names import is_random, is_secret_name
from evaltrail.core.errors import InputError

_NAME = re.compile(r"(?a)[A-Za-z_]\w*\Z")
_LITERAL = "lit:"
_BY_NAME = ("host:", "runtime:")
_USE = re.compile(r"(?a)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Variables with their values."""

    values: Mapping[str, str] = field(repr=False)
    missing: tuple[str, ...]
    """Variables that values are to be taken from and that are not set, each once."""
    secrets: frozenset[str] = field(repr=False)
    """Values that must not be shown."""


def resolve_values(raw: Mapping[str, str], environ: Mapping[str, str]) -> Resolved:
    """The variables with the values that they stand for.

    ``host:NAME``, ``runtime:NAME`` and a bare ``NAME`` take the value of that variable; ``lit:value`` is the value;
    in anything else ``$NAME`` and ``${NAME}`` are replaced, by nothing where the variable is not set.

    Args:
        raw: variable to value, as the configuration has them.
        environ: variables of this process.

    Raises:
        InputError: a name is no name of a variable, or a value holds a NUL character.
    """
    values: dict[str, str] = {}
    missing: dict[str, None] = {}
    secrets: set[str] = set()
    for name, text in raw.items():
        _check(name, text)
        source = source_of(text)
        if source and source not in environ:
            missing[source] = None
            continue
        if source:
            values[name] = environ[source]
        elif text.startswith(_LITERAL):
            values[name] = text.removeprefix(_LITERAL)
        else:
            values[name] = _USE.sub(lambda use: environ.get(use[1] or use[2], ""), text)
        secrets.update(_secrets(name, text, values[name], environ))
    return Resolved(values=values, missing=tuple(missing), secrets=frozenset(secrets))


def source_of(text: str) -> str:
    """The variable that a value names as a whole, or an empty text where it names none."""
    for prefix in _BY_NAME:
        if text.startswith(prefix):
            return text.removeprefix(prefix).strip()
    return text if is_variable_name(text) else ""


def is_variable_name(text: str) -> bool:
    """Whether a variable can bear the name."""
    return bool(_NAME.match(text))


def _check(name: str, text: str) -> None:
    if not is_variable_name(name):
        hint = "use letters, digits and _"
        raise InputError(f"{name!r:.80} is no name of a variable", code="bad_variable", where="env_vars", hint=hint)
    if "\0" in text:
        raise InputError(f"the value of {name} holds a NUL character", code="bad_variable", where="env_vars")
    for prefix in _BY_NAME:
        if text.startswith(prefix) and not is_variable_name(source_of(text)):
            hint = f"write {prefix}NAME"
            message = f"what follows {prefix} in {name} is no name of a variable"
            raise InputError(message, code="bad_variable", where="env_vars", hint=hint)


def _secrets(name: str, text: str, value: str, environ: Mapping[str, str]) -> Iterator[str]:
    """What of a value must not be shown: by the name of a variable, or by the look of a literal."""
    is_secret = is_secret_name(name) or is_secret_name(source_of(text))
    if value and (is_secret or (text.startswith(_LITERAL) and is_random(value))):
        yield value
    if text.startswith(_LITERAL) or source_of(text):
        return
    for use in _USE.finditer(text):
        source = use[1] or use[2]
        if is_secret_name(source) and environ.get(source):
            yield environ[source]
