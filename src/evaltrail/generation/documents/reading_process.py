"""The process that reads one pdf, docx or html file: bounded by the system, it hands over one JSON line a page.

Its standard input is the file, its only argument what to do; it opens nothing else of its caller's.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import BinaryIO

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.docx_text import docx_pages
from evaltrail.generation.documents.html_text import html_pages
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page
from evaltrail.generation.documents.pdf_text import pdf_pages

_READERS: dict[str, Callable[[BinaryIO, str, DocumentLimits], Iterator[Page | Skipped]]] = {
    "pdf": pdf_pages,
    "docx": docx_pages,
    "html": html_pages,
}


def main() -> int:
    """Read the file on standard input; the last line says how it ended."""
    order = json.loads(sys.argv[1])
    limits = DocumentLimits(**order["limits"])
    _bound(limits)
    try:
        for found in _READERS[order["kind"]](sys.stdin.buffer, order["name"], limits):
            _tell(_line(found))
        _tell({"end": True})
    except InputError as error:
        _tell({"error": {"message": error.message, "code": error.code, "hint": error.hint, "where": error.where}})
    except MemoryError:
        _tell({"memory": True})
    except Exception as error:  # noqa: BLE001  the wall around strangers' files: whatever breaks is told, not thrown
        _tell({"broken": f"{type(error).__name__}: {error!s:.200}"})
    return 0


def _bound(limits: DocumentLimits) -> None:
    cpu_s = max(1, int(limits.seconds))
    bounds = {
        resource.RLIMIT_AS: limits.memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in bounds.items():
        _, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # macOS refuses a bound of the address space: there only time and output are bounded.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (allowed, allowed))


def _line(found: Page | Skipped) -> dict[str, object]:
    if isinstance(found, Skipped):
        return {"skipped": [found.what, found.why]}
    return {"page": found.number, "of": found.of, "text": found.text, "fields": dict(found.fields)}


def _tell(line: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
