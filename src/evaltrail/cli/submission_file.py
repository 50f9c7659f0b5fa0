"""The file that a submission is written in: JSON or YAML, from disk or from stdin."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from evaltrail.config.yaml_document import YamlLimitError, first_document
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

_MOST_BYTES = 10_000_000


def read_submission(name: str) -> Mapping[str, Json]:
    """The request that a file holds.

    Args:
        name: of a .json file, else it is read as YAML; ``-`` = stdin, JSON where it begins with ``{``.

    Raises:
        InputError: it cannot be read, or holds no object.
    """
    text = _text(name)
    is_json = name.endswith(".json") or (name == "-" and text.lstrip().startswith("{"))
    value = _json(text, name) if is_json else _yaml(text, name)
    if not isinstance(value, dict):
        hint = "write the request that POST /api/v1/evaluations takes: model, benchmarks, experiment"
        raise InputError("it holds no object", code="bad_file", where=name, hint=hint)
    return value


def _text(name: str) -> str:
    try:
        if name == "-":
            data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputError("it is larger than 10 MB", code="bad_file", where=name, hint="a request is smaller")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("it is no UTF-8", code="bad_file", where=name, hint="save it as UTF-8") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"it cannot be read: {why}", code="bad_file", where=name, hint="correct the name") from error


def _json(text: str, name: str) -> Json:
    try:
        value: Json = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise InputError(f"it is no JSON: {error.msg}", code="bad_file", where=where, hint="correct it") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or nesting without end
        raise InputError(
            "it holds more than can be read", code="bad_file", where=name, hint="make it simpler"
        ) from error
    return value


def _yaml(text: str, name: str) -> Json:
    try:
        document = first_document(text)
    except (yaml.YAMLError, YamlLimitError, ValueError) as error:
        why = " ".join(str(error).split())[:300]
        raise InputError(f"it is no YAML: {why}", code="bad_file", where=name, hint="correct it") from error
    if document.left_out:
        key = document.left_out[0][0]
        raise InputError(f"the key {key!r:.80} stands twice", code="bad_file", where=name, hint="keep one of them")
    return document.value
