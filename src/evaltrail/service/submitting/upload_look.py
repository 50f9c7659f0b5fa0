"""A look at a file that was sent: whether it is what it has to be; a child reads a large one, and takes the memory.

A list of chunks of 100 MB takes several times that while it is read, and pyarrow, which reads Parquet, stays for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evaltrail.core.errors import InputError
from evaltrail.generation.documents.formats import Kind
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import read_document
from evaltrail.generation.sheets.files import read_sheet
from evaltrail.service.child_answer import child_answer

_CHILD = "evaltrail.service.submitting.upload_child"
_LARGE_BYTES = 1_000_000
_PATIENCE_S = 120.0
_PARQUET = b"PAR1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookQuestion:
    """What is to be looked at."""

    what: Literal["chunks", "questions"]
    file: str
    name: str
    """As errors call it."""
    kind: Kind | None = None
    size_bytes: int = DocumentLimits().size_bytes
    """That it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAnswer:
    """What was found: how many, or what is wrong."""

    count: int = 0
    code: str = ""
    """Empty = nothing is wrong."""
    message: str = ""
    where: str = ""
    hint: str = ""


def count_in(question: LookQuestion) -> int:
    """How many chunks or questions a file holds.

    Raises:
        InputError: it is no such file, or that took too long.
        EvaltrailError: the child died of it.
    """
    answer = _by_child(question) if is_large(Path(question.file)) else looked(question)
    if answer.code:
        raise InputError(answer.message, code=answer.code, where=answer.where, hint=answer.hint)
    return answer.count


def is_large(file: Path) -> bool:
    """Whether a child has to read it, which may take a GB for a while."""
    if file.stat().st_size > _LARGE_BYTES:
        return True
    with file.open("rb") as data:
        return data.read(len(_PARQUET)) == _PARQUET


def looked(question: LookQuestion) -> LookAnswer:
    """What a file holds, or what is wrong with it."""
    try:
        return LookAnswer(count=_count(question))
    except InputError as error:
        return LookAnswer(code=error.code, message=error.message, where=error.where, hint=error.hint)


def _by_child(question: LookQuestion) -> LookAnswer:
    try:
        return child_answer(_CHILD, question, LookAnswer, patience_s=_PATIENCE_S)
    except TimeoutError as error:
        message = "the file could not be read in time"
        raise InputError(message, code="too_slow", where=question.name, hint="send it in parts") from error


def _count(question: LookQuestion) -> int:
    file = Path(question.file)
    if question.what == "questions":
        return len(read_sheet(file, name=question.name).questions)
    limits = DocumentLimits(size_bytes=question.size_bytes)
    return len(read_document(file, name=question.name, limits=limits, kind=question.kind).chunks)
