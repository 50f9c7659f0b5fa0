"""AnswerForm: the form a judge's model is asked to answer in, and how such an answer is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from evaltrail.core.values import Json
from evaltrail.scoring.judging.verdict import UNREADABLE

Found_co = TypeVar("Found_co", covariant=True)
Found = TypeVar("Found")


class UnreadableError(ValueError):
    """An answer says nothing that can be used.

    Args:
        problem: one sentence for the model that is asked once more.
        reason: ``judge_unreadable``, ``judge_out_of_range``...
    """

    def __init__(self, problem: str, reason: str = UNREADABLE) -> None:
        super().__init__(problem)
        self.problem = problem
        self.reason = reason


class AnswerForm(Protocol[Found_co]):
    """What a model's answer has to look like."""

    settings: tuple[Mapping[str, Json], ...]
    """Request settings that ask for the form, the strictest first; the last is empty."""
    choices: tuple[str, ...]
    """Every possible answer where there are few, for baselines."""

    def read(self, value: object) -> Found_co:
        """What a JSON value says.

        Raises:
            UnreadableError: it says nothing in this form.
        """
        ...

    def read_prose(self, text: str) -> Found_co:
        """What a text without JSON says.

        Raises:
            UnreadableError: it says nothing clearly.
        """
        ...


@runtime_checkable
class JoiningForm(Protocol[Found]):
    """A form whose answer may come as several JSON objects among words: they are joined, and the words passed over."""

    def join(self, found: Sequence[Found]) -> Found:
        """What the objects say together.

        Args:
            found: what each says, at least one, in order.
        """
        ...


def ask_for(name: str, about: str, schema: Mapping[str, Json]) -> tuple[Mapping[str, Json], ...]:
    """The settings that ask for a JSON schema: as a response format, as a tool's arguments, not at all.

    Args:
        name: of the form: letters, digits and ``_``.
        about: what filling it in means, in one line.
        schema: an object schema with every property required.

    Source: structured outputs and function calling of the OpenAI HTTP interface.
    """
    return (
        {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}},
        {
            "tools": [{"type": "function", "function": {"name": name, "description": about, "parameters": schema}}],
            "tool_choice": {"type": "function", "function": {"name": name}},
        },
        {},
    )


def object_schema(properties: Mapping[str, Json]) -> Mapping[str, Json]:
    """An object that has these properties, all of them and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
