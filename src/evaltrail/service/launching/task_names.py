"""The names of tasks that a person may write, for `ls tasks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaltrail.providers.directory import HARNESS, small_providers_tasks, task_names
from evaltrail.service.launching.task_places import NATIVE, TaskFinder

_NEMO = "nemo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What was found."""

    names: list[str]
    notices: tuple[str, ...] = ()


def find_names(folder: Path, environ: Mapping[str, str], *, provider: str = "", word: str = "") -> Names:
    """The names that hold a word, sorted.

    The harness's tasks, which are many, are among them only where a word or that provider is given.

    Args:
        folder: where task files are looked for.
        environ: every variable.
        provider: only this one's; empty = all.
        word: what the names hold, in whatever case; empty = all.

    Raises:
        InputError: there is no such provider.
    """
    notices: list[str] = []
    names = task_names(provider, environ) if provider else small_providers_tasks(environ)
    if provider in ("", NATIVE, _NEMO):
        finder = TaskFinder([folder], environ)
        found = {name: name.startswith(f"{NATIVE}.") for name in finder.names()}
        names += [name for name, is_native in found.items() if not provider or is_native == (provider == NATIVE)]
        notices += [
            f"the harness {harness.name} cannot be used: {harness.problem} ({harness.file})"
            for harness in finder.harnesses
            if harness.problem
        ]
    if not provider:
        many = task_names(HARNESS, environ)
        if word:
            names += many
        else:
            notices.append(f"{HARNESS} has {len(many):,} more: --provider {HARNESS}, or a WORD that they hold")
    return Names(names=sorted(name for name in names if word.casefold() in name.casefold()), notices=tuple(notices))
