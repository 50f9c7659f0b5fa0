"""The keys of a run configuration: those we act on, those we only accept, and what stands under each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from evaltrail.config.composition.node import Step, dotted
from evaltrail.config.yaml_document import first_document
from evaltrail.core.ids import nearest

_TABLE = Path(__file__).parents[2] / "data" / "launch" / "keys.yaml"
_EACH = "*"
_OPEN = ("mapping", "variables")
"""Kinds that hold keys of the author's own."""

Pattern = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The table of keys; patterns have ``*`` for each item of a list."""

    kinds: Mapping[Pattern, str]
    """Keys that are acted on, and what stands under each."""
    reasons: Mapping[Pattern, str]
    """Keys that are accepted only, and why."""
    params: Mapping[str, str]
    """Names below ``config: params:``, and what stands under each."""
    for_slurm: Sequence[str]
    """Keys of ``execution`` that say nothing to another executor."""

    def kind(self, path: Sequence[Step]) -> str:
        """What stands under a key; empty where the key is not acted on."""
        return self.kinds.get(_pattern(path), "")

    def reason(self, path: Sequence[Step]) -> str:
        """Why a key is not acted on; empty where it is, or is unknown."""
        pattern = _pattern(path)
        if pattern in self.kinds:
            return ""
        return self.reasons.get(pattern) or self.reasons.get((*pattern[:-1], _EACH), "")

    def is_section(self, path: Sequence[Step]) -> bool:
        """Whether known keys stand below a key."""
        pattern = _pattern(path)
        return any(known[: len(pattern)] == pattern and len(known) > len(pattern) for known in self._all())

    def is_known(self, path: Sequence[Step]) -> bool:
        """Whether a key is one of the table, leads to one, or lies where every key is welcome."""
        pattern = _pattern(path)
        if self.is_section(path) or pattern in self.kinds or self.reason(path):
            return True
        return any(
            self.kinds.get(pattern[:length]) in _OPEN or self.reason(pattern[:length])
            for length in range(1, len(pattern))
        )

    def names(self, path: Sequence[Step]) -> list[str]:
        """The known keys that stand directly below a key, sorted."""
        pattern = _pattern(path)
        found = {known[len(pattern)] for known in self._all() if known[: len(pattern)] == pattern != known}
        return sorted(found - {_EACH})

    def nearest_to(self, path: Sequence[Step], siblings: Iterable[str] = ()) -> str:
        """``did you mean 'x'?`` for an unknown key: a sibling with a close name, or where that name belongs."""
        *above, name = path
        near = nearest(str(name), [*self.names(above), *siblings])
        if near:
            return near
        homes = [dotted(known) for known in self._all() if known[-1] == name]
        return f"it belongs under {homes[0].rpartition('.')[0] or 'the top'}: {homes[0]}" if homes else ""

    def _all(self) -> Iterable[Pattern]:
        yield from self.kinds
        yield from self.reasons


def read_keys() -> Keys:
    """The table that is shipped with us."""
    table = cast("Mapping[str, Mapping[str, str]]", first_document(_TABLE.read_text(encoding="utf-8")).value)
    return Keys(
        kinds={tuple(key.split(".")): kind for key, kind in table["acted_on"].items()},
        reasons={tuple(key.split(".")): reason for key, reason in table["not_acted_on"].items()},
        params=table["params"],
        for_slurm=tuple(table["for_slurm"]),
    )


def _pattern(path: Sequence[Step]) -> Pattern:
    """A path with ``*`` for its place among the tasks."""
    return tuple(
        _EACH if place == 2 and tuple(path[:2]) == ("evaluation", "tasks") and str(step).isdigit() else str(step)
        for place, step in enumerate(path)
    )
