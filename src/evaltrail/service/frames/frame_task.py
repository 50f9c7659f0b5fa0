"""FrameTask: the rows of an `evaluate()` call as a task, with the outputs that were made elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import make_private, storage_error
from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, slug
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.datasets import Record
from evaltrail.providers.native import Item, NativeTask
from evaltrail.providers.tasks import NAME, TaskFile
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.frames.frame import Frame, is_missing, json_line, plain, text_of
from evaltrail.service.frames.outcome import Outcome
from evaltrail.service.frames.roles import Roles, references

_ROW, _WHOLE = "evaltrail.row", "evaltrail.inputs"
_ASKED, _TURNS, _TARGETS, _CONTEXTS = "inputs", "messages", "targets", "contexts"
_OWN = (_ROW, _WHOLE, _ASKED, _TURNS, _TARGETS, _CONTEXTS)


class FrameTask(NativeTask):
    """A task over a frame; a model is asked for what has no outcome.

    Args:
        name: of the task.
        frame: the rows.
        roles: of its columns.
        request: what was asked for.
        folder: private; the rows are written there, and read from there while it runs.
        metrics: what scores.
        prefix: stands before the names of the metrics; empty = nothing.

    Raises:
        InputError: the rows cannot be asked.
        StorageError: they cannot be written.
    """

    def __init__(
        self,
        name: str,
        frame: Frame,
        roles: Roles,
        request: EvaluationRequest,
        *,
        folder: Path,
        metrics: Sequence[Scorer],
        prefix: str = "",
    ) -> None:
        file = make_private(folder) / f"{slug(frame.name or name)}.jsonl"
        read = frozenset[str]().union(*(metric.fields for metric in metrics if isinstance(metric, Judge)))
        rows = list(_records(frame, roles, read))
        try:
            file.write_bytes(b"".join(json_line(row) + b"\n" for row in rows))
        except OSError as error:
            raise storage_error(error, file) from error
        task = TaskFile(
            file=folder / "evaluate.yaml",
            name=name,
            dataset=file.name,
            metrics=(),
            prompt="{{ inputs }}",
            target="{{ targets }}",
            context="{{ contexts }}",
            digest=digest([name, [*roles.inputs], roles.targets, roles.outputs, roles.contexts]),
        )
        super().__init__(task, request, None, metrics=metrics, prefix=prefix)
        self.dataset = replace(self.dataset, name=frame.name or name, source=frame.source or frame.name or name)
        self._outcomes: Sequence[Outcome] | None = None

    @property
    def identity(self) -> str:
        """As of any task, and what was put out elsewhere."""
        parts: list[Json] = [super().identity]
        parts += [[each.text, each.error, each.detail] for each in self._outcomes or ()]
        return digest(parts)

    def take(self, outcomes: Sequence[Outcome]) -> None:
        """Have the rows answered: no model will be asked.

        Args:
            outcomes: one a row, in order.
        """
        self._outcomes = tuple(outcomes)

    def given(self, record: Record) -> Answer | None:
        """The outcome of a row as an answer; None where a model is to be asked."""
        if self._outcomes is None:
            return None
        outcome = self._outcomes[record.fields[_ROW]]
        return Answer(
            text=outcome.text, error=outcome.error, detail=outcome.detail, latency_s=outcome.latency_s, attempts=0
        )

    def prompt(self, item: Item, repeat: int = 0) -> Prompt:
        """What the model is asked: the row's text, or its chat turns."""
        prompt = super().prompt(item, repeat)
        turns = item.record.fields.get(_TURNS)
        return replace(prompt, messages=tuple(turns), text="") if turns else prompt

    def attributes(self, record: Record) -> Mapping[str, Scalar]:
        """The row's other short fields, and those that a judge reads."""
        found = {name: value for name, value in super().attributes(record).items() if name not in _OWN}
        if whole := record.fields.get(_WHOLE):
            found[_ASKED] = msgspec.json.encode(whole).decode()
        return found

    def config(self) -> Mapping[str, Scalar]:
        """The settings that become params; the digest of a task that no file tells is none."""
        return {name: value for name, value in super().config().items() if name != "task.digest"}


def chat_turns(value: object) -> list[dict[str, str]]:
    """The chat turns that an input is: a list of ``{role, content}``, or a dict with ``messages``; else nothing."""
    told = value.get("messages") if isinstance(value, Mapping) else value
    if not isinstance(told, list | tuple) or not told:
        return []
    turns = [turn for turn in told if isinstance(turn, Mapping) and {"role", "content"} <= set(turn)]
    if len(turns) != len(told) or not all(isinstance(turn["content"], str) for turn in turns):
        return []
    return [{"role": str(turn["role"]), "content": turn["content"]} for turn in turns]


def _records(frame: Frame, roles: Roles, read: frozenset[str]) -> Iterator[dict[str, Json]]:
    """The rows under our names; other columns, and those that a judge reads, stand beside them under their own."""
    asked = roles.asked(frame)
    told = {*_OWN, *({*roles.inputs, roles.targets, roles.outputs, roles.contexts} - read)}
    others = {name: values for name, values in frame.columns.items() if name not in told}
    for index in range(frame.size):
        row: dict[str, Json] = {name: plain(values[index]) for name, values in others.items()}
        row |= {_ROW: index, _ASKED: _text(asked[index])}
        if _ASKED in read and isinstance(asked[index], Mapping):
            row[_WHOLE] = plain(asked[index])
        turns = chat_turns(asked[index])
        row |= {_TURNS: turns} if turns else {}
        row[_TARGETS] = references(frame.columns[roles.targets][index]) if roles.targets else None
        row[_CONTEXTS] = _contexts(frame.columns[roles.contexts][index]) if roles.contexts else None
        yield row


def _text(value: object) -> str:
    """An input as the text that a model is asked, and that a person reads."""
    if is_missing(value):
        return ""
    if isinstance(value, Mapping) and len(value) == 1:
        only = next(iter(value.values()))
        if isinstance(only, str):
            return only
    turns = chat_turns(value)
    if turns:
        return turns[-1]["content"]
    return text_of(value)


def _contexts(value: object) -> list[str]:
    if is_missing(value):
        return []
    told = plain(value)
    parts = told if isinstance(told, list) else [told]
    return [_passage(part) for part in parts if part is not None]


def _passage(part: Json) -> str:
    """A passage: its text, or the text of a document with its metadata."""
    if isinstance(part, Mapping):
        for name in ("page_content", "content", "text"):
            if isinstance(part.get(name), str):
                return str(part[name])
    return text_of(part)


def check_name(name: str) -> None:
    """Refuse names that no task can have.

    Raises:
        InputError: it has other characters than a task's name.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"the name {name!r} has other characters than letters, digits and _ . -",
            code="bad_value",
            where="name",
            hint=f"call it {slug(name)!r}",
        )
