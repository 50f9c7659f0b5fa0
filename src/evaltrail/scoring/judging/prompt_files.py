"""The texts that judges are asked with, each a file beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("prompts")


@cache
def template(name: str) -> str:
    """The text of ``prompts/NAME.txt``, with ``{field}`` where something is filled in, without its last line end."""
    return (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")
