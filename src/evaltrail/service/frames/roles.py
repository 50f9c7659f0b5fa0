"""Roles: which column of a frame is asked, expected, answered and read as context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.service.frames.frame import Frame, is_missing, text_of

_INPUTS = ("inputs", "input", "question", "prompt", "query", "user_input", "messages")
_TARGETS = ("targets", "target", "ground_truth", "expectations", "reference", "expected_output")
_OUTPUTS = ("outputs", "output", "predictions", "prediction", "response")
_CONTEXTS = ("contexts", "context", "retrieved_contexts", "retrieved_context")
_EXPECTED = ("expected_response", "expected_output", "answer", "ground_truth")
_ADDED = "targets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Columns by what they are for; an empty name = there is none."""

    inputs: tuple[str, ...] = ()
    """One column, or all that a model reads together."""
    targets: str = ""
    outputs: str = ""
    contexts: str = ""

    def asked(self, frame: Frame) -> list[object]:
        """What a model is asked, one value a row: the column's, or a dict where there are several columns."""
        if len(self.inputs) == 1:
            return list(frame.columns[self.inputs[0]])
        if not self.inputs:
            return [None] * frame.size
        return [{name: frame.columns[name][index] for name in self.inputs} for index in range(frame.size)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The columns that the caller names; None = to be found by their usual names."""

    inputs: str | None = None
    targets: str | Sequence[object] | None = None
    predictions: str | None = None
    contexts: str | None = None


def find_roles(frame: Frame, named: Named, *, has_model: bool) -> tuple[Frame, Roles]:
    """The frame, with targets given as a list made a column, and the roles of its columns.

    Args:
        frame: the data.
        named: what the caller says.
        has_model: whether a model answers; else a column holds the outputs.

    Raises:
        InputError: a named column is not there, or there are no outputs.
    """
    _known(frame, named.inputs, "inputs")
    frame, targets = _targets(frame, named.targets)
    contexts = _known(frame, named.contexts, "contexts") or _usual(frame, _CONTEXTS)
    outputs = ""
    if not has_model:
        outputs = _known(frame, named.predictions, "predictions") or frame.predictions or _usual(frame, _OUTPUTS)
        if not outputs:
            hint = "pass model=, or predictions= with the name of the column that holds the outputs"
            raise InputError(
                f"there is no model, and none of the columns {_listed(frame)} holds outputs",
                code="no_model",
                where="data",
                hint=hint,
            )
    inputs = _inputs(frame, named.inputs, taken={targets, contexts, outputs}, has_model=has_model)
    if has_model and not inputs:
        raise InputError("the data have no column for the model", code="no_inputs", where="data", hint="add 'inputs'")
    return frame, Roles(inputs=inputs, targets=targets, outputs=outputs, contexts=contexts)


def references(value: object) -> list[str] | str | None:
    """The accepted answers that a cell of the targets column means: one text, several, or none."""
    if is_missing(value):
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        found = next((value[name] for name in _EXPECTED if name in value), None)
        if found is None:
            return text_of(next(iter(value.values()))) if len(value) == 1 else None
        return references(found)
    if isinstance(value, list | tuple):
        return [text_of(each) for each in value if not is_missing(each)]
    return text_of(value)


def _targets(frame: Frame, given: str | Sequence[object] | None) -> tuple[Frame, str]:
    if given is None or isinstance(given, str):
        return frame, _known(frame, given, "targets") or frame.targets or _usual(frame, _TARGETS)
    values = given.tolist() if hasattr(given, "tolist") else list(given)
    if len(values) != frame.size:
        raise InputError(f"there are {len(values)} targets for {frame.size} rows", code="bad_data", where="targets")
    return frame.with_column(_ADDED, values), _ADDED


def _inputs(frame: Frame, given: str | None, *, taken: set[str], has_model: bool) -> tuple[str, ...]:
    named = _known(frame, given, "inputs")
    if named:
        return (named,)
    free = [name for name in frame.columns if name not in taken]
    usual = next((name for name in _INPUTS if name in free), "")
    if usual:
        return (usual,)
    return tuple(free) if has_model else ()


def _known(frame: Frame, name: str | None, role: str) -> str:
    if not name:
        return ""
    if name not in frame.columns:
        hint = nearest(name, frame.columns) or f"the columns are {_listed(frame)}"
        raise InputError(f"there is no column {name!r} for {role}=", code="missing_column", where="data", hint=hint)
    return name


def _usual(frame: Frame, names: Sequence[str]) -> str:
    return next((name for name in names if name in frame.columns), "")


def _listed(frame: Frame) -> str:
    return ", ".join(map(repr, frame.columns))
