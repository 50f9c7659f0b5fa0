"""The passages that a retrieving system says its answer was made from, wherever in an OpenAI-like answer it says so."""

from __future__ import annotations

from collections.abc import Iterator

from evaltrail.models.text_repair import lenient_json, whole_text

FIELDS = ("contexts", "retrieved_contexts", "context", "citations", "sources")
"""Fields that systems put them into, of the message or of the whole answer; the first that holds texts counts."""
_TEXTS = ("text", "content", "page_content")
"""Where a passage that is an object has its text."""
_MARKS = tuple(f'"{name}"'.encode() for name in FIELDS)


def contexts_in(body: bytes) -> tuple[str, ...]:
    """The passages of one answer, or of one event of a stream, best first; empty where it tells none.

    A passage is a text, or an object with ``text``, ``content`` or ``page_content``; a bare address is none.

    Args:
        body: JSON; what cannot be read tells none.
    """
    if not any(mark in body for mark in _MARKS):  # nearly every answer: no second reading
        return ()
    try:
        value = lenient_json(body)
    except ValueError:
        return ()
    return next((found for place in _places(value) if (found := _told(place))), ())


def _places(value: object) -> Iterator[dict[str, object]]:
    """The objects of an answer that may tell passages: its first message, its first choice, the whole."""
    if not isinstance(value, dict):
        return
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if isinstance(first, dict):
        yield from (part for name in ("message", "delta") if isinstance(part := first.get(name), dict))
        yield first
    yield value


def _told(place: dict[str, object]) -> tuple[str, ...]:
    for name in FIELDS:
        found = place.get(name)
        inner = found if isinstance(found, dict) else {}  # {"context": {"citations": [...]}}
        texts = next((told for each in FIELDS if (told := _texts(inner.get(each)))), ()) or _texts(found)
        if texts:
            return texts
    return ()


def _texts(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    return tuple(text for part in parts if (text := _text(part)))


def _text(part: object) -> str:
    if isinstance(part, dict):
        part = next((part[name] for name in _TEXTS if isinstance(part.get(name), str)), "")
    if not isinstance(part, str) or _is_address(part):
        return ""
    return whole_text(part.strip())


def _is_address(text: str) -> bool:
    return text.strip().startswith(("http://", "https://")) and len(text.split()) == 1
