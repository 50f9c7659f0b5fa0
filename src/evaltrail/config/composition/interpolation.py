"""Texts with ``${...}`` in them, taken apart: OmegaConf 2.3's references and resolvers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from evaltrail.config.composition.value_text import ValueTextError, interpolation_end, split_items

_MOST_IN_ONE_ANOTHER = 15
_SELECTING = (("oc.select",), ("select_not_null",))
_STEP = re.compile(r"""[^\s.\[\]{}:"'$\\]+\Z""")


class InterpolationError(ValueError):
    """What stands between the brackets cannot be read."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Another value of the configuration."""

    dots: int
    """0 = from the top; 1 = beside the value, 2 = one level up, and so on."""
    steps: tuple[Parts, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A resolver and what it is given."""

    name: Parts
    arguments: tuple[str, ...]
    """As they are written."""


Part = str | Reference | Call
Parts = tuple[Part, ...]
"""Pieces that make up a text."""


def parts_of(text: str, depth: int = 0) -> Parts:
    r"""The pieces of a text: plain ones with ``\${`` as ``${``, and what stands between the brackets.

    Raises:
        InterpolationError: a bracket is not closed, or what stands in it cannot be read.
    """
    if depth > _MOST_IN_ONE_ANOTHER:
        raise InterpolationError("too many ${...} stand in one another")
    parts: list[Part] = []
    plain = ""
    at = 0
    while (place := text.find("${", at)) >= 0:
        before = text[at:place]
        bare = before.rstrip("\\")
        slashes = len(before) - len(bare)
        plain += bare + "\\" * (slashes // 2)
        if slashes % 2:
            plain += "${"
            at = place + 2
            continue
        at = interpolation_end(text, place)
        if at < 0:
            raise InterpolationError("a `${` is not closed; to write one as text, put a backslash before it")
        if plain:
            parts.append(plain)
            plain = ""
        parts.append(_inside(text[place + 2 : at - 1].strip(), depth))
    plain += text[at:]
    return (*parts, plain) if plain else tuple(parts)


def reference_of(text: str, depth: int = 0) -> Reference:
    """A reference such as ``a.b``, ``a[0].b``, ``.x`` or ``..x``.

    Raises:
        InterpolationError: it is none.
    """
    bare = text.lstrip(".")
    dots = len(text) - len(bare)
    steps: list[Parts] = []
    at = 0
    while at < len(bare):
        end, step, at = _step(bare, at, is_first=not steps)
        parts = parts_of(step, depth + 1)
        if not parts or any(isinstance(part, str) and not _STEP.match(part) for part in parts):
            raise InterpolationError(f"{text!r:.80} is no key")
        steps.append(parts)
        if end == "." and at >= len(bare):
            raise InterpolationError(f"{text!r:.80} ends with a dot")
    if not steps:
        raise InterpolationError("`${}` names no key")
    return Reference(dots, tuple(steps))


def named_keys(text: str) -> set[tuple[str, ...]]:
    """Keys from the top that the interpolations of a text name, as far as they are written out."""
    try:
        return _named(parts_of(text))
    except InterpolationError:
        return set()


def _named(parts: Parts) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for part in parts:
        if isinstance(part, Reference):
            inner = {key for step in part.steps for key in _named(step)}
            plain = list(
                takewhile(lambda piece: isinstance(piece, str), (piece for step in part.steps for piece in step))
            )
            found |= inner | ({tuple(str(piece) for piece in plain)} if plain and not part.dots else set())
        elif isinstance(part, Call):
            found |= {key for argument in part.arguments for key in named_keys(argument)}
            if part.name in _SELECTING and part.arguments and "$" not in part.arguments[0]:
                found.add(tuple(part.arguments[0].strip("\"' ").split(".")))
    return found


def _inside(text: str, depth: int) -> Reference | Call:
    colon = _outside(text, 0, ":")
    if colon >= len(text):
        return reference_of(text, depth)
    name = text[:colon].strip()
    given = text[colon + 1 :]
    try:
        arguments = tuple(split_items(given)) if given.strip() else ()
    except ValueTextError as error:
        raise InterpolationError(f"what {name!r:.80} is given cannot be read: {error}") from error
    return Call(parts_of(name, depth + 1), arguments)


def _step(text: str, at: int, *, is_first: bool) -> tuple[str, str, int]:
    """What ends a step, the step, and where the next one begins."""
    if text[at] == "[":
        end = _outside(text, at + 1, "]")
        after = end + 1
        if end >= len(text):
            raise InterpolationError(f"a bracket of {text!r:.80} is not closed")
        is_dot = text[after : after + 1] == "."
        return ("." if is_dot else "]"), text[at + 1 : end], after + is_dot
    if not is_first and text[at - 1] == "]":
        raise InterpolationError(f"{text!r:.80} is no key")
    end = _outside(text, at, ".[")
    if text[end : end + 1] == ".":
        return ".", text[at:end], end + 1
    return "", text[at:end], end


def _outside(text: str, at: int, letters: str) -> int:
    """The first place of one of the letters outside of inner brackets; the text's length where there is none."""
    while at < len(text) and text[at] not in letters:
        if text.startswith("${", at):
            at = interpolation_end(text, at)
            if at < 0:
                raise InterpolationError("a `${` is not closed")
        else:
            at += 1
    return at
