"""Requests as editors of .rest files read and send them; `examples/requests.rest` is one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledRequest:
    """One request; variables stand as ``{{NAME}}``."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str]
    lines: tuple[str, ...]
    """Of the body; ``< ./FILE`` is that file's bytes."""

    @property
    def path(self) -> str:
        """Without the query."""
        return self.target.partition("?")[0]

    def body(self, folder: Path, values: Mapping[str, str]) -> bytes | None:
        """What is sent, files from a folder; None = no body."""
        if not self.lines:
            return None
        lines = [
            (folder / line[2:]).read_bytes() if line.startswith("< ") else filled(line, values).encode()
            for line in self.lines
        ]
        return (b"\r\n" if "multipart" in self.headers.get("Content-Type", "") else b"\n").join(lines)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text, each variable replaced by its value.

    Raises:
        KeyError: a variable has none.
    """
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], text)


def requests_of(file: Path) -> tuple[FiledRequest, ...]:
    """The requests of a file, in its order."""
    parts = re.split(r"^###.*\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return tuple(map(_request, parts))


def _request(text: str) -> FiledRequest:
    head, _, body = text.strip().partition("\n\n")
    first, *rest = head.split("\n")
    method, _, url = first.partition(" ")
    fields = dict(line.split(": ", 1) for line in rest)
    return FiledRequest(
        method=method,
        target=url.removeprefix("{{base}}"),
        headers=fields,
        lines=tuple(body.split("\n")) if body else (),
    )
