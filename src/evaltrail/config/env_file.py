"""The file of variables that a command line names: each of its lines is read, or refused with its number."""

from __future__ import annotations

import io
from pathlib import Path

from evaltrail.config.composition.problems import Problems
from evaltrail.core.errors import InputError


def check_env_file(path: Path) -> None:
    """Return when every line of a file of variables can be read.

    Raises:
        InputError: the file is not there or cannot be read, or one line is no ``NAME=VALUE``.
        PartialError: several lines are none; it holds an error for each.
    """
    from dotenv.parser import parse_stream  # noqa: PLC0415  only where a file is named

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "correct --env-file"
        raise InputError("the file is not there", code="bad_setting", where=str(path), hint=hint) from error
    except (OSError, ValueError) as error:
        raise InputError(f"the file cannot be read: {error}", code="bad_setting", where=str(path)) from error
    problems = Problems()
    for found in parse_stream(io.StringIO(text)):
        if found.error:
            text = found.original.string
            line = found.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            problems.add(
                "the line is no NAME=VALUE",  # never what stands in it, which may be a key
                code="bad_setting",
                where=f"{path}:{line}",
                hint="write NAME=VALUE, texts with spaces or # in quotes that are closed",
            )
    problems.tell()
