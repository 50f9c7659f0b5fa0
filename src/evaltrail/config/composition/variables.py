"""Variables that a run configuration sets, as raw texts: ``env_vars`` at its several places."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evaltrail.config.composition.env_values import is_variable_name, source_of
from evaltrail.config.composition.kinds import kind_of
from evaltrail.config.composition.node import MISSING, Path, dotted
from evaltrail.config.composition.reading import Reading
from evaltrail.core.values import Json

_PREFIXES = ("host:", "lit:", "runtime:")
_FROM_ENVIRON = re.compile(r"\$\{oc\.env:\s*(?P<name>[A-Za-z_]\w*)\s*\}\Z")


def variables(reading: Reading, *places: Path) -> Mapping[str, str]:
    """Variable to raw value of several places, a later one laid over those before it; null takes a variable back."""
    found: dict[str, str] = {}
    for place in places:
        for name, value in reading.mapping(*place).items():
            path = (*place, name)
            if value is None:
                found.pop(name, None)
            elif value == MISSING:
                reading.missing(path)
            elif (text := _raw(reading, path, value)) is not None:
                found[name] = text
    return found


def _raw(reading: Reading, path: Path, value: Json) -> str | None:
    """A value as ``resolve_values`` takes it; None, and a noted problem, where it is none."""
    name = str(path[-1])
    if not is_variable_name(name):
        hint = "use letters, digits and _"
        reading.wrong(path, f"{name!r:.80} is no name of a variable", hint, code="bad_variable")
        return None
    if isinstance(value, bool):
        return f"lit:{str(value).lower()}"
    if isinstance(value, int | float):
        return f"lit:{value}"
    if isinstance(value, str):
        return _text(reading, path, value)
    reading.wrong(path, f"{dotted(path)} must be one plain value", f"it is {kind_of(value)}", code="wrong_type")
    return None


def _text(reading: Reading, path: Path, value: str) -> str | None:
    if path in reading.composed.from_environ and not value.startswith(_PREFIXES):
        return _by_name(reading, path) or f"lit:{value}"
    if value.startswith(("host:", "runtime:")) and not is_variable_name(source_of(value)):
        reading.wrong(path, f"{dotted(path)} names no variable", "write host:NAME", code="bad_variable")
        return None
    return value


def _by_name(reading: Reading, path: Path) -> str:
    """``host:NAME`` for a value that ``${oc.env:NAME}`` brought: so that the value itself is written down nowhere."""
    found = _FROM_ENVIRON.match(reading.written(path))
    return f"host:{found['name']}" if found else ""
