"""A row as MLflow's scorers see it (inputs, outputs, expectations), from a sample of ours, and back.

Source: the dataset fields of ``mlflow.genai.evaluate`` (MLflow 3.17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.sample import Sample, Usage
from evaltrail.core.values import Scalar

EXPECTED = ("expected_response", "expected_output", "ground_truth", "reference", "target", "targets", "expected_facts")
"""Names of what was expected, the surest first."""
_QUESTIONS = ("question", "query", "prompt", "input", "inputs", "request", "user_input", "text")
_ANSWERS = ("response", "answer", "output", "outputs", "content", "text", "completion")
_CONTEXTS = ("contexts", "context", "retrieved_contexts", "retrieved_context", "documents")
_LISTS = ("expected_facts", "guidelines", "expected_tool_calls", "expected_documents")
"""Fields of a record that belong to MLflow's expectations, whatever they hold."""

RECORD_FIELDS = (*_LISTS, "inputs", "expectations")
"""What is kept of a record for MLflow's scorers beside its short fields."""


class Row(NamedTuple):
    """What a scorer is called with."""

    inputs: Mapping[str, object]
    outputs: object
    expectations: Mapping[str, object]


def row_of(sample: Sample) -> Row:
    """The row of a sample: the question under ``question`` or ``messages``, the reference as ``expected_response``.

    What the record's own fields ``inputs`` and ``expectations`` hold comes first; its ``expected_facts``,
    ``guidelines``... are expectations too.
    """
    other = dict(sample.attributes)
    expectations: dict[str, object] = {}
    if sample.reference:
        expectations["expected_response"] = sample.reference[0]
        if len(sample.reference) > 1:
            expectations["expected_responses"] = list(sample.reference)
    told, asked = _value(other.pop("expectations", None)), _value(other.pop("inputs", None))
    expectations |= told if isinstance(told, Mapping) else {}
    expectations |= {name: _value(other.pop(name)) for name in _LISTS if name in other}
    if isinstance(asked, Mapping):
        return Row(asked, sample.graded, expectations)
    question: dict[str, object] = {"question": sample.input}
    if not isinstance(sample.input, str):
        question = {"messages": [dict(turn) for turn in sample.input]}
    return Row(
        {**{name: value for name, value in other.items() if value is not None}, **question}, sample.graded, expectations
    )


def sample_of(
    inputs: object,
    outputs: object,
    expectations: Mapping[str, object] | None,
    *,
    contexts: Sequence[str] = (),
    usage: Usage | None = None,
    index: int = 0,
) -> Sample:
    """The sample of a row.

    Args:
        inputs: a text, chat messages, or a mapping with a question in it; all of its fields are the sample's too.
        outputs: a text, or what holds one (an answer under its usual name, a chat completion); else its JSON.
        expectations: what was expected, under one of its usual names; other fields are the sample's.
        contexts: passages that were retrieved; empty = those of the inputs or expectations, if any.
        usage: what the answer cost.
        index: position of the row, from 0.
    """
    asked = inputs if isinstance(inputs, Mapping) else {}
    expected = expectations or {}
    output = _answer(outputs)
    return Sample(
        id=str(index),
        index=index,
        input=_question(inputs),
        reference=_references(expected),
        output=output,
        error="" if output is not None else "no_output",
        contexts=tuple(contexts) or _texts(_first({**asked, **expected}, _CONTEXTS)),
        attributes={name: _kept(value) for name, value in {**asked, **expected}.items()},
        usage=usage or Usage(),
    )


def _question(inputs: object) -> str | tuple[Mapping[str, str], ...]:
    if not isinstance(inputs, Mapping):
        return _turns(inputs) or _text(inputs)
    messages = _turns(inputs.get("messages"))
    if messages:
        return messages
    found = next(iter(inputs.values())) if len(inputs) == 1 else _first(inputs, _QUESTIONS)
    return _text(inputs if found is None else found)


def _turns(value: object) -> tuple[Mapping[str, str], ...]:
    """Chat turns, or nothing where a value is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    if not all(isinstance(turn, Mapping) and "content" in turn for turn in value):
        return ()
    return tuple({"role": str(turn.get("role", "user")), "content": _text(turn["content"])} for turn in value)


def _answer(outputs: object) -> str | None:
    if outputs is None or isinstance(outputs, str):
        return outputs
    if isinstance(outputs, Mapping):
        choices = outputs.get("choices")
        if isinstance(choices, Sequence) and choices and isinstance(choices[0], Mapping):
            message = choices[0].get("message")
            return _answer(message if isinstance(message, Mapping) else choices[0])
        turns = _turns(outputs.get("messages"))
        found = turns[-1]["content"] if turns else _first(outputs, _ANSWERS)
        return _text(outputs if found is None else found)
    return _text(outputs)


def _references(expected: Mapping[str, object]) -> tuple[str, ...]:
    return _texts(_first(expected, EXPECTED))


def _first(fields: Mapping[str, object], names: Sequence[str]) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(_text(part) for part in parts)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value, enc_hook=str).decode()


def _kept(value: object) -> Scalar:
    return value if value is None or isinstance(value, str | int | float | bool) else _text(value)


def _value(kept: Scalar) -> object:
    """What a field held before it was kept as text."""
    if not isinstance(kept, str) or kept[:1] not in {"[", "{"}:
        return kept
    try:
        return decoded(kept, object)
    except msgspec.DecodeError:
        return kept
