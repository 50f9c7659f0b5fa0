"""Endpoint: one method of one path, with what OpenAPI says of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

from evaltrail.api.form import Form
from evaltrail.api.replies import QueryForm

Handler = Callable[[Request], Response] | Callable[[Request], Awaitable[Response]]
"""Answers a request; one that is no coroutine is called in a thread."""
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Wire = dict[str, object]
PROBLEMS: Mapping[int, str] = {
    400: "The body is no JSON",
    401: "A key is needed",
    403: "The key's role, or the page's origin, does not allow it",
    404: "There is none of that id",
    409: "The state of what is there does not allow it",
    413: "The body is too large",
    415: "The body is of another media type",
    421: "The service does not answer to the name in Host",
    422: "The request cannot be understood; `errors` lists every mistake",
    429: "Too many requests; Retry-After says when to come back",
    501: "Not yet",
    503: "The store is away; Retry-After says when to come back",
}
_PARAMETER = re.compile(r"\{(\w+)\}")
_COMMON = (401, 403, 421, 429, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One method of one path."""

    method: Method
    path: str
    handler: Handler
    """Its docstring's first line is what OpenAPI calls it."""
    tag: str
    status: int = 200
    """Of success."""
    refusals: tuple[int, ...] = ()
    """Beside those that every endpoint has."""
    body: type[Form] | None = None
    document: str = ""
    """Of a body without a form: what it is."""
    contents: Mapping[str, Wire] | None = None
    """Of a body that is no JSON object: media type to schema."""
    query: type[QueryForm] | None = None
    examples: Mapping[str, object] | None = None
    """Of the body, by name."""
    headers: Mapping[str, str] | None = None
    """That a request may bear: name to meaning."""
    media_type: str = "application/json"
    """Of the answer."""
    is_hot: bool = False
    """Of a fixed path, its handler a coroutine: asked so often that FastAPI's own work for each request is left out."""

    @property
    def title(self) -> str:
        """What it does."""
        return (self.handler.__doc__ or "").partition("\n")[0].rstrip(".")

    @property
    def operation_id(self) -> str:
        """A name for generated clients."""
        words = re.split(r"[^a-z0-9]+", self.path.lower().removeprefix("/api/"))
        return "_".join(filter(None, [self.method.lower(), *words]))

    def extra(self) -> Wire:
        """What OpenAPI says of it beside what FastAPI finds out."""
        told: Wire = {"parameters": [*self._in_path(), *self._in_query(), *self._in_headers()]}
        if self.contents is not None:
            content = {kind: {"schema": schema} for kind, schema in self.contents.items()}
            told["requestBody"] = {"required": True, "content": content}
        elif self.body is not None or self.document:
            schema: Wire = {"type": "object", "description": self.document}
            if self.body is not None:
                schema = {"$ref": f"#/components/schemas/{self.body.__name__}"}
            in_json: Wire = {"schema": schema}
            if self.examples:
                in_json["examples"] = {name: {"value": value} for name, value in self.examples.items()}
            told["requestBody"] = {"required": True, "content": {"application/json": in_json}}
        return told

    def responses(self) -> dict[int | str, Wire]:
        """What it answers, by status."""
        success: Wire = {"description": "Done" if self.status != 202 else "Accepted"}
        if self.status not in {204, 303}:
            success["content"] = {self.media_type: {"schema": {} if "json" in self.media_type else {"type": "string"}}}
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        refused = sorted({*self.refusals, *_COMMON})
        return {self.status: success, **{each: {"description": PROBLEMS[each], "content": problem} for each in refused}}

    def _in_path(self) -> list[Wire]:
        names = _PARAMETER.findall(self.path)
        return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]

    def _in_query(self) -> list[Wire]:
        if self.query is None:
            return []
        fields = self.query.model_json_schema()["properties"]
        return [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema.get("description", ""),
                "schema": {key: value for key, value in schema.items() if key not in {"title", "description"}},
            }
            for name, schema in fields.items()
        ]

    def _in_headers(self) -> list[Wire]:
        return [
            {"name": name, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}
            for name, meaning in (self.headers or {}).items()
        ]
