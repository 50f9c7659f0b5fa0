"""Server-sent events (WHATWG HTML, section 9.2) as they come over a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Protocol

from evaltrail.client.answers import ServiceEvent
from evaltrail.core.values import Json

_LONGEST_LINE = 1 << 20


class Lines(Protocol):
    """What lines are read from."""

    def readline(self, size: int = -1, /) -> bytes:
        """The next line with its end; empty = there are no more."""
        ...


def read_events(stream: Lines) -> Iterator[ServiceEvent]:
    """The events of a stream to its end; one that is cut off is left out, and comments are.

    Raises:
        ValueError: a line is too long, or an event holds no JSON object.
    """
    fields: dict[str, str] = {}
    while line := stream.readline(_LONGEST_LINE):
        if not line.endswith(b"\n"):
            if len(line) == _LONGEST_LINE:
                raise ValueError("a line of the event stream is too long")
            return
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            continue
        if "data" in fields:
            yield _event(fields)
        fields = {}


def _event(fields: dict[str, str]) -> ServiceEvent:
    data: Json = json.loads(fields["data"])
    number = fields.get("id", "")
    if not isinstance(data, dict) or not (number.isascii() and number.isdecimal()):
        raise ValueError("an event holds no JSON object, or has no id")
    return ServiceEvent(id=int(number), kind=fields.get("event", "message"), data=data)
