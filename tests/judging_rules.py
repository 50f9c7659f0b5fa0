"""A judge for the help desk of examples/judges, behind a real endpoint."""

from __future__ import annotations

import re

_OUTPUT = re.compile(r"<<<(\w+) output\n(.*?)\n\1>>>", re.DOTALL)
_VAGUE = ("we ", "our ", "are ", "is part", "popular", "sometimes", "usually", "thank", "advantages", "glad", "about")


def graded(text: str) -> str:
    """The output that a request asks to grade."""
    found = _OUTPUT.search(text)
    assert found, "no output is fenced off"
    return found[2]


def is_direct(text: str) -> dict[str, object]:
    """Yes, unless the output sounds like advertising."""
    output = graded(text).casefold()
    return {"rationale": "as it sounds", "score": "no" if any(word in output for word in _VAGUE) else "yes"}
