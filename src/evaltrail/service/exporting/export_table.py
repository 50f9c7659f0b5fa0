"""The table of a destination's options: their names in both vocabularies of the launcher, and their kinds of values.

Source: launcher 0.1.27 to 0.1.31 (``log_*``) and 0.2.6 (``copy_*``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json

OTHER_WORDS: Mapping[str, str] = {"copy_artifacts": "log_artifacts", "copy_logs": "log_logs"}
_LISTS = frozenset({"log_metrics", "exclude_patterns", "job_dirs"})
_KINDS = {
    "array": "list",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "null": "nothing",
    "object": "mapping",
    "str": "text",
}
"""What people call the kinds of values that msgspec names."""
_MISPLACED = re.compile(r"(?P<why>.*?)(?: - at `(?P<key>key )?.*?\$(?:\.(?P<name>\w+))?.*)?", re.DOTALL)
"""How msgspec says what is wrong, and where."""
_Options = TypeVar("_Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTable(Generic[_Options]):
    """The options that one destination knows."""

    dest: str
    kind: type[_Options]
    """A dataclass whose fields are the options."""
    texts: frozenset[str]
    """Options that take any text as it is written."""
    mappings: frozenset[str] = frozenset()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Option of another destination to that destination's name."""

    @property
    def section(self) -> tuple[str, str]:
        """Where they stand in a run configuration."""
        return "export", self.dest

    @property
    def known(self) -> frozenset[str]:
        """The options, under the names of the table."""
        return option_names(self.kind)

    @property
    def lists(self) -> frozenset[str]:
        """Options that take several texts, or one."""
        return _LISTS

    def named(self, config: Mapping[str, Json], *, where: str = "config") -> dict[str, Json]:
        """The options under the names of the table, whichever vocabulary they were given in.

        Args:
            config: option to value; ``None`` means the default.
            where: named in errors.

        Raises:
            InputError: an option is unknown, or is given in both vocabularies with different values.
        """
        values: dict[str, Json] = {}
        for name, value in config.items():
            own = OTHER_WORDS.get(str(name), str(name))
            if own not in self.known:
                raise self.unknown(str(name), where)
            known = values.get(own)
            if known is not None and value is not None and known != value:
                words = " and ".join(word for word in config if OTHER_WORDS.get(word, word) == own)
                raise InputError(
                    f"{words} are one option and say different things", code="bad_option", where=where, hint="keep one"
                )
            values[own] = known if value is None else value
        return values

    def read(self, config: Mapping[str, Json], *, where: str = "config") -> _Options:
        """The options as one checked value.

        Args:
            config: option to value, or the same below ``export: <dest>:``; ``None`` means the default.
            where: named in errors.

        Raises:
            InputError: an option is unknown, or of the wrong type.
        """
        section = config.get("export")
        inner = section.get(self.dest) if set(config) == {"export"} and isinstance(section, Mapping) else None
        given = inner if isinstance(inner, Mapping) else config
        values = {name: value for name, value in self.named(given, where=where).items() if value is not None}
        for name in values.keys() & self.texts:
            if isinstance(values[name], int | float) and not isinstance(values[name], bool):
                values[name] = str(values[name])  # a run named 20251219 is a number to YAML
        for name in values.keys() & self.lists:
            if isinstance(values[name], str):
                values[name] = [values[name]]
        try:
            return msgspec.convert(values, self.kind)
        except msgspec.ValidationError as error:
            raise self._wrong(error, where) from error

    def unknown(self, name: str, where: str) -> InputError:
        """The error of an option that nobody knows, or only another destination."""
        other = self.elsewhere.get(name)
        if other:
            return InputError(
                f"{name!r} is no option of destination {self.dest!r} but of {other!r}",
                code="unknown_option",
                where=where,
                hint=f"leave it out, or export to {other!r}",
            )
        words = self.known | set(OTHER_WORDS)
        hint = nearest(name, words) or f"known: {', '.join(sorted(words))}"
        return InputError(f"the exporter has no option {name!r}", code="unknown_option", where=where, hint=hint)

    def _wrong(self, error: msgspec.ValidationError, where: str) -> InputError:
        """What msgspec says of a value, in words of ours: which option, and what it must be."""
        found = _MISPLACED.fullmatch(str(error))
        name = found["name"] if found and found["name"] else ""
        why = re.sub(r"`(.*?)`", lambda kind: _plain(kind[1]), found["why"] if found else str(error))
        choices = [word for word in get_args(get_type_hints(self.kind).get(name)) if isinstance(word, str)]
        hint = f"known: {', '.join(choices)}" if choices else f"{why[:1].lower()}{why[1:]}"
        return InputError(f"the value of option {name!r} cannot be used", code="bad_option", where=where, hint=hint)


def option_names(kind: type[Any]) -> frozenset[str]:
    """The options that are fields of a dataclass."""
    return frozenset(each.name for each in fields(kind))


def _plain(kinds: str) -> str:
    """``object | null`` as ``mapping or nothing``."""
    known = [_KINDS.get(kind, kind) for kind in kinds.split(" | ")]
    return " or ".join(known) if len(known) < 4 else "one plain value"
