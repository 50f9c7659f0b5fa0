"""A judge's mind for the tests of retrieval metrics: it takes texts apart at their full stops and compares words."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PART = re.compile(r"^<<<(\S+) (\w+)\n(.*?)\n\1>>>$", re.MULTILINE | re.DOTALL)
_NUMBERED = re.compile(r"^\d+\. (.+)$", re.MULTILINE)
_SUPPORTED_SHARE = 0.99
_USEFUL_SHARE = 0.5


def think(text: str) -> Mapping[str, object]:
    """What the judge makes of one request: statements, verdicts or a question."""
    parts = {name: inner for _, name, inner in _PART.findall(text)}
    if "statements" in parts:
        statements = _NUMBERED.findall(parts["statements"])
        return _verdicts([_share(each, parts["context"]) >= _SUPPORTED_SHARE for each in statements])
    if "answer" in parts:
        return _verdicts([_share(parts["answer"], parts["context"]) >= _USEFUL_SHARE])
    if "noncommittal" in text:
        return {"question": f"What is told by: {parts['text']}", "noncommittal": 0}
    return {"statements": [each.strip() for each in re.split(r"(?<=[.!?])\s+", parts["text"]) if each.strip()]}


def vector(text: str) -> list[float]:
    """An embedding: how often a text holds each letter of the alphabet."""
    return [float(text.casefold().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"]


def _verdicts(values: list[bool]) -> Mapping[str, object]:
    return {
        "verdicts": [
            {"number": number, "reason": "by its words", "verdict": int(value)}
            for number, value in enumerate(values, 1)
        ]
    }


def _share(text: str, context: str) -> float:
    words = _words(text)
    return len(words & _words(context)) / max(1, len(words))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[\w,]+", text.casefold()) if len(word) > 3}
