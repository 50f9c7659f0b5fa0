"""The parser of command lines: what cannot be meant is an error of ours, with the next step."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest

_MISSING = re.compile(r"the following arguments are required: (?P<names>.+)")
_COUNTS = {
    "expected one argument": "needs a value",
    "expected at least one argument": "needs a value, or several",
}
"""How argparse says that a flag stands alone, and how we do."""
_EXTRA = "ignored explicit argument"
"""How it begins to say that a flag has a value that it does not take."""
_SHOWN_BY = {
    "COMMAND": "`evaltrail --help` lists them",
    "ID": "`evaltrail ls runs` shows the ids",
    "ID_OR_FOLDER": "`evaltrail ls runs` shows the ids",
}
"""Where a person finds what is missing."""


class Parser(argparse.ArgumentParser):
    """A parser that raises ``InputError`` where argparse would print its usage and leave."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "exit_on_error": False})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """What the words mean, and words that mean nothing.

        Raises:
            InputError: a word cannot be meant, or one is missing.
        """
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            if error.argument_name is None:
                self.error(error.message)
            message = "takes no value" if error.message.startswith(_EXTRA) else error.message
            message = _COUNTS.get(message, message)
            raise InputError(message, code="usage", where=error.argument_name, hint=self._help()) from error

    def error(self, message: str) -> NoReturn:
        """Raise what argparse says of the command line as a whole."""
        found = _MISSING.fullmatch(message)
        if found is None:
            raise InputError(message, code="usage", hint=self._help())
        names = found["names"]
        steps = [_SHOWN_BY.get(names, ""), self.epilog or ""]
        is_are = "are" if "," in names else "is"
        hint = "; ".join(filter(None, steps)) or self._help()
        raise InputError(f"{names} {is_are} missing", code="usage", hint=hint)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of those an argument knows."""
        if action.choices is None or value in action.choices:
            return
        known = [str(word) for word in action.choices]
        near = nearest(str(value), known)
        if action.option_strings:
            hint = near or f"known: {', '.join(known)}"
            where = action.option_strings[-1]
            raise InputError(f"{value!r:.80} is none of its values", code="usage", where=where, hint=hint)
        steps = f"write {' or '.join(f'`{self.prog} {word}`' for word in known)}"
        raise InputError(f"{self.prog} knows no {value!r:.80}", code="usage", hint=f"{near} {steps}".strip())

    def _help(self) -> str:
        return f"`{self.prog} --help` shows the flags"
