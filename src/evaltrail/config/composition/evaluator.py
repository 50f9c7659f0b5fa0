"""``nemo_evaluator_config``: what a task is given; free but for the parameters that every task has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaltrail.config.composition.kinds import kind_of
from evaltrail.config.composition.node import MISSING, Path, dotted
from evaltrail.config.composition.reading import Reading
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json

_WORDS = ("nemo_evaluator_config", "config")
"""The second is the older word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """What stands at one place."""

    value: Mapping[str, Json]
    path: Path
    """Of the place, with the word that is used there."""

    def under(self, own: Evaluator, reading: Reading) -> Mapping[str, Json]:
        """This one with a task's own laid over it; what must still be given is noted."""
        both = laid_over(self.value, own.value)
        for inner in _gaps(both, ()):
            reading.missing((*(own if _holds(own.value, inner) else self).path, *inner))
        return both

    def checked(self, reading: Reading) -> Mapping[str, Json]:
        """This one alone; what must still be given is noted."""
        return self.under(Evaluator(value={}, path=self.path), reading)


def read_evaluator(reading: Reading, above: Path) -> Evaluator:
    """What stands below a key, with the parameters that are known as their kinds."""
    holder = reading.given(above)
    words = [word for word in _WORDS if holder.get(word)] if isinstance(holder, Mapping) else []
    if len(words) > 1:
        second = (*above, words[1])
        reading.wrong(second, f"{dotted(second)} is the older word for nemo_evaluator_config", "keep one of them")
    path = (*above, words[0] if words else _WORDS[0])
    found = reading.mapping(*path)
    config = _inner(reading, (*path, "config"), found.get("config"))
    params = _inner(reading, (*path, "config", "params"), config.get("params"))
    if params:
        config = {**config, "params": _params(reading, (*path, "config", "params"), params)}
        found = {**found, "config": config}
    return Evaluator(value=found, path=path)


def laid_over(under: Mapping[str, Json], over: Mapping[str, Json]) -> Mapping[str, Json]:
    """Two mappings as one: key by key, the second one's values over the first one's; ``???`` replaces nothing."""
    both = dict(under)
    for key, value in over.items():
        below = both.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            both[key] = laid_over(below, value)
        elif key not in both or value != MISSING:
            both[key] = value
    return both


def _inner(reading: Reading, path: Path, value: Json) -> Mapping[str, Json]:
    if value is None or value == MISSING:
        return {}
    if isinstance(value, Mapping):
        return value
    hint = f"it is {kind_of(value)}"
    reading.wrong(path, f"{dotted(path)} must be a mapping of keys to values", hint, code="wrong_type")
    return {}


def _params(reading: Reading, path: Path, params: Mapping[str, Json]) -> Mapping[str, Json]:
    found: dict[str, Json] = {}
    for name, value in params.items():
        kind = reading.keys.params.get(name)
        if kind is None:
            near = nearest(name, reading.keys.params)
            hint = f"{near} What a task takes beside the known ones goes below extra".strip()
            reading.wrong((*path, name), f"unknown parameter {dotted((*path, name))!r:.160}", hint, code="unknown_key")
        else:
            found[name] = value if value == MISSING else reading.typed((*path, name), kind, value)
    return found


def _gaps(value: Json, path: Path) -> list[Path]:
    """Where a value must still be given."""
    if value == MISSING:
        return [path]
    if isinstance(value, Mapping):
        return [gap for key, inner in value.items() for gap in _gaps(inner, (*path, key))]
    if isinstance(value, list):
        return [gap for place, inner in enumerate(value) for gap in _gaps(inner, (*path, place))]
    return []


def _holds(value: Json, path: Path) -> bool:
    for step in path:
        if isinstance(value, Mapping) and str(step) in value:
            value = value[str(step)]
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return False
    return True
