"""Bodies that may be large: taken to a private file of the document store part by part, never whole into memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from anyio.to_thread import run_sync
from python_multipart.exceptions import FileError, FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.requests import Request

from evaltrail.bundle.folders import storage_error
from evaltrail.core.errors import InputError
from evaltrail.store.document_store import DocumentStore

_MOST_FIELDS = 20
_MOST_FIELD_BYTES = 10_000
_FORMS = "send multipart/form-data with the field `file`"


@dataclass(slots=True)
class SentForm:
    """What a form brought."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, SentFile] = field(default_factory=dict)

    def only_file(self, name: str) -> SentFile:
        """The one file, which has to be there under its name.

        Raises:
            InputError: it is not, or others are.
        """
        others = sorted(set(self.files) - {name})
        if others:
            where = others[0][:60]
            raise InputError(f"the form has a file {where!r}", code="bad_form", where=where, hint=_FORMS)
        if name not in self.files:
            said = "it is an ordinary field" if name in self.fields else "it is not there"
            raise InputError(f"the form brings no file: {said}", code="bad_form", where=name, hint=_FORMS)
        return self.files[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file that was sent; it is gone when the request is over."""

    name: str
    """As its owner calls it."""
    content: IO[bytes]
    path: Path


@asynccontextmanager
async def received_body(request: Request, store: DocumentStore) -> AsyncIterator[Path]:
    """A file with the body of a request, while the block runs.

    Args:
        request: whose body nobody has read.
        store: in whose folder the bytes wait.

    Raises:
        InputError: it turns out to be too large (code ``too_large``).
    """
    with NamedTemporaryFile(dir=store.incoming(), prefix="body-") as file:
        async for part in request.stream():
            _written(file, part)
        await run_sync(file.flush)
        yield Path(file.name)


@asynccontextmanager
async def received_form(request: Request, store: DocumentStore) -> AsyncIterator[SentForm]:
    """What a multipart form brought, while the block runs.

    Args:
        request: whose body nobody has read.
        store: in whose folder the files wait.

    Raises:
        InputError: it is no such form, a field is too long, a name stands twice, or it is too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InputError(
            f"the body is said to be {kind.decode('latin-1')!r:.60}", code="unsupported_media_type", hint=_FORMS
        )
    opened: list[File] = []
    form = SentForm()
    taking = _Taking(form, opened)
    config = {
        "UPLOAD_DIR": str(store.incoming()),
        "MAX_MEMORY_FILE_SIZE": 0,
        "MAX_FIELDS": _MOST_FIELDS,
        "MAX_FIELD_SIZE": _MOST_FIELD_BYTES,
    }
    parser = FormParser("multipart/form-data", taking.field, taking.file, boundary=options[b"boundary"], config=config)
    try:
        try:
            async for part in request.stream():
                parser.write(part)
            parser.finalize()
        except FileError as error:
            raise storage_error(error, store.incoming()) from error
        except FormParserError as error:
            raise InputError(f"the form cannot be read: {error}", code="bad_form", hint=_FORMS) from error
        yield form
    finally:
        parser.close()
        for each in opened:
            each.close()


def _written(file: IO[bytes], part: bytes) -> None:
    try:
        file.write(part)
    except OSError as error:
        raise storage_error(error, Path(file.name)) from error


class _Taking:
    """Puts the parts of a form where they belong."""

    def __init__(self, form: SentForm, opened: list[File]) -> None:
        self._form = form
        self._opened = opened

    def field(self, part: Field) -> None:
        """Take a field."""
        name = _text(part.field_name)
        self._check_new(name)
        self._form.fields[name] = _text(part.value)

    def file(self, part: File) -> None:
        """Take a file."""
        name = _text(part.field_name)
        self._opened.append(part)
        self._check_new(name)
        if part.in_memory:  # an empty one, whose bytes never came
            part.flush_to_disk()
        content = part.file_object
        content.flush()
        content.seek(0)
        place = Path(_text(part.actual_file_name))
        self._form.files[name] = SentFile(name=_text(part.file_name), content=content, path=place)

    def _check_new(self, name: str) -> None:
        if name in self._form.fields or name in self._form.files:
            raise InputError("the field stands twice", code="bad_form", where=name[:60], hint="send it once")


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
