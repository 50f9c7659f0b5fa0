"""The harness's tasks by name, from a list made beforehand: nothing of the harness is loaded to tell them.

The list is made by tools/lm_eval_index.py.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal

from evaltrail.core.errors import InputError
from evaltrail.core.ids import did_you_mean

LIST = Path(__file__).with_name("tasks.tsv.gz")
TEXT = "generate_until"
"""The output type that needs no log-probabilities."""
_KINDS: Mapping[str, Kind] = {"t": "task", "g": "group", "a": "tag"}
_TYPES = {"g": TEXT, "m": "multiple_choice", "l": "loglikelihood", "r": "loglikelihood_rolling", "?": ""}
_WELL_KNOWN = ("gsm8k", "ifeval", "drop", "mmlu_generative", "minerva_math")
_MOST_INSTEAD = 6
_WORDS = re.compile(r"[_\W]+")

Kind = Literal["task", "group", "tag"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessTask:
    """One name that can be run."""

    name: str
    kind: Kind = "task"
    output_types: tuple[str, ...] = ()
    """``generate_until``, ``multiple_choice``...; several where a group holds several; empty = not known."""
    dataset: str = ""
    """As the hub calls it, with a space before its configuration; empty for groups and tags."""
    folders: tuple[str, ...] = ()
    """Where its files lie below the harness's tasks; empty = not known."""
    is_whole: bool = True
    """False for a group of the user's that has tasks from elsewhere."""

    @property
    def needs_logprobs(self) -> bool:
        """Whether log-probabilities of the prompt are asked for; False where the types are not known."""
        return any(kind != TEXT for kind in self.output_types)


class HarnessIndex:
    """The names of one version of the harness.

    Args:
        file: the list.
    """

    def __init__(self, file: Path = LIST) -> None:
        head, _, self._rest = gzip.decompress(file.read_bytes()).decode().partition("\n")
        self.version = head.removeprefix("# lm_eval ").strip()

    @cached_property
    def lines(self) -> Mapping[str, str]:
        """Name to its line."""
        return {line[: line.index("\t")]: line for line in self._rest.splitlines()}

    def find(self, name: str) -> HarnessTask | None:
        """What a name means; None where the list does not know it."""
        line = self.lines.get(name)
        return _read(line) if line else None

    def __iter__(self) -> Iterator[HarnessTask]:
        """All of them, sorted by name."""
        return map(_read, self.lines.values())

    def like(self, name: str) -> list[str]:
        """The closest names, else those that begin with it; not more than three."""
        close = get_close_matches(name, self.lines, n=3, cutoff=0.75)
        return close or [each for each in self.lines if each.startswith(name)][:3]

    def nearest(self, name: str) -> str:
        """``did you mean 'x'?`` with the closest name; empty where none is close."""
        return did_you_mean(self.like(name))

    def instead_of(self, name: str) -> tuple[str, ...]:
        """Names of tasks that need no log-probabilities: first those that share words with this one."""
        words = _WORDS.split(name)
        kin = [each for each, line in self.lines.items() if _WORDS.split(each)[0] == words[0] and _is_text(line)]
        kin.sort(key=lambda each: (-len({*words, "generative"} & set(_WORDS.split(each))), len(each), each))
        known = [each for each in _WELL_KNOWN if each in self.lines and _is_text(self.lines[each])]
        return tuple(dict.fromkeys((*kin[: _MOST_INSTEAD // 2], *known)))[:_MOST_INSTEAD]


def unknown_task(name: str, known: HarnessIndex, own: Iterable[str] = (), *, folder: str = "") -> InputError:
    """The error for a name that nobody knows, with the nearest one."""
    mine = list(own)
    close = get_close_matches(name, mine, n=1)
    hint = f"did you mean {close[0]!r}?" if close else known.nearest(name)
    where = f" nor in {folder}" if folder else ""
    return InputError(
        f"lm_evaluation_harness {known.version} has no task {name!r}{where}",
        code="unknown_task",
        hint=hint or "`evaltrail ls tasks` lists them; --param include_path=DIR adds your own",
    )


def _read(line: str) -> HarnessTask:
    name, kind, types, dataset, folders = line.split("\t")
    return HarnessTask(
        name=name,
        kind=_KINDS[kind],
        output_types=tuple(filter(None, (_TYPES[each] for each in types))),
        dataset=dataset,
        folders=tuple(folders.split(",")) if folders else (),
    )


def _is_text(line: str) -> bool:
    return line.split("\t")[2] == "g"


def type_letters(types: Sequence[str]) -> str:
    """Output types as the list writes them."""
    letters = {name: letter for letter, name in _TYPES.items()}
    return "".join(sorted({letters.get(name, "?") for name in types}))
