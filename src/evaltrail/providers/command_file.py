"""Command files: how an operator lets a program of theirs run a task (YAML), read strictly, and its words filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.values import Scalar
from evaltrail.providers.tasks import NAME, load_yaml

PLACES = (
    *("out", "model", "url", "limit", "seed", "repeats", "samples"),
    *("concurrency", "timeout", "rpm", "tpm", "max-retries"),
)
"""What a word may stand for, beside ``param.NAME``."""
_WORD = re.compile(r"\{([a-z-]+(?:\.[A-Za-z0-9_.-]+)?)\}")
_PARAM = "param."
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS = ("name", "command", "env", "api_key_env", "timeout_s", "leaves", "total", "version", "resumes", "description")

Words = tuple[str | tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFile:
    """A program that runs a task."""

    file: Path
    name: str
    """Of the task."""
    command: Words
    """Program and arguments; a group of words is left out where one of its places has no value."""
    env: tuple[str, ...] = ()
    """Variables that it may see beside the usual ones (``PATH``, ``HOME``, ...)."""
    api_key_env: str = ""
    """The variable in which it finds the model's key; empty = it gets none."""
    timeout_s: float | None = None
    leaves: str = ""
    """Name of the reader that knows what it leaves; empty = whichever knows it."""
    total: int = 0
    """Samples to be expected; 0 = not known before."""
    version: str = ""
    resumes: bool = False
    """Whether it goes on from what lies in its folder after it was cut short; else the folder is emptied first."""
    digest: str
    """Identity of what the file says."""

    def filled(self, values: Mapping[str, Scalar]) -> list[str]:
        """The words with their places filled, each value a word of its own.

        Args:
            values: place to value; None or "" = there is none.

        Raises:
            InputError: a place outside of a group has no value, or a value would be read as a flag.
        """
        return [word for entry in self.command for word in self._entry(entry, values)]

    @property
    def words(self) -> list[str]:
        """All words, those of groups too."""
        return [word for entry in self.command for word in ((entry,) if isinstance(entry, str) else entry)]

    def _entry(self, entry: str | tuple[str, ...], values: Mapping[str, Scalar]) -> Iterator[str]:
        words = (entry,) if isinstance(entry, str) else entry
        places = [place for word in words if (place := place_of(word))]
        missing = [place for place in places if values.get(place) in (None, "")]
        if missing and isinstance(entry, str):
            raise InputError(
                f"the command has {{{missing[0]}}}, and there is no value for it",
                code="missing_value",
                where=str(self.file),
                hint=f"{_how(missing[0])}, or put the word in a group that may be left out: [--flag, '{entry}']",
            )
        if not missing:
            yield from (self._word(word, values) for word in words)

    def _word(self, word: str, values: Mapping[str, Scalar]) -> str:
        place = place_of(word)
        if not place:
            return word
        value = str(values[place])
        if value.startswith("-") or "\0" in value:
            raise InputError(
                f"{value!r:.80} for {{{place}}} would be read as a flag",
                code="bad_value",
                where=str(self.file),
                hint="no value of a command begins with a dash",
            )
        return value


def place_of(word: str) -> str:
    """The place that a word stands for; empty where it stands for itself."""
    found = _WORD.fullmatch(word)
    return found[1] if found else ""


def read_command(file: Path) -> CommandFile:
    """What a command file says.

    Raises:
        InputError: it cannot be read, a key is unknown or missing, a value has the wrong type, or a word holds a place
            beside other characters.
    """
    content = load_yaml(file, kind="command", hint="it needs command: [PROGRAM, WORD, ...]")
    for key in content:
        if key not in _KEYS:
            hint = nearest(str(key), _KEYS) or f"known: {', '.join(_KEYS)}"
            raise InputError(f"unknown key {key!r}", code="unknown_key", where=str(file), hint=hint)
    reading = _Reading(file, content)
    return CommandFile(
        file=file,
        name=reading.name(),
        command=reading.command(),
        env=reading.variables(),
        api_key_env=reading.variable("api_key_env"),
        timeout_s=reading.seconds(),
        leaves=reading.text("leaves"),
        total=reading.count("total"),
        version=reading.text("version"),
        resumes=reading.flag("resumes"),
        digest=digest({key: value for key, value in content.items() if key != "description"}),
    )


class _Reading:
    """One file's content, read key by key."""

    def __init__(self, file: Path, content: Mapping[str, Any]) -> None:
        self._file = file
        self._content = content

    def name(self) -> str:
        name = self.text("name") or self._file.stem
        if not NAME.fullmatch(name):
            raise self._wrong("name", "other characters than letters, digits and _ . -", name)
        return name

    def command(self) -> Words:
        value = self._content.get("command")
        if not isinstance(value, list) or not value:
            hint = "command: [my-eval, --model, '{model}', --out, '{out}']"
            raise self._wrong("command", "no list of words", value, hint=hint)
        words = tuple(tuple(map(self._word, each)) if isinstance(each, list) else self._word(each) for each in value)
        if not isinstance(words[0], str) or place_of(words[0]) or not words[0]:
            raise self._wrong("command", "no program at its beginning", value[0])
        if "{out}" not in words:
            raise self._wrong("command", "no '{out}', the folder for the results", value, hint="add it as a word")
        return words

    def variables(self) -> tuple[str, ...]:
        value = self._content.get("env", [])
        if not isinstance(value, list) or not all(
            isinstance(each, str) and _VARIABLE.fullmatch(each) for each in value
        ):
            raise self._wrong("env", "no list of names of variables", value, hint="values never stand in the file")
        return tuple(value)

    def variable(self, key: str) -> str:
        name = self.text(key)
        if name and not _VARIABLE.fullmatch(name):
            raise self._wrong(key, "no name of a variable", name)
        return name

    def seconds(self) -> float | None:
        value = self._content.get("timeout_s")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            raise self._wrong("timeout_s", "no time in seconds", value)
        return float(value)

    def count(self, key: str) -> int:
        value = self._content.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._wrong(key, "no whole number from 0 on", value)
        return value

    def flag(self, key: str) -> bool:
        value = self._content.get(key, False)
        if not isinstance(value, bool):
            raise self._wrong(key, "neither true nor false", value)
        return value

    def text(self, key: str) -> str:
        value = self._content.get(key, "")
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            raise self._wrong(key, "no text", value)
        return value

    def _word(self, value: object) -> str:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or "\0" in value:
            raise self._wrong("command", "a word that is no text", value, hint="put it in quotes")
        place = place_of(value)
        if place and place not in PLACES and not place.startswith(_PARAM):
            raise self._wrong("command", "an unknown place", value, hint=nearest(place, PLACES) or _known())
        inner = _WORD.search(value)
        if inner and not place and (inner[1] in PLACES or inner[1].startswith(_PARAM)):
            hint = f"write {inner[0]!r} as a word of its own, or let a script of yours put it together"
            raise self._wrong("command", "a place beside other characters", value, hint=hint)
        return value

    def _wrong(self, key: str, what: str, value: object, *, hint: str = "") -> InputError:
        return InputError(
            f"{key} has {what}: {value!r:.200}", code="bad_value", where=f"{self._file}: {key}", hint=hint
        )


def param_values(command: CommandFile, params: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The values of a user's parameters for the places ``param.NAME`` of a command."""
    names = (place.removeprefix(_PARAM) for word in command.words if (place := place_of(word)).startswith(_PARAM))
    return {f"{_PARAM}{name}": params.get(name) for name in names}


def _how(place: str) -> str:
    return f"add --param {place.removeprefix(_PARAM)}=VALUE" if place.startswith(_PARAM) else f"add --{place}"


def _known() -> str:
    return f"known: {', '.join(f'{{{place}}}' for place in PLACES)} and {{param.NAME}}"
