"""The form of a body: pydantic's findings as sentences, every one of them, each with its place and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar, get_args

import msgspec
from pydantic import AliasChoices, BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError

from evaltrail.api.json_body import read_json
from evaltrail.api.problems import FieldProblem, RefusedBodyError
from evaltrail.config.redaction import HIDDEN, is_secret_name, redact_text
from evaltrail.core.ids import nearest

_MOST_ERRORS = 50
_MOST_VALUES = 100_000
"""Of a body that has a form: pydantic tells of every unknown field, which took 1 KB each (measured November 2026)."""
_MOST_CHARACTERS = 80
_KEY = "[key]"
"""What pydantic puts behind a name that is itself the mistake."""
_NO_KEYS = "no request holds a key: give it to the service as a variable, and name that in the server's entry"
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "string_type": "has to be a text",
        "int_type": "has to be a whole number",
        "int_from_float": "has to be a whole number",
        "float_type": "has to be a number",
        "bool_type": "has to be true or false",
        "dict_type": "has to be an object",
        "model_type": "has to be an object",
        "list_type": "has to be a list",
        "literal_error": "has to be one of {expected}",
        "string_too_short": "is empty",
        "string_too_long": "is longer than {max_length} characters",
        "string_pattern_mismatch": "has characters that it must not have",
        "too_long": "has more than {max_length} entries",
        "too_short": "has fewer than {min_length} entries",
        "greater_than": "has to be greater than {gt}",
        "greater_than_equal": "has to be {ge} or more",
        "less_than": "has to be less than {lt}",
        "less_than_equal": "has to be {le} or less",
    }
)


class Form(BaseModel):
    """What all bodies have in common: unknown fields are mistakes, and a number in quotes is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The form's schema with every spelling of its fields: pydantic names the first one alone."""
        schema = handler(core)
        told = handler.resolve_ref_schema(schema)
        needed = set(told.get("required", ()))
        for info in cls.model_fields.values():
            if isinstance(info.validation_alias, AliasChoices):
                first, *others = map(str, info.validation_alias.choices)
                for other in others:
                    told["properties"][other] = {**told["properties"][first], "title": f"Another name of {first}"}
                if first in needed:
                    told["required"].remove(first)
                    told["anyOf"] = [{"required": [name]} for name in (first, *others)]
        return schema


FormT = TypeVar("FormT", bound=Form)


def spelled(*names: str) -> AliasChoices:
    """The names that one field is known by; a request uses one of them."""
    return AliasChoices(*names)


def mistake(message: str, hint: str) -> PydanticCustomError:
    """What a form's own rule raises.

    Args:
        message: goes on where the field's name ends: ``has to be ...``.
        hint: what to write.
    """
    return PydanticCustomError("own_rule", "{message}", {"message": message, "hint": hint})


def read_form(form: type[FormT], body: bytes) -> FormT:
    """The body, once it is JSON and has that form.

    Raises:
        InputError: it is no JSON.
        RefusedBodyError: it has another form; every mistake is told.
    """
    value = read_json(body, most_values=_MOST_VALUES)
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise RefusedBodyError(mistakes(form, error.errors(include_url=False))) from error


def mistakes(form: type[BaseModel], found: list[ErrorDetails]) -> tuple[FieldProblem, ...]:
    """What pydantic found, as sentences; the first fifty and how many there are beside them."""
    shown = tuple(_mistake(form, each) for each in found[:_MOST_ERRORS])
    if len(found) <= _MOST_ERRORS:
        return shown
    rest = FieldProblem(path="", message=f"{len(found) - _MOST_ERRORS:,} more mistakes are not listed")
    return (*shown, rest)


def _mistake(form: type[BaseModel], found: ErrorDetails) -> FieldProblem:
    loc = found["loc"]
    if loc[-1:] == (_KEY,) and found["type"] != "extra_forbidden":
        loc = loc[:-1]
    path = ".".join(str(part)[:_MOST_CHARACTERS] for part in loc)
    name = str(loc[-1])[:_MOST_CHARACTERS] if loc else "the body"
    context = found.get("ctx", {})
    if found["type"] == "missing":
        return FieldProblem(path=path, message=f"{name} is missing", hint=f"give {path}")
    if found["type"] == "extra_forbidden":
        message = f"unknown field {name!r}"
        return FieldProblem(path=path, message=message, hint=_known(form, loc), value=_shown(loc, found["input"]))
    if found["type"] == "own_rule":
        message, hint = f"{name} {context['message']}", str(context["hint"])
        return FieldProblem(path=path, message=message, hint=hint, value=_shown(loc, found["input"]))
    sentence = _SENTENCES.get(found["type"])
    message = f"{name} {sentence.format(**context)}" if sentence else f"{name}: {found['msg']}"
    hint = _other_type(found["type"], found["input"])
    return FieldProblem(path=path, message=message, hint=hint, value=_shown(loc, found["input"]))


def _known(form: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """The nearest field, or all that may stand there."""
    holder: type[BaseModel] | None = form
    for part in loc[:-1]:
        if holder is not None and isinstance(part, str):
            holder = _form_of(_fields(holder).get(part))
    word = str(loc[-1])
    if is_secret_name(word):
        return _NO_KEYS
    if holder is None:
        return ""
    fields = _fields(holder)
    names = ", ".join(fields)
    twice = next((key for key, info in fields.items() if key == word and info.validation_alias is not None), "")
    if twice:
        return f"{word} is another name of a field that is given already; leave one of them out"
    if not fields:
        return "leave it out: none is known here"
    return nearest(word[:_MOST_CHARACTERS], fields) or f"known are {names}"


def _fields(form: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a form under every name that they are known by."""
    found: dict[str, FieldInfo] = {}
    for name, info in form.model_fields.items():
        alias = info.validation_alias
        spellings = [str(each) for each in alias.choices] if isinstance(alias, AliasChoices) else [name]
        found.update(dict.fromkeys(spellings, info))
    return found


def _form_of(info: FieldInfo | None) -> type[BaseModel] | None:
    """The form of what a field holds, or holds a list of."""
    return None if info is None else next(_forms(info.annotation), None)


def _forms(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _forms(inner)


def _other_type(kind: str, value: object) -> str:
    """The next step where a value is of another type."""
    if not kind.endswith("_type"):
        return ""
    if isinstance(value, str) and kind in {"int_type", "float_type", "bool_type"}:
        return "write it without quotes"
    if kind == "string_type" and not isinstance(value, dict | list):
        return "write it in quotes"
    return ""


def _shown(loc: tuple[int | str, ...], value: object) -> str:
    """A value as far as it may be shown: no secrets, no more than a line."""
    if any(isinstance(part, str) and is_secret_name(part) for part in loc):
        return HIDDEN
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, str):
        clean = redact_text(value[:1000])
        return clean if len(clean) <= _MOST_CHARACTERS else clean[: _MOST_CHARACTERS - 3] + "..."
    return msgspec.json.encode(value).decode()
