"""compose.yaml as a container engine would understand it, as far as can be known without one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
_REFERENCE = re.compile(r"\$\{([A-Z_]+)(:-|:\?|(?=\}))")
_ASSIGNMENT = re.compile(r"^(?:# )?([A-Z_]+)=(.*)$", re.MULTILINE)


class MissingVariableError(Exception):
    """A variable that has to be set is not."""


def read_compose() -> dict[str, Any]:
    """The file as YAML has it, variables not filled in."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


def filled(value: Any, variables: Mapping[str, str]) -> Any:
    """The value with variables filled in, in every text of it.

    Raises:
        MissingVariableError: one that has to be set is not.
    """
    if isinstance(value, str):
        return _Filling(value, variables).until("")
    if isinstance(value, dict):
        return {key: filled(each, variables) for key, each in value.items()}
    return [filled(each, variables) for each in value] if isinstance(value, list) else value


def variables_in(value: Any) -> set[str]:
    """The variables that a value refers to, those of defaults too."""
    return {name for name, _ in _references(value)}


def required_in(value: Any) -> set[str]:
    """The variables that a value insists on."""
    return {name for name, operator in _references(value) if operator == ":?"}


def read_example() -> dict[str, str]:
    """The variables of .env.example, those in comments too."""
    return dict(_ASSIGNMENT.findall((DEPLOY / ".env.example").read_text(encoding="utf-8")))


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys left out."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from texts(each)


def _references(value: Any) -> list[tuple[str, str]]:
    """Each variable with what follows its name; a doubled sign is a sign."""
    whole = "\n".join(texts(value)).replace("$$", "")
    found = _REFERENCE.findall(whole)
    assert len(found) == whole.count("$"), "a form that not every engine knows"
    return found


class _Filling:
    """One text on its way: ``$$``, ``${NAME}``, ``${NAME:-word}`` and ``${NAME:?words}``; words may hold others.

    Args:
        text: to be filled in.
        variables: to do it with; None = nothing is wanted but to get past it.
        at: where to begin.
    """

    def __init__(self, text: str, variables: Mapping[str, str] | None, at: int = 0) -> None:
        self._text = text
        self._variables = variables
        self.at = at

    def until(self, end: str) -> str:
        """What stands there up to the end, which is passed."""
        found = ""
        while self.at < len(self._text) and self._text[self.at] != end:
            reference = _REFERENCE.match(self._text, self.at)
            if self._text.startswith("$$", self.at):
                found += "$"
                self.at += 2
            elif reference:
                self.at = reference.end()
                found += self._variable(*reference.groups())
            else:
                found += self._text[self.at]
                self.at += 1
        self.at += len(end)
        return found

    def _variable(self, name: str, operator: str) -> str:
        value = (self._variables or {}).get(name, "")
        inner = _Filling(self._text, None if value else self._variables, self.at)
        word = inner.until("}")
        self.at = inner.at
        if operator == ":?" and not value and self._variables is not None:
            raise MissingVariableError(f"{name}: {word}")
        return value or (word if operator == ":-" else "")
