"""Where configuration files are looked for: the folders that are given, in their order, then those shipped with us."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaltrail.config.composition.config_file import ConfigFile, read_config_file
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_SHIPPED = Path(__file__).parents[2] / "data" / "launch"
_ENDINGS = (".yaml", ".yml")
_MOST_NAMES = 1000
"""Options of a group that are looked at for a suggestion."""
_ELSEWHERE = {
    "deployment": ("generic", "nim", "sglang", "trtllm", "vllm", "vllm_ray"),
    "execution": ("lepton", "lepton/default", "docker"),
}
"""Options that the NeMo Evaluator Launcher brings along and we do not."""
_INSTEAD = {
    "deployment": "start the server yourself, use deployment: none, and put its URL under target.api_endpoint.url",
    "execution": "use execution: local or execution: slurm",
}


class Search:
    """Finds files by group and option, each read once.

    Args:
        folders: looked through in this order, before the shipped files.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = (*folders, _SHIPPED)
        self._read: dict[str, ConfigFile | None] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that was read, in the order of reading."""
        return tuple(found.path for found in self._read.values() if found is not None)

    def find(self, name: str, where: str) -> ConfigFile | None:
        """The file of a name such as ``execution/slurm``; None where no folder has it.

        Args:
            name: group and option; ``.yaml`` at its end may stand or not.
            where: what names it, for errors.

        Raises:
            InputError: the name leaves the folders, or the file cannot be read.
            PartialError: the file says several keys twice.
        """
        bare = _checked(name, where)
        if bare not in self._read:
            self._read[bare] = next(map(read_config_file, self._places(bare)), None)
        return self._read[bare]

    def has_group(self, name: str) -> bool:
        """Whether a folder of that name stands in any of the folders."""
        return _is_safe(name) and any((folder / name).is_dir() for folder in self._folders)

    def options(self, group: str) -> list[str]:
        """The options of a group, sorted; for suggestions."""
        found = {name for folder in self._folders for name in _names(folder / group)} if _is_safe(group) else set()
        return sorted(found)

    def not_found(self, group: str, option: str, where: str) -> InputError:
        """The error for an option that no folder has."""
        if option in _ELSEWHERE.get(group, ()):
            message = f"{group}: {option} is not done yet"
            return InputError(message, code="not_yet", where=where, hint=_INSTEAD[group])
        known = self.options(group) if group else self._configurations()
        bare = next((option.removesuffix(ending) for ending in _ENDINGS if option.endswith(ending)), option)
        near = nearest(bare, known) or (f"there are: {', '.join(known)[:500]}" if known else "")
        looked = ", ".join(map(str, self._folders[:-1]))
        hint = near or f"looked in {looked}"
        what = f"the group {group!r:.80} has no option {option!r:.80}" if group else f"there is no file {option!r:.80}"
        return InputError(what, code="unknown_option", where=where, hint=hint)

    def _configurations(self) -> list[str]:
        """The files at the top of the folders that are given, sorted; below them there are groups."""
        found = {name for folder in self._folders[:-1] for name in _names(folder) if "/" not in name}
        return sorted(found)

    def _places(self, name: str) -> Iterator[Path]:
        for folder in self._folders:
            for ending in _ENDINGS:
                place = folder / f"{name}{ending}"
                if place.is_file():
                    yield place


def _checked(name: str, where: str) -> str:
    bare = next((name.removesuffix(ending) for ending in _ENDINGS if name.endswith(ending)), name)
    if not _is_safe(bare):
        raise InputError(
            f"{name!r:.80} is no name of a configuration",
            code="bad_name",
            where=where,
            hint="write group/option: no `..`, no path from the root",
        )
    return bare


def _is_safe(name: str) -> bool:
    """Whether a name stays within the folders."""
    pieces = name.split("/")
    if len(name) > 500 or len(pieces) > 20 or not name.isprintable() or "\\" in name:
        return False
    return all(piece.strip() and piece not in {".", ".."} and len(os.fsencode(piece)) < 250 for piece in pieces)


def _names(folder: Path, above: str = "") -> Iterator[str]:
    """Files below a folder, one level of folders included, without their endings."""
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_MOST_NAMES), entries, strict=False):
                name = Path(entry.name)
                if name.suffix in _ENDINGS:
                    yield above + name.stem
                elif not above and entry.is_dir():
                    yield from _names(folder / entry.name, f"{entry.name}/")
    except OSError:
        return
