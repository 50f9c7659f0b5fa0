"""The OpenAPI description: what FastAPI finds out of the routes, and the forms of bodies and problems."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, cast

from pydantic.json_schema import models_json_schema

from evaltrail.api.form import Form

TITLE = "evaltrail"
SUMMARY = "Evaluations of language models: submitted, followed, compared; every result lands in MLflow."
_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457, with the names that clients of Eval Hub read",
    "required": ["type", "title", "status", "detail", "message", "message_code", "code"],
    "properties": {
        **dict.fromkeys(("type", "title", "detail", "instance", "message", "message_code", "code", "hint"), _TEXT),
        "request_id": _TEXT,
        "status": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": dict.fromkeys(("path", "message", "hint", "value"), _TEXT)},
        },
    },
}


def examples() -> Mapping[str, object]:
    """The payloads of seed 001, by name."""
    return _read("examples.json")


def question_examples() -> Mapping[str, object]:
    """Chunks, and bodies of generations and evaluations, by name."""
    return _read("question_examples.json")


def with_forms(found: dict[str, Any], forms: Sequence[type[Form]]) -> dict[str, Any]:
    """A description with the forms among its schemas.

    Args:
        found: as FastAPI made it.
        forms: of the bodies.
    """
    _, defined = models_json_schema([(form, "validation") for form in forms], ref_template=_REF)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(defined.get("$defs", {}))
    schemas["Problem"] = _PROBLEM
    found["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{}, {"key": []}]
    return found


def _read(name: str) -> dict[str, object]:
    text = files("evaltrail.api").joinpath(name).read_text(encoding="utf-8")
    return cast("dict[str, object]", json.loads(text))
