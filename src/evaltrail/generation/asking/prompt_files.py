"""The texts that a model is asked with, each a file beside this one, and what it is told of each type of question."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from evaltrail.core.question import QuestionType

_HERE = Path(__file__).parent


@cache
def template(name: str) -> str:
    """The text of ``prompts/NAME.txt``, with ``{field}`` where something is filled in, without its last line end."""
    return (_HERE / "prompts" / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")


@cache
def told_kinds() -> Mapping[QuestionType, str]:
    """Type to what it is, of ``kinds.yaml``."""
    kinds: Mapping[QuestionType, str] = yaml.safe_load((_HERE / "kinds.yaml").read_text(encoding="utf-8"))
    return kinds
