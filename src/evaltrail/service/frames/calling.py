"""Calling: what a user's function takes, one row or all of them, found out without showing it a row twice."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_origin

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.service.frames.frame import pandas

Style = Literal["batch", "row", "unknown"]
Columns = Mapping[str, Sequence[object]]

_ONE = frozenset(
    {"input", "question", "prompt", "query", "text", "row", "message", "example", "record", "request", "q"}
)
_FRAMES = frozenset({"df", "dataframe"})
_ALL = _FRAMES | {"data", "batch", "frame", "model_input"}
_TABLES = ("DataFrame", "Series", "ndarray", "Sequence", "Iterable", "list", "tuple", "List")
_SINGLE = ("str", "dict", "Mapping", "Dict", "int", "float")


@dataclass(frozen=True, slots=True)
class Signature:
    """How a function is to be called."""

    style: Style
    is_async: bool
    takes_fields: bool
    """Whether a row's dict is spread over its parameters."""
    name: str
    wants_table: bool = False
    """Whether all rows are to be a DataFrame, and nothing that only behaves as one."""


def read_signature(function: Callable[..., object], rows: Sequence[object], *, batch: bool | None = None) -> Signature:
    """How a function is to be called, from what it says of itself; ``unknown`` where that is nothing.

    Args:
        function: of the user's.
        rows: what it will be asked.
        batch: what the caller says; None = nothing.

    Raises:
        InputError: it is a generator, takes no argument, or needs more than a row has.
    """
    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004  its own
    if inspect.isgeneratorfunction(called) or inspect.isasyncgenfunction(called):
        raise InputError(
            "the model is a generator", code="bad_model", where="model", hint="return the whole output instead"
        )
    name = str(getattr(function, "__name__", type(function).__name__))
    is_async = inspect.iscoroutinefunction(called) or inspect.iscoroutinefunction(function)
    parameters = _parameters(function)
    if parameters is None:
        return Signature(_said(batch) or "unknown", is_async, takes_fields=False, name=name)
    positional = [each for each in parameters if each.kind in {each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD}]
    if batch is not True and _takes_fields(parameters, rows):
        return Signature("row", is_async, takes_fields=True, name=name)
    _check_count(positional, parameters, rows)
    style = _said(batch) or (_style(positional[0], function) if positional else "unknown")
    wants_table = style == "batch" and bool(positional) and _names_table(positional[0])
    return Signature(style, is_async, takes_fields=False, name=name, wants_table=wants_table)


class Rows(list[Any]):
    """All rows, as a function gets them: a list that can be read as a DataFrame too, and knows whether it was opened.

    On trial it is no text: a function that writes it into a prompt takes one row at a time, and learns so before it
    does anything with it.

    Args:
        values: what each row asks.
        columns: the same as columns.
        on_trial: whether it is not known yet that the function takes all rows.
    """

    def __init__(
        self, values: Sequence[object], columns: Mapping[str, Sequence[object]], *, on_trial: bool = False
    ) -> None:
        super().__init__(values)
        self.is_opened = False
        """Whether a row was taken out."""
        self._columns = columns
        self._on_trial = on_trial

    def __iter__(self) -> Iterator[object]:
        self.is_opened = True
        return super().__iter__()

    def __reversed__(self) -> Iterator[object]:
        self.is_opened = True
        return super().__reversed__()

    def __getitem__(self, place: Any) -> Any:
        self.is_opened = True
        return self.table()[place] if isinstance(place, str) else super().__getitem__(place)

    def __setitem__(self, place: Any, value: Any) -> None:
        self.is_opened = True
        if isinstance(place, str):
            self._columns = {**self._columns, place: value}
        else:
            super().__setitem__(place, value)

    def copy(self) -> Rows:
        """All rows once more, a list and a table as these are."""
        self.is_opened = True
        return Rows(self, self._columns)

    def table(self) -> Any:
        """All rows as a DataFrame."""
        self.is_opened = True
        return pandas().DataFrame(dict(self._columns))

    def __add__(self, other: Any) -> Any:
        joined = super().__add__(other)
        self.is_opened = True
        return joined

    def __bool__(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in _TEXT_METHODS or not hasattr(pandas().DataFrame, name):
            raise AttributeError(f"'list' object has no attribute {name!r}")
        return getattr(self.table(), name)

    def __format__(self, spec: str) -> str:
        return format(self.__repr__(), spec)

    def __repr__(self) -> str:
        if self._on_trial:
            raise OneRowWantedError
        return super().__repr__()

    __str__ = __repr__


_TEXT_METHODS = frozenset(name for name in dir(str) if not name.startswith("_"))


class OneRowWantedError(TypeError):
    """A function wrote all rows into one text: it takes one row at a time."""


def _said(batch: bool | None) -> Style | None:
    return None if batch is None else ("batch" if batch else "row")


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter] | None:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # built in C: it does not tell
        return None


def _takes_fields(parameters: Sequence[inspect.Parameter], rows: Sequence[object]) -> bool:
    """Whether rows are dicts whose keys are the function's parameters."""
    first = rows[0]
    if not isinstance(first, Mapping) or not parameters:
        return False
    named = [each for each in parameters if each.kind in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}]
    needed = {each.name for each in named if each.default is each.empty}
    takes_all = any(each.kind is each.VAR_KEYWORD for each in parameters)
    known = {each.name for each in named}
    return bool(needed or takes_all) and needed <= set(first) and (takes_all or set(first) <= known)


def _check_count(
    positional: Sequence[inspect.Parameter], parameters: Sequence[inspect.Parameter], rows: Sequence[object]
) -> None:
    takes_any = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in {each.VAR_POSITIONAL, each.VAR_KEYWORD}
    ]
    is_keyword_only = any(each.kind is each.KEYWORD_ONLY and each.default is each.empty for each in parameters)
    if (positional or takes_any) and len(needed) <= 1 and not is_keyword_only:
        return
    fields = list(rows[0]) if isinstance(rows[0], Mapping) else []
    closest = next((nearest(name, fields) for name in needed if name not in fields), "") if fields else ""
    raise InputError(
        f"the model takes {', '.join(needed) or 'no argument'}, but is called with one",
        code="bad_model",
        where="model",
        hint=closest or "it gets the inputs of one row, or of all rows; rows that are dicts may be spread by name",
    )


def _style(parameter: inspect.Parameter, function: Callable[..., object]) -> Style:
    for annotation in (parameter.annotation, getattr(function, "__annotations__", {}).get("return", parameter.empty)):
        if annotation is not parameter.empty and (style := _annotated(annotation)) != "unknown":
            return style
    name = parameter.name.casefold()
    if name in _ONE:
        return "row"
    is_plural = name.endswith("s") and not name.endswith("ss") and len(name) > 2
    return "batch" if name in _ALL or is_plural else "unknown"


def _names_table(parameter: inspect.Parameter) -> bool:
    """Whether a parameter says that it is a DataFrame, by its annotation or else by its name."""
    if parameter.annotation is not parameter.empty:
        return _head(parameter.annotation) == "DataFrame"
    return parameter.name.casefold() in _FRAMES


def _head(annotation: object) -> str:
    """The name that an annotation begins with: ``list`` of ``list[str]``."""
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2].strip()
    origin = get_origin(annotation) or annotation
    return str(getattr(origin, "__name__", origin)).rpartition(".")[2]


def _annotated(annotation: object) -> Style:
    head = _head(annotation)
    if head in _TABLES:
        return "batch"
    return "row" if head in _SINGLE else "unknown"
