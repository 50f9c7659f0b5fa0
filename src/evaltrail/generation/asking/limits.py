"""How long answers may become where a budget has to know it beforehand, and how many are asked for at first."""

from __future__ import annotations

from collections.abc import Mapping

from evaltrail.core.values import Json

_NAMES = ("max_tokens", "max_completion_tokens")
_WRITING_TOKENS, _QUESTION_TOKENS = 200, 200
FIRST_IN_FLIGHT = 32
"""Requests in flight before an endpoint has shown that it takes more: all windows may begin at once, and a generation
is over in a few times the endpoint's latency, so that the usual slow start would be a third of it."""
ANSWER_TOKENS = 256
"""Of a short answer with its verdict."""


def writing_end(count: int) -> int:
    """Tokens that so many questions with their answers may take."""
    return _WRITING_TOKENS + _QUESTION_TOKENS * count


def with_end(settings: Mapping[str, Json], tokens: int) -> Mapping[str, Json]:
    """The settings with an end of the answer, unless they have one: a hard budget needs to know the worst case."""
    if any(settings.get(name) is not None for name in _NAMES):
        return settings
    return {**settings, "max_tokens": tokens}


def told_end(settings: Mapping[str, Json]) -> int:
    """Tokens at which an answer ends by its settings; 0 where they do not say."""
    ends = [settings.get(name) for name in _NAMES]
    return max((end for end in ends if isinstance(end, int)), default=0)
