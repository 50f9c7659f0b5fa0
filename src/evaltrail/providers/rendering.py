"""One task's templates, compiled once and rendered over its records."""

from __future__ import annotations

from collections.abc import Mapping

from evaltrail.providers.datasets import Record
from evaltrail.providers.prompts import Prompter, TemplateText, TemplateValue
from evaltrail.providers.tasks import TaskFile

Turns = tuple[Mapping[str, str], ...]
_VALUES = ("target", "choices", "context", "group", "id", "output", "output_error")


class TaskTemplates:
    """The templates of a task file.

    Raises:
        InputError: one of them cannot be read.
    """

    def __init__(self, task: TaskFile) -> None:
        prompter = Prompter()
        written = task.messages or ({"role": "user", "content": task.prompt},)
        self._turns = [(turn["role"], prompter.compile(turn["content"], task.where("prompt"))) for turn in written]
        self._system = prompter.compile(task.system, task.where("system")) if task.system else None
        self._values: dict[str, TemplateValue] = {
            key: prompter.compile_value(source, task.where(key)) for key in _VALUES if (source := getattr(task, key))
        }
        texts: list[TemplateText] = [template for _, template in self._turns]
        self.asks = frozenset[str]().union(*(template.needs for template in texts))
        """Every field that the question is made of."""
        texts += [self._system] if self._system else []
        texts += [value.text for value in self._values.values()]
        self.needs = frozenset[str]().union(*(template.needs for template in texts))
        """Every field that some template reads."""

    def turns(self, record: Record) -> Turns:
        """The chat turns of one record; a plain prompt is one user turn."""
        return tuple(
            {"role": role, "content": template.render(record.fields, record.where)} for role, template in self._turns
        )

    def system(self, record: Record) -> Turns:
        """The system turn of one record, or nothing."""
        if self._system is None:
            return ()
        return ({"role": "system", "content": self._system.render(record.fields, record.where)},)

    def values(self, key: str, record: Record) -> tuple[str, ...]:
        """The texts that ``target``, ``choices``, ``output`` or another key of this kind gives for one record."""
        value = self._values.get(key)
        return () if value is None else value.texts(record.fields, record.where)

    def check(self, record: Record) -> None:
        """Find a missing field before anything is asked; costs nothing where every field is there.

        Raises:
            InputError: a template fails on this record.
        """
        if self.needs.issubset(record.fields):
            return
        self.turns(record)
        self.system(record)
        for key in self._values:
            self.values(key, record)
