"""The table of a destination's options: their names in both vocabularies of the launcher, and their kinds of values.

Source: launcher 0.1.27 to 0.1.31 (``log_*``) and 0.2.6 (``copy_*``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec

from evaltrail.config.composition.problems import Problems
from evaltrail.core.decoding import converted
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
_MISPLACED = re.compile(r"(?P<why>.*?)(?: - at `.*)?", re.DOTALL)
"""How msgspec says what is wrong, and where in the value."""
_Options = TypeVar("_Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The options that somebody gave one destination."""

    values: Mapping[str, Json] = field(default_factory=dict)
    """Under the names of the table; None means the default."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Option to where it stands: a file and line, ``-o KEY``, or a flag."""
    errors: tuple[InputError, ...] = ()
    """What of it cannot be meant."""


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

    def given(
        self, config: Mapping[str, Json], *, where: str = "config", places: Mapping[str, str] | None = None
    ) -> Given:
        """The options under the names of the table, whichever vocabulary they were given in.

        An option that is unknown, or is given in both vocabularies with different values, is among the errors.

        Args:
            config: option to value; ``None`` means the default.
            where: named in errors.
            places: option, as it is written, to a better place than that.
        """
        values: dict[str, Json] = {}
        known_places: dict[str, str] = {}
        errors: list[InputError] = []
        for name, value in config.items():
            place = (places or {}).get(str(name), where)
            own = OTHER_WORDS.get(str(name), str(name))
            if own not in self.known:
                errors.append(self.unknown(str(name), place))
                continue
            known = values.get(own)
            if known is not None and value is not None and known != value:
                words = " and ".join(word for word in config if OTHER_WORDS.get(word, word) == own)
                message = f"{words} are one option and say different things"
                errors.append(InputError(message, code="bad_option", where=place, hint="keep one"))
            values[own] = known if value is None else value
            known_places[own] = place
        return Given(values=values, places=known_places, errors=tuple(errors))

    def read(self, given: Given) -> _Options:
        """The options as one checked value.

        Raises:
            InputError: an option is unknown, or of the wrong type.
            PartialError: several are; it holds an error for each.
        """
        problems = Problems()
        for error in given.errors:
            problems.take(error)
        values = {name: self._meant(name, value) for name, value in given.values.items() if value is not None}
        for name, value in values.items():
            try:
                converted({name: value}, self.kind)
            except msgspec.ValidationError as error:
                problems.take(self._wrong(name, error, given.places.get(name, "")))
        problems.tell()
        return converted(values, self.kind)

    def _meant(self, name: str, value: Json) -> Json:
        """A value as people mean it: numbers may be names, and one text may be a list."""
        if name in self.texts and isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)  # a run named 20251219 is a number to YAML
        return [value] if name in self.lists and isinstance(value, str) else value

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
        message = f"{'.'.join(self.section)} has no option {name!r:.120}"
        return InputError(message, code="unknown_option", where=where, hint=hint)

    def _wrong(self, name: str, error: msgspec.ValidationError, where: str) -> InputError:
        """What msgspec says of a value, in words of ours: which option, and what it must be."""
        found = _MISPLACED.fullmatch(str(error))
        why = re.sub(r"`(.*?)`", lambda kind: _plain(kind[1]), found["why"] if found else str(error))
        choices = [word for word in get_args(get_type_hints(self.kind).get(name)) if isinstance(word, str)]
        hint = f"known: {', '.join(choices)}" if choices else f"{why[:1].lower()}{why[1:]}"
        message = f"the value of {'.'.join((*self.section, name))} cannot be used"
        return InputError(message, code="bad_option", where=where, hint=hint)


def option_names(kind: type[Any]) -> frozenset[str]:
    """The options that are fields of a dataclass."""
    return frozenset(each.name for each in fields(kind))


def _plain(kinds: str) -> str:
    """``object | null`` as ``mapping or nothing``."""
    known = [_KINDS.get(kind, kind) for kind in kinds.split(" | ")]
    return " or ".join(known) if len(known) < 4 else "one plain value"
