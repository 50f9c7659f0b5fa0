"""Tasks of lm-evaluation-harness that are not listed, found by name when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.providers.lm_eval.index import HarnessIndex
from evaltrail.service.catalog.entries import BenchmarkEntry

HARNESS = "lm_evaluation_harness"
_MOST_KNOWN = 1000
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class _Found:
    """What the index says of a name."""

    entry: BenchmarkEntry | None
    close: tuple[str, ...] = ()


class HarnessNames:
    """Looks names up in the harness's index, and remembers what it said of them.

    The index itself is dropped again: its fifteen thousand lines would cost the service five megabytes for good, and a
    look costs 20 ms once a name.
    """

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def find(self, name: str) -> BenchmarkEntry | None:
        """The task, group or tag of that name; None where the harness has none."""
        return self._look(name).entry

    def like(self, name: str) -> tuple[str, ...]:
        """The closest names of a name that the harness does not have."""
        return self._look(name).close

    def _look(self, name: str) -> _Found:
        found = self._found.get(name)
        if found is None:
            found = _looked_up(name)
            if len(self._found) >= _MOST_KNOWN:
                self._found.clear()
            self._found[name] = found
        return found


def _looked_up(name: str) -> _Found:
    if not name or len(name) > _LONGEST:
        return _Found(None)
    index = HarnessIndex()
    task = index.find(name)
    if task is None:
        return _Found(None, tuple(index.like(name)))
    told = f"{task.kind.capitalize()} of lm-evaluation-harness {index.version}"
    return _Found(
        BenchmarkEntry(
            id=name,
            provider_id=HARNESS,
            name=name,
            description=f"{told} over {task.dataset}" if task.dataset else told,
            tags=(task.kind, *task.output_types),
            task=f"{HARNESS}/{name}",
        )
    )
