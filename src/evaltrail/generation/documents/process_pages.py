"""Process pages: pdf, docx and html files read by a child process that a hostile file may break, and nothing else."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import BinaryIO, cast

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.formats import Kind
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page

_CHILD = "evaltrail.generation.documents.reading_process"
_READ_BYTES = 262_144
_KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR")
"""What Python needs to start as it is here; the child is given no other, and so no key and no password."""
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """Which file the child reads, and how."""

    name: str
    kind: Kind
    limits: DocumentLimits

    @property
    def words(self) -> list[str]:
        """The child's command; ``-P`` keeps the working folder, which strangers may write to, off its path."""
        told = {"kind": self.kind, "name": self.name, "limits": asdict(self.limits)}
        return [sys.executable, "-P", "-m", _CHILD, json.dumps(told)]


def process_pages(file: BinaryIO, *, name: str, kind: Kind, limits: DocumentLimits) -> Generator[Page | Skipped]:
    """The pages of a file and what of it was left out, as the child reads them; it has ended when this ends.

    Args:
        file: open at its begin.
        name: its label.
        kind: pdf, docx or html.
        limits: bounds, the child's memory and time among them.

    Raises:
        InputError: the file cannot be read or exceeds a limit, or the child broke on it.
    """
    order = _Order(name=name, kind=kind, limits=limits)
    environ = {key: os.environ[key] for key in _KEPT_VARIABLES if key in os.environ}
    child = subprocess.Popen(  # noqa: S603  our own module in our own interpreter
        order.words,
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
        bufsize=0,
        start_new_session=True,
    )
    assert child.stdout is not None
    is_ended = False
    try:
        for line in _lines(cast("BinaryIO", child.stdout), order):
            found = _found(line, order)
            if found is None:
                is_ended = True
                break
            yield found
        if not is_ended:
            raise _died(child, order)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()


def _lines(pipe: BinaryIO, order: _Order) -> Iterator[bytes]:
    """The lines of a pipe; what stands behind the last newline is none."""
    deadline = time.monotonic() + order.limits.seconds
    read = 0
    parts: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise _too_slow(order)
            data = os.read(pipe.fileno(), _READ_BYTES)
            if not data:
                return
            read += len(data)
            if read > order.limits.text_bytes:
                raise _too_much_text(order)
            *whole, rest = data.split(b"\n")
            for each in whole:
                yield b"".join((*parts, each))
                parts = []
            parts.append(rest)


def _found(line: bytes, order: _Order) -> Page | Skipped | None:
    """What a line says; None = the file ends here."""
    told = json.loads(line)
    if "text" in told:
        return Page(number=told["page"], of=told["of"], text=told["text"], fields=told["fields"])
    if "skipped" in told:
        return Skipped(what=told["skipped"][0], why=told["skipped"][1])
    if "error" in told:
        raise InputError(**told["error"])
    if "memory" in told:
        raise _too_much_memory(order)
    if "broken" in told:
        raise _unreadable(order, told["broken"])
    return None


def _died(child: subprocess.Popen[bytes], order: _Order) -> InputError:
    with suppress(subprocess.TimeoutExpired):
        child.wait(_GRACE_S)
    code = child.returncode
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        return _too_slow(order)
    return _unreadable(order, f"what reads it ended with {code}")


def _unreadable(order: _Order, why: str) -> InputError:
    return InputError(
        f"the {order.kind} file cannot be read: {why}",
        code="broken_document",
        where=order.name,
        hint="open it in its own program and save it anew",
    )


def _too_slow(order: _Order) -> InputError:
    return InputError(
        f"reading it took more than {order.limits.seconds:g} s",
        code="too_slow",
        where=order.name,
        hint="bring it in parts, or as text",
    )


def _too_much_memory(order: _Order) -> InputError:
    return InputError(
        f"reading it took more than {order.limits.memory_bytes // 1_000_000:,} MB of memory",
        code="too_much_memory",
        where=order.name,
        hint="bring it in parts, or as text",
    )


def _too_much_text(order: _Order) -> InputError:
    return InputError(
        f"it holds more than {order.limits.text_bytes:,} bytes of text",
        code="too_much_text",
        where=order.name,
        hint="bring it in parts",
    )
