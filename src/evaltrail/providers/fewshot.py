"""Few-shot examples: the same seeded choice before every prompt, never the item itself."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, digest_bytes
from evaltrail.providers.datasets import Record, RecordSource, find_dataset
from evaltrail.providers.rendering import TaskTemplates, Turns
from evaltrail.providers.tasks import FewShot, TaskFile


class Examples:
    """The chosen examples of one task, and one to spare for the item that is itself among them."""

    def __init__(self, turns: tuple[Turns, ...], k: int, where: str) -> None:
        self._turns = turns
        self._k = k
        self._where = where
        self.digest = digest([list(map(dict, pair)) for pair in turns])

    def before(self, asked: Turns) -> Turns:
        """The turns that stand before a prompt: k questions with their answers.

        Raises:
            InputError: the item is among the only k examples.
        """
        others = [pair for pair in self._turns if pair[:-1] != asked]
        if len(others) < self._k:
            raise _too_few(self._k, len(others), self._where)
        return tuple(turn for pair in others[: self._k] for turn in pair)


def read_examples(
    fewshot: FewShot, task: TaskFile, own: RecordSource, templates: TaskTemplates, mirror: Path | None
) -> Examples:
    """The examples of a task, chosen by its seed from records that ask different questions.

    Args:
        fewshot: what the task says of its examples.
        task: the task file.
        own: the task's own data set, whose items may be among the examples.
        templates: the task's templates.
        mirror: EVALTRAIL_DATASETS_DIR.

    Raises:
        InputError: the data set cannot be read, or holds fewer than k usable records besides an item of its own.
    """
    where = task.where("fewshot.dataset")
    source = find_dataset(fewshot.dataset, task.file.parent, mirror, where)
    chosen: list[Record] = []
    dice = random.Random(fewshot.seed)  # noqa: S311  a choice of examples is no secret
    for number, record in enumerate(_different(source, templates.asks)):
        if len(chosen) <= fewshot.k:
            chosen.append(record)
        elif (place := dice.randrange(number + 1)) <= fewshot.k:
            chosen[place] = record
    dice.shuffle(chosen)
    shown: list[Turns] = []
    for record in chosen:
        turns = _shown(record, templates, where)
        if all(turns[:-1] != other[:-1] for other in shown):
            shown.append(turns)
    spare = 1 if _overlap(source, own) else 0
    if len(shown) - spare < fewshot.k:
        raise _too_few(fewshot.k, max(0, len(shown) - spare), where)
    return Examples(tuple(shown), fewshot.k, where)


def _different(records: Iterable[Record], fields: frozenset[str]) -> Iterator[Record]:
    """The first record of each question, known by the fields that it is made of."""
    encode = msgspec.json.Encoder(enc_hook=str, order="deterministic").encode
    seen: set[str] = set()
    for record in records:
        known = digest_bytes(encode({name: value for name, value in record.fields.items() if name in fields}))
        if known not in seen:
            seen.add(known)
            yield record


def _overlap(one: RecordSource, other: RecordSource) -> bool:
    if one.hub or other.hub:
        return one.hub == other.hub
    return not {file.resolve() for file in one.files}.isdisjoint(file.resolve() for file in other.files)


def _too_few(wanted: int, found: int, where: str) -> InputError:
    return InputError(
        f"{wanted} examples are wanted, {found} are there",
        code="too_few_examples",
        where=where,
        hint="they must ask different questions, and none is the item itself: lower k, or add records",
    )


def _shown(record: Record, templates: TaskTemplates, where: str) -> Turns:
    answer = next(iter(templates.values("target", record)), None)
    if answer is None:
        raise InputError("an example needs a 'target'", code="missing_key", where=where)
    return (*templates.turns(record), {"role": "assistant", "content": answer})
