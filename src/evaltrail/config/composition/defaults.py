"""Entries of a defaults list, as Hydra 1.3 writes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evaltrail.config.composition.config_file import ConfigFile
from evaltrail.config.composition.node import MISSING, Node
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_KEY = re.compile(r"(?P<words>(?:\w+\s+)*)(?P<group>[^\s@]+)(?:@(?P<package>[^\s@]*))?\s*")
_WORDS = ("optional", "override")
_HOW = "write `- group: option`, `- name` or `- _self_`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is chosen for a group."""

    options: tuple[str, ...]
    """Empty = nothing."""
    where: str
    is_external: bool = False
    """Whether the command line says it."""

    @property
    def is_missing(self) -> bool:
        """Whether it must still be made."""
        return self.options == (MISSING,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """One entry: the file's own values, another file, or a group with what is chosen for it."""

    name: str
    """The group, or the file where there is none; ``/`` before it = from the top."""
    choice: Choice | None = None
    """None for a file without a group."""
    package: str | None = None
    """Where its values go; None = below the group's own name."""
    is_optional: bool = False
    is_override: bool = False
    where: str

    @property
    def is_self(self) -> bool:
        """Whether it stands for the file's own values."""
        return self.choice is None and self.name == "_self_"


def read_defaults(file: ConfigFile) -> list[Default]:
    """The entries of a file's defaults list; its own values come last where the list does not place them.

    Raises:
        InputError: the list, or an entry of it, is none.
    """
    if file.defaults is None or file.defaults.value is None:
        return []
    items = file.defaults.value
    if not isinstance(items, tuple):
        raise _bad(file.defaults.where, "defaults is no list", _HOW)
    found = [_entry(item) for item in items]
    own = [entry for entry in found if entry.is_self]
    if len(own) > 1:
        raise _bad(own[1].where, "_self_ stands twice in the defaults list", "keep one")
    if not own:
        found.append(Default(name="_self_", where=file.defaults.where))
    return found


def choice_of(value: Node) -> Choice | None:
    """The options that a value names; None where it names none."""
    items: Sequence[Node] = value.value if isinstance(value.value, tuple) else (value,)
    if value.value is None:
        return Choice(options=(), where=value.where)
    options = [str(item.value) if type(item.value) is int else item.value for item in items]
    texts = tuple(option for option in options if isinstance(option, str) and option)
    return Choice(options=texts, where=value.where) if len(texts) == len(options) else None


def _entry(item: Node) -> Default:
    if isinstance(item.value, str):
        return _file(item.value, item.where)
    pairs = list((item.mapping or {}).items())
    if len(pairs) != 1:
        raise _bad(item.where, "an entry of defaults is no name and no single `group: option`", _HOW)
    key, value = pairs[0]
    found = _KEY.fullmatch(key)
    choice = choice_of(value)
    if found is None or choice is None:
        raise _bad(value.where, f"the entry {key!r:.80} of defaults cannot be read", _HOW)
    if any("${" in option for option in choice.options):
        hint = f"name the option, or choose it on the command line: -o {key}=OPTION"
        raise _bad(value.where, "${...} has no meaning in a defaults list", hint)
    words = found["words"].split()
    for word in words:
        if word not in _WORDS:
            raise _bad(value.where, f"{word!r:.80} is no word of a defaults list", nearest(word, _WORDS) or _HOW)
    return Default(
        name=found["group"],
        choice=choice,
        package=found["package"],
        is_optional="optional" in words,
        is_override="override" in words,
        where=value.where,
    )


def _file(text: str, where: str) -> Default:
    found = _KEY.fullmatch(text)
    if found is None or found["words"]:
        raise _bad(where, f"the entry {text!r:.80} of defaults cannot be read", _HOW)
    return Default(name=found["group"], package=found["package"], where=where)


def _bad(where: str, message: str, hint: str) -> InputError:
    return InputError(message, code="bad_defaults", where=where, hint=hint)
