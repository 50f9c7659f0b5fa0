"""What a sample says under the name of a column, as rubrics call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from evaltrail.core.sample import Sample

Role = Literal["reference", "contexts", "input", "output", ""]

_REFERENCE = frozenset(
    {"reference", "references", "target", "targets", "ground_truth", "expected", "expected_output", "expected_response"}
)
_CONTEXTS = frozenset({"context", "contexts", "retrieved_contexts", "retrieved_context"})
_INPUT = frozenset({"input", "inputs", "question", "user_input", "prompt"})
_OUTPUT = frozenset({"output", "outputs", "predictions", "response"})
_ROLES: Mapping[Role, frozenset[str]] = {
    "reference": _REFERENCE,
    "contexts": _CONTEXTS,
    "input": _INPUT,
    "output": _OUTPUT,
}


def column_of(sample: Sample, name: str) -> str | None:
    """The text of a column; None where the sample has none.

    A field of the record comes first; else ``targets``, ``ground_truth``, ``reference``... are the reference,
    ``context``, ``contexts``... the contexts, ``input``, ``question``... the input, and ``output`` the graded text.
    """
    if name in sample.attributes:
        value = sample.attributes[name]
        return None if value is None else str(value)
    if name in _REFERENCE:
        return listed(sample.reference)
    if name in _CONTEXTS:
        return listed(sample.contexts)
    if name in _INPUT:
        return input_of(sample) or None
    return sample.graded if name in _OUTPUT else None


def role_of(name: str) -> Role:
    """The part of a sample that a column's name means where no field bears it; empty = none."""
    return next((role for role, names in _ROLES.items() if name in names), "")


def missing_reason(name: str) -> str:
    """Why a sample without this column is unscored."""
    if name in _REFERENCE:
        return "no_reference"
    return "no_contexts" if name in _CONTEXTS else "no_column"


def input_of(sample: Sample) -> str:
    """What was asked: the text, the only turn, or every turn with its role."""
    if isinstance(sample.input, str):
        return sample.input
    if len(sample.input) == 1:
        return sample.input[0]["content"]
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in sample.input)


def listed(texts: Sequence[str]) -> str | None:
    """One text as it is, several numbered, none as None."""
    if len(texts) < 2:
        return texts[0] if texts else None
    return "\n\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
