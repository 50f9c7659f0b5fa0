"""What the harness's settings of one generation mean for a request: body settings, and where the answer is cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaltrail.core.values import Json

USUAL_TOKENS = 256
"""Tokens that an answer may have where neither task nor user says (as the harness's own clients for endpoints)."""
_MOST_STOPS = 4
"""OpenAI's interface takes no more; the answer is cut here at all of them."""
_LENGTHS = ("max_gen_toks", "max_tokens", "max_new_tokens", "max_completion_tokens")
_NOT_SENT = frozenset({*_LENGTHS, "until", "stop", "do_sample", "seed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How one text is to be generated."""

    body: Mapping[str, Json]
    """Settings that go into the request's body."""
    stops: tuple[str, ...] = ()
    """The answer ends before the first of these."""

    def cut(self, text: str) -> str:
        """The text up to the first stop; endpoints differ in whether they heed them, and take only some."""
        ends = [end for stop in self.stops if (end := text.find(stop)) >= 0]
        return text[: min(ends)] if ends else text


def generation_of(settings: Mapping[str, Json], own: Mapping[str, Json]) -> Generation:
    """The generation that a task's settings ask for, with the user's own laid over them.

    Args:
        settings: ``gen_kwargs`` of the harness: ``until``, ``max_gen_toks``, ``do_sample``, ``temperature``...
        own: the user's, as they go into a body: ``max_tokens``, ``stop``, ``temperature``...

    Source: ``generate_until`` of lm-evaluation-harness 0.4; without ``do_sample`` the temperature is 0.
    """
    stops = tuple(dict.fromkeys((*_texts(settings.get("until")), *_texts(own.get("stop")))))
    body: dict[str, Json] = {key: value for key, value in settings.items() if key not in _NOT_SENT}
    if settings.get("do_sample") is False or body.get("temperature") is None:
        body["temperature"] = 0
    length = next((settings[key] for key in _LENGTHS if settings.get(key) is not None), USUAL_TOKENS)
    if not any(key in own for key in _LENGTHS):
        body["max_tokens"] = length
    body |= {key: value for key, value in own.items() if key not in {"stop", "seed"}}
    if stops:
        body["stop"] = list(stops[:_MOST_STOPS])
    return Generation(body=body, stops=stops)


def _texts(value: Json) -> Sequence[str]:
    if isinstance(value, str):
        return (value,) if value else ()
    return tuple(each for each in value if isinstance(each, str) and each) if isinstance(value, Sequence) else ()
