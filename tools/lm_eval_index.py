"""Writes the list of all harness tasks from the installed lm-evaluation-harness: `python tools/lm_eval_index.py`.

One line a name, tab-separated: name, kind (t task, g group, a tag), letters of its output types, data set, folders.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lm_eval.tasks
from lm_eval.tasks import TaskManager

from evaltrail.providers.lm_eval.index import LIST, TEXT, type_letters

_TASKS = Path(lm_eval.tasks.__file__).parent
_LETTERS = {"TASK": "t", "PY_TASK": "t", "GROUP": "g", "TAG": "a"}
_MOST_FOLDERS = 40


class Listing:
    """The harness's own index, followed down to its tasks.

    Args:
        entries: name to entry.
    """

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._entries = entries

    def lines(self) -> Iterator[str]:
        """One line a name, sorted."""
        for name, entry in sorted(self._entries.items()):
            leaves = list(self._leaves(name, ()))
            types = {str(leaf.get("output_type", "?" if "class" in leaf else TEXT)) for leaf, _ in leaves}
            folders = sorted({self._folder(path) for path in self._paths(name, leaves)})
            kind = _LETTERS[entry.kind.name]
            data = _data_of(entry.cfg or {}) if kind == "t" else ""
            known = folders if len(folders) <= _MOST_FOLDERS and "." not in folders else []
            yield "\t".join((name, kind, type_letters(sorted(types)), data, ",".join(_outermost(known))))

    def _leaves(self, name: str, above: Sequence[str]) -> Iterator[tuple[Mapping[str, Any], Path | None]]:
        """Settings and file of every task below a name."""
        entry = self._entries.get(name)
        if entry is None or name in above:
            return
        kind = _LETTERS[entry.kind.name]
        if kind == "t":
            yield entry.cfg or {}, entry.yaml_path
        elif kind == "a":
            for task in entry.tags:
                yield from self._leaves(task, (*above, name))
        else:
            yield from self._members(entry.cfg or {}, entry.yaml_path, (*above, name))

    def _members(
        self, group: Mapping[str, Any], path: Path | None, above: Sequence[str]
    ) -> Iterator[tuple[Mapping[str, Any], Path | None]]:
        members = group.get("task") or []
        for member in [members] if isinstance(members, str) else members:
            name = member if isinstance(member, str) else member.get("group") or member.get("task")
            if isinstance(name, str) and name in self._entries:
                yield from self._leaves(name, above)
            elif isinstance(member, dict) and isinstance(member.get("task"), list):
                yield from self._members(member, path, above)
            elif isinstance(member, dict):
                yield member, path

    def _paths(self, name: str, leaves: Sequence[tuple[Mapping[str, Any], Path | None]]) -> Iterator[Path]:
        """The files that must be looked through: the name's own, its tasks', and those of the groups between."""
        own = self._entries[name].yaml_path
        yield from (path for path in (own, *(path for _, path in leaves)) if path is not None)
        for member in (self._entries[name].cfg or {}).get("task") or [] if own else []:
            inner = member if isinstance(member, str) else member.get("group")
            if isinstance(inner, str) and inner in self._entries and inner != name:
                yield from self._paths(inner, [])

    def _folder(self, path: Path) -> str:
        return path.parent.relative_to(_TASKS).as_posix()


def _data_of(settings: Mapping[str, Any]) -> str:
    parts = (settings.get("dataset_path"), settings.get("dataset_name"))
    return " ".join(str(part) for part in parts if part and isinstance(part, str) and "\t" not in part)


def _outermost(folders: Sequence[str]) -> list[str]:
    """The folders without those that lie in another of them."""
    return [each for each in folders if not any(each.startswith(f"{other}/") for other in folders)]


def main() -> int:
    """Write the list; 0."""
    lines = list(Listing(TaskManager().task_index).lines())
    text = "\n".join((f"# lm_eval {version('lm_eval')}", *lines, ""))
    LIST.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{len(lines):,} names, {LIST.stat().st_size:,} bytes: {LIST}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
