"""The files that a user named: the questions, and beside them what was rejected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from evaltrail.bundle.folders import storage_error
from evaltrail.core.errors import InputError
from evaltrail.core.generation import Generation
from evaltrail.generation.sheets.files import write_questions, write_rejects

SUFFIXES = (".csv", ".jsonl", ".parquet")


def rejects_beside(out: Path) -> Path:
    """The file of what was rejected: ``q.csv`` has ``q.rejects.csv``."""
    return out.with_name(f"{out.stem}.rejects.csv")


def check_out(out: Path, sources: Sequence[Path]) -> None:
    """Make sure that the questions can be written where they are wanted.

    Args:
        out: the file.
        sources: files that must not be written over.

    Raises:
        InputError: it has no known ending, is a folder or one of the sources, or cannot be written.
    """
    where = str(out)
    if out.suffix.lower() not in SUFFIXES:
        hint = f"name a file that ends in {', '.join(SUFFIXES)}"
        raise InputError(
            "the ending tells the format, and this one is not known", code="bad_out", where=where, hint=hint
        )
    for file in (out, rejects_beside(out)):
        if file.is_dir():
            raise InputError("a file is wanted, this is a folder", code="bad_out", where=str(file))
        if any(_is_same(file, source) for source in sources):
            raise InputError("it is one of the documents", code="bad_out", where=str(file), hint="name another file")
    above = next(parent for parent in out.absolute().parents if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InputError("it cannot be written there", code="bad_out", where=where)


def write_files(generation: Generation, out: Path) -> Path:
    """The file of what was rejected, once both are written.

    Raises:
        StorageError: the disk refuses.
    """
    rejects = rejects_beside(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_rejects(rejects, generation.rejected)
        write_questions(out, generation.questions)
    except OSError as error:
        raise storage_error(error, out) from error
    return rejects


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
