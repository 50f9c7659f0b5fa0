"""What ``-o`` says: ``a.b=c``, ``+a.b=c``, ``++a.b=c``, ``~a.b``, ``group=option``; and how the tree changes by it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evaltrail.config.composition.defaults import Choice, Default, choice_of
from evaltrail.config.composition.layers import GroupChoices
from evaltrail.config.composition.node import MOST_LEVELS, Node, planted
from evaltrail.config.composition.search import Search
from evaltrail.config.composition.value_text import ValueTextError, read_value
from evaltrail.config.secret_names import HIDDEN, is_random, is_secret_name
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

Kind = Literal["set", "add", "force", "remove"]

_SIGNS: Sequence[tuple[str, Kind]] = (("++", "force"), ("+", "add"), ("~", "remove"))
_BRACKETS = re.compile(r"\[(\d+)\]")
_STEP = re.compile(r"[^\s\[\]{}\"'$\\@/:,]+\Z")
_GROUP = re.compile(r"(?P<group>[\w./-]+)(?:@(?P<package>[\w.-]*))?\Z")
_OF_TASKS = "evaluation.tasks."
_HOW = "write -o KEY=VALUE, -o +KEY=VALUE, -o ++KEY=VALUE or -o ~KEY"
_MOST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One ``-o``."""

    kind: Kind
    key: str
    """As it is written, without its sign."""
    value: Json
    has_value: bool
    """False for ``~key``."""
    where: str
    """The option as errors show it: without what may be a secret."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The keys and places that the key names.

        Raises:
            InputError: it names none.
        """
        steps = tuple(_BRACKETS.sub(r".\1", self.key).split("."))
        if len(steps) > MOST_LEVELS or not all(_STEP.match(step) for step in steps):
            raise InputError(
                f"{self.key!r:.80} is no key", code="usage", where=self.where, hint="write keys with dots: a.b.0.c"
            )
        return steps

    def node(self) -> Node:
        """The value, as a part of the tree.

        Raises:
            InputError: it is nested too deeply.
        """
        return planted(self.value, None, self.where)


def read_override(text: str) -> Override:
    """One ``-o`` of the command line.

    Raises:
        InputError: it is no assignment, or its value cannot be read.
    """
    bare = text.strip()
    kind: Kind = "set"
    for sign, its_kind in _SIGNS:
        if bare.startswith(sign):
            bare, kind = bare.removeprefix(sign), its_kind
            break
    key, equals, written = bare.partition("=")
    key = key.strip()
    if not key or (not equals and kind != "remove"):
        raise InputError(f"-o {text!r:.80} is no KEY=VALUE", code="usage", where="-o", hint=_HOW)
    try:
        value = read_value(written) if equals else None
    except ValueTextError as error:
        hint = f"{error}; put quotes around texts with brackets in them"
        raise InputError("the value cannot be read", code="usage", where=f"-o {key:.80}", hint=hint) from error
    where = f"-o {text.strip().partition('=')[0].strip():.200}" + (f"={_shown(key, written.strip())}" if equals else "")
    return Override(kind=kind, key=key, value=value, has_value=bool(equals), where=where)


def parted(overrides: Sequence[Override], search: Search) -> tuple[GroupChoices, list[Override]]:
    """What chooses options of groups, and what sets values, in their order.

    Raises:
        InputError: an override looks like a choice and there is no such group, or it chooses nothing.
    """
    chosen: dict[str, Choice] = {}
    added: list[Default] = []
    removed: dict[str, Choice] = {}
    others: list[Override] = []
    for one in overrides:
        found = _GROUP.match(one.key)
        group = found["group"] if found else ""
        if isinstance(one.value, Mapping) or not search.has_group(group):
            if "/" in one.key or "@" in one.key:
                hint = "a task file goes by its name without folder and ending" if one.key.startswith(_OF_TASKS) else ""
                raise InputError(f"there is no group {one.key!r:.80}", code="unknown_group", where=one.where, hint=hint)
            others.append(one)
            continue
        choice = _choice(one)
        if one.kind == "add":
            package = found["package"] if found else None
            added.append(Default(name=f"/{group}", choice=choice, package=package, where=one.where))
        elif one.kind == "remove":
            removed[one.key] = choice
        else:
            chosen[one.key] = choice
    return GroupChoices(chosen=chosen, added=added, removed=removed), others


def _choice(one: Override) -> Choice:
    choice = choice_of(one.node())
    if one.kind == "force":
        hint = f"write -o {one.key}=OPTION, or -o +{one.key}=OPTION where no defaults list names it"
        raise InputError("a group is chosen without ++", code="usage", where=one.where, hint=hint)
    if choice is None:
        hint = f"write -o {one.key}=OPTION; single values of it are set with -o {one.key}.KEY=VALUE"
        raise InputError(f"{one.key} is a group, and this is no option of it", code="usage", where=one.where, hint=hint)
    return Choice(options=choice.options, where=one.where, is_external=True)


def _shown(key: str, written: str) -> str:
    """A value as errors may show it."""
    bare = written.strip("\"'")
    if written[:1] in {"[", "{"}:
        return f"{written[0]}...{written[-1]}" if len(written) > 2 else written
    if is_secret_name(key.rpartition(".")[2]) or bare.startswith("lit:") or is_random(bare):
        return HIDDEN
    return written if len(written) <= _MOST_SHOWN else f"{written[:_MOST_SHOWN]}..."
