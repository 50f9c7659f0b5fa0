"""json_schema: whether an answer is JSON that fits a schema (JSON Schema, drafts 4 to 2020-12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.scoring.grader import BAD_REFERENCE, NO_OUTPUT, NO_REFERENCE, TOO_LONG, Grader
from evaltrail.scoring.json_form import MAX_CHARACTERS, TOO_DEEP, BadJsonError, TooDeepError, read_json, without_fence

if TYPE_CHECKING:
    from jsonschema_rs import Validator

MAX_FILE_BYTES = 4_000_000

_BACKTRACKS = 100_000
"""Steps that a pattern of a schema may go back; beyond them it does not match."""
_RATIONALE_CHARACTERS = 300
_SCHEMAS_KEPT = 64

Schema = Mapping[str, Json] | bool


class JsonSchema(Grader):
    """Whether the whole graded text is JSON that the schema allows; the rationale says where it first does not.

    ``$ref`` reaches into the schema itself and to the drafts' own schemas; nothing is fetched. ``format`` is checked
    only where the draft demands it.

    Args:
        schema: the schema, or the path of a JSON file that holds it; None = each reference is a schema, and one that
            allows the answer is enough.
        fenced: a Markdown code fence around the answer does not count.
        folder: where a relative path begins.

    Raises:
        InputError: the schema is none, or its file cannot be read.
    """

    name = "json_schema"

    def __init__(
        self, *, schema: Mapping[str, Any] | bool | str | None = None, fenced: bool = False, folder: Path = Path()
    ) -> None:
        super().__init__()
        self._fenced = fenced
        self._given: Validator | None = None
        self._of_reference = lru_cache(maxsize=_SCHEMAS_KEPT)(lambda text: _validator(_as_schema(read_json(text))))
        if schema is not None:
            where = str(folder / schema) if isinstance(schema, str) else ""
            content = _read(folder / schema) if isinstance(schema, str) else schema
            self._given = _checked(content, where)
            self.source += f"+{digest(content)[:8]}"

    def score(self, sample: Sample) -> Score:
        """The score of the graded text; with an own schema no reference is needed."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if len(text) > MAX_CHARACTERS:
            return TOO_LONG
        try:
            validators = (self._given,) if self._given else tuple(map(self._of_reference, sample.reference))
        except ValueError:
            return BAD_REFERENCE
        return self._verdict(text, validators) if validators else NO_REFERENCE

    def _verdict(self, text: str, validators: tuple[Validator, ...]) -> Score:
        try:
            value = read_json(without_fence(text) if self._fenced else text)
        except TooDeepError:
            return TOO_DEEP
        except BadJsonError as error:
            return self._refused(f"no JSON: {error}")
        if any(validator.is_valid(value) for validator in validators):
            return self._right
        first = next(validators[0].iter_errors(value))
        return self._refused(f"{'/'.join(map(str, first.instance_path)) or 'the value'}: {first.message}")

    def _refused(self, why: str) -> Score:
        return Score(value=False, source=self.source, rationale=why[:_RATIONALE_CHARACTERS])


def _validator(schema: Schema) -> Validator:
    """What checks values against a schema.

    Raises:
        ValueError: it is no schema, or refers to what is not in it.
    """
    # Only tasks with this metric pay for the package: some 40 ms.
    import jsonschema_rs  # noqa: PLC0415

    check: Callable[..., Validator] = jsonschema_rs.validator_for
    options = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS)
    return check(schema, retriever=_refuse, pattern_options=options)


def _refuse(address: str) -> NoReturn:
    raise ValueError(f"{address} is not in the schema, and nothing is fetched")


def _checked(schema: Schema, where: str) -> Validator:
    try:
        return _validator(schema)
    except ValueError as error:
        raise _bad(str(error).splitlines()[0], where) from error


def _read(file: Path) -> Schema:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise _bad(f"the file has more than {MAX_FILE_BYTES} bytes", str(file))
        return _as_schema(read_json(content.decode("utf-8-sig")))
    except OSError as error:
        raise _bad(f"the file cannot be read: {error.strerror}", str(file)) from error
    except ValueError as error:
        raise _bad(f"the file holds none: {error}", str(file)) from error


def _as_schema(value: Json) -> Schema:
    if isinstance(value, Mapping | bool):
        return value
    raise ValueError("a schema is an object, true or false")


def _bad(message: str, where: str) -> InputError:
    return InputError(
        f"metric 'json_schema': no schema: {message}",
        code="bad_schema",
        where=where,
        hint="give a JSON Schema as a mapping, or the path of its file",
    )
