"""What a task may be called on the command line, by ``-t`` and by ``-o`` alike."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from evaltrail.core.ids import nearest

_FILES = (".yaml", ".yml")


def short_names(name: str) -> tuple[str, ...]:
    """``mmlu`` of ``simple_evals.mmlu``, ``capitals`` of ``tasks/capitals.yaml``; none where the name is short."""
    if name.endswith(_FILES):
        return (PurePath(name).stem,)
    steps = name.split(".")
    return tuple(".".join(steps[place:]) for place in range(1, len(steps)))


def answers_to(name: str, word: str) -> bool:
    """Whether a task is meant by a word: its whole name, or a short one."""
    return bool(word) and (word == name or word in short_names(name))


def nearest_task(names: Iterable[str], *words: str) -> str:
    """``did you mean 'x'?`` with the name of a task that is close to one of the words, else all there are."""
    known = list(dict.fromkeys(name for name in names if name))
    short = [each for name in known for each in short_names(name)]
    near = (nearest(word, [*known, *short]) for word in words)
    return next(filter(None, near), "") or f"there are: {', '.join(known)[:400]}"
