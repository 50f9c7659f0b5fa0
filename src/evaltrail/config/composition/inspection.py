"""Every key of a configuration held against the table of keys: unknown ones are problems, idle ones are told."""

from __future__ import annotations

from collections.abc import Mapping

from evaltrail.config.composition.kinds import kind_of
from evaltrail.config.composition.node import MISSING, Path, dotted
from evaltrail.config.composition.reading import Reading
from evaltrail.core.values import Json

_INSTEAD = {
    "api_key": "write api_key_name and the name of the variable that holds the key",
    "overrides": "write nemo_evaluator_config with config and params in it",
}
"""Keys that are understood and refused, and what to write."""
_OWN = "x-"
"""What keys of the author's own begin with: a place for YAML anchors, read by nobody."""
_SHARED = "vars"
"""Where authors put values that others refer to; the name is close to ``env_vars``, which is not meant."""


def inspect_keys(reading: Reading) -> None:
    """Note unknown keys, sections that are no mappings, and keys that are accepted and not acted on."""
    _section(reading, (), reading.composed.value)


def _section(reading: Reading, path: Path, value: Mapping[str, Json]) -> None:
    for key, inner in value.items():
        _key(reading, (*path, key), inner)


def _key(reading: Reading, path: Path, value: Json) -> None:
    keys = reading.keys
    reason = keys.reason(path)
    if reason:
        if value not in (None, "", {}, [], False, MISSING):
            reading.notice(path, f"{dotted(path)} is accepted and not acted on: {reason}")
    elif path == ("evaluation", "tasks"):
        for place, entry in enumerate(value if isinstance(value, list) else []):
            if isinstance(entry, Mapping):
                _section(reading, (*path, place), entry)
    elif keys.is_section(path):
        _inner(reading, path, value)
    elif not (keys.kind(path) or path in reading.composed.referred or str(path[-1]).startswith(_OWN)):
        _unknown(reading, path, value)


def _inner(reading: Reading, path: Path, value: Json) -> None:
    if isinstance(value, Mapping):
        _section(reading, path, value)
    elif keys_only(value, path, reading):
        hint = f"it is {kind_of(value)}; it may hold: {', '.join(reading.keys.names(path))}"
        reading.wrong(path, f"{dotted(path)} must be a mapping of keys to values", hint, code="wrong_type")


def keys_only(value: Json, path: Path, reading: Reading) -> bool:
    """Whether a value stands where only keys may; nothing at all, and what has a kind of its own, does not."""
    return not reading.keys.kind(path) and value not in (None, [], MISSING)


def _unknown(reading: Reading, path: Path, value: Json) -> None:
    name = str(path[-1])
    if reading.problems.is_full:
        return  # looking for close names takes time
    if name in _INSTEAD:
        hint = _INSTEAD[name] + _rewritten(value)
        reading.wrong(path, f"{dotted(path)} is not read", hint, code="unknown_key")
        return
    if path == (_SHARED,):
        hint = f"nothing refers to it; write ${{{_SHARED}.KEY}} where one of its values is meant, or take it out"
        reading.wrong(path, f"unknown key {_SHARED!r}", hint, code="unknown_key")
        return
    names = reading.keys.names(path[:-1])
    hint = reading.keys.nearest_to(path) or f"known here: {', '.join(names)[:400]}"
    reading.wrong(path, f"unknown key {dotted(path)!r:.120}", hint, code="unknown_key")


def _rewritten(value: Json) -> str:
    """The first of the older dotted keys as it is written today."""
    first = next(iter(value), "") if isinstance(value, Mapping) else ""
    steps = [step for step in first.split(".") if step]
    return f": {''.join(f'{{{step}: ' for step in steps)}...{'}' * len(steps)}" if len(steps) > 1 else ""
