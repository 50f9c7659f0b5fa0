"""Few-shot examples: the same seeded choice before every prompt, never the item itself."""

from __future__ import annotations

import random
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.providers.datasets import Record, find_dataset
from evaltrail.providers.rendering import TaskTemplates, Turns
from evaltrail.providers.tasks import FewShot, TaskFile


class Examples:
    """The chosen examples of one task, and one to spare for the item that is itself among them."""

    def __init__(self, turns: tuple[Turns, ...], k: int) -> None:
        self._turns = turns
        self._k = k
        self.digest = digest([list(map(dict, pair)) for pair in turns])

    def before(self, asked: Turns) -> Turns:
        """The turns that stand before a prompt: k questions with their answers."""
        others = [pair for pair in self._turns if pair[:-1] != asked]
        return tuple(turn for pair in others[: self._k] for turn in pair)


def read_examples(fewshot: FewShot, task: TaskFile, templates: TaskTemplates, mirror: Path | None) -> Examples:
    """The examples of a task, chosen by its seed.

    Raises:
        InputError: the data set cannot be read, or holds fewer than k usable records.
    """
    where = task.where("fewshot.dataset")
    chosen: list[Record] = []
    dice = random.Random(fewshot.seed)  # noqa: S311  a choice of examples is no secret
    for number, record in enumerate(find_dataset(fewshot.dataset, task.file.parent, mirror, where)):
        if len(chosen) <= fewshot.k:
            chosen.append(record)
        elif (place := dice.randrange(number + 1)) <= fewshot.k:
            chosen[place] = record
    if len(chosen) < fewshot.k:
        raise InputError(
            f"{fewshot.k} examples are wanted, {len(chosen)} are there", code="too_few_examples", where=where
        )
    dice.shuffle(chosen)
    return Examples(tuple(_shown(record, templates, where) for record in chosen), fewshot.k)


def _shown(record: Record, templates: TaskTemplates, where: str) -> Turns:
    answer = next(iter(templates.values("target", record)), None)
    if answer is None:
        raise InputError("an example needs a 'target'", code="missing_key", where=where)
    return (*templates.turns(record), {"role": "assistant", "content": answer})
