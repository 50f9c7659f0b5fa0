"""Metrics as a command line names them: by name, as YAML in one word, or in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import yaml

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import make_metrics

_SPACES = "separate names by spaces"
_ENDINGS = (".yaml", ".yml")


def read_specs(words: Sequence[str]) -> tuple[Scorer, ...]:
    """The metrics that some words name.

    Args:
        words: each a name (``exact_match``), YAML (``{contains: {ignore_case: true}}``), or a file that holds a
            task's ``metrics`` or the list alone.

    Raises:
        InputError: a word is no metric, a file cannot be read, or an option cannot be used.
    """
    made: list[Scorer] = []
    for word in words:
        for metric in _made(word):
            if any(metric.name == other.name for other in made):
                raise InputError(
                    f"metric {metric.name!r} is named twice", code="duplicate_metric", hint="remove one of them"
                )
            made.append(metric)
    return tuple(made)


def _made(word: str) -> tuple[Scorer, ...]:
    file = Path(word)
    if word.lower().endswith(_ENDINGS):
        try:
            content = _parsed(file.read_text(encoding="utf-8-sig"), word)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"the metrics cannot be read: {error}", code="missing_metrics", where=word) from error
        return make_metrics(list(_entries(content, word)), where=f"{word}: metrics", folder=file.parent)
    if word.lstrip().startswith(("{", "[")):
        return make_metrics(list(_entries(_parsed(word, word), word)), where="--metrics")
    if "," in word:
        names = " ".join(part.strip() for part in word.split(","))
        raise InputError(
            f"unknown metric {word!r}", code="unknown_metric", where="--metrics", hint=f"{_SPACES}: {names}"
        )
    return make_metrics([word], where="--metrics")


def _parsed(text: str, where: str) -> object:
    try:
        return cast("object", yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or error
        raise InputError(f"this is no YAML: {problem}", code="broken_yaml", where=where) from error


def _entries(content: object, where: str) -> Iterator[Json]:
    """Each metric as ``make_metrics`` takes it."""
    if isinstance(content, dict) and "metrics" in content:
        content = content["metrics"]
    for entry in content if isinstance(content, list) else [content]:
        if isinstance(entry, dict):
            yield from ({str(name): options} for name, options in entry.items())
        elif isinstance(entry, str):
            yield entry
        else:
            hint = "write a name, or {name: {option: value}}"
            raise InputError(f"{entry!r:.80} is no metric", code="bad_metric", where=where, hint=hint)
