"""A short-lived child that answers one question: what it loads, and the memory that it takes, go with it."""

from __future__ import annotations

import subprocess
import sys
from typing import TypeVar

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.errors import EvaltrailError

_Answer = TypeVar("_Answer")


def child_answer(module: str, question: object, answer: type[_Answer], *, patience_s: float) -> _Answer:
    """What a module of ours answers, run as a program that reads a question from stdin and writes to stdout.

    Args:
        module: its whole name.
        question: sent as JSON.
        answer: type of the answer, which comes as JSON.
        patience_s: the child is ended after that.

    Raises:
        TimeoutError: it was ended.
        EvaltrailError: it died; its last words are told.
    """
    try:
        done = subprocess.run(  # noqa: S603  our own module in our own interpreter
            [sys.executable, "-P", "-m", module],
            input=msgspec.json.encode(question),
            capture_output=True,
            timeout=patience_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"no answer within {patience_s:g} s") from error
    try:
        return decoded(done.stdout, answer)
    except msgspec.DecodeError as error:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise EvaltrailError(f"what reads the file died: {last:.200}", code="reader_died") from error
