"""Bodies that may be large: taken to a private file of the document store part by part, never whole into memory."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from anyio.to_thread import run_sync
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.store.document_store import DocumentStore

_MOST_PARTS = 20
_MOST_FIELD_BYTES = 10_000
_PLAIN = frozenset({b"", b"7bit", b"8bit", b"binary"})
_FORMS = "send multipart/form-data"
logging.getLogger("python_multipart").addHandler(logging.NullHandler())
"""What it warns of is answered; on stderr it would stand between the log's lines."""


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
            raise InputError(f"the form has a file {where!r}", code="bad_form", where=where, hint=_hint(name))
        if name not in self.files:
            said = "it is an ordinary field" if name in self.fields else "it is not there"
            raise InputError(f"the form brings no file: {said}", code="bad_form", where=name, hint=_hint(name))
        return self.files[name]

    def check_fields(self, *known: str) -> None:
        """Return where there are no fields but these.

        Raises:
            InputError: there is another.
        """
        others = [name for name in self.fields if name not in known]
        if others:
            every = (*self.files, *known)
            hint = nearest(others[0][:60], every) or f"known are {', '.join(every)}"
            raise InputError(f"unknown field {others[0]!r:.60}", code="bad_form", where=others[0][:60], hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentFile:
    """A file that was sent; it is gone when the request is over."""

    name: str
    """As its owner calls it."""
    content: IO[bytes]
    path: Path


@asynccontextmanager
async def received_body(body: AsyncIterable[bytes], store: DocumentStore) -> AsyncIterator[Path]:
    """A file with the body of a request, while the block runs.

    Args:
        body: its parts as they come.
        store: in whose folder the bytes wait.

    Raises:
        InputError: it turns out to be too large (code ``too_large``).
        StorageError: the disk refuses.
    """
    with store.incoming_file("body-") as file:
        async for part in body:
            file.write(part)
        await run_sync(file.flush)
        yield Path(file.name)


@asynccontextmanager
async def received_form(
    media_type: str, body: AsyncIterable[bytes], store: DocumentStore, *, long_field: str = ""
) -> AsyncIterator[SentForm]:
    """What a multipart form brought, while the block runs.

    Args:
        media_type: of the request, with its boundary.
        body: its parts as they come.
        store: in whose folder the files wait.
        long_field: becomes a file though it is sent as a text; empty = none.

    Raises:
        InputError: it is no such form, a field is too long, a name stands twice, or it is too large.
        StorageError: the disk refuses.
    """
    kind, options = parse_options_header(media_type)
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise InputError(
            f"the body is said to be {kind.decode('latin-1')!r:.60}", code="unsupported_media_type", hint=_FORMS
        )
    with _read_as_told():
        taking = _Taking(store, options[b"boundary"], long_field)
    with taking.opened:
        async for part in body:
            with _read_as_told():
                taking.parser.write(part)
        if not taking.is_whole:
            raise InputError("the form is cut short: its last boundary is not there", code="bad_form", hint=_FORMS)
        yield taking.form


@contextmanager
def _read_as_told() -> Iterator[None]:
    """Tell of a form that is none as of the client's mistake."""
    try:
        yield
    except FormParserError as error:
        raise InputError(f"the form cannot be read: {error}"[:200], code="bad_form", hint=_FORMS) from error


class _Taking:
    """Puts the parts of a form where they belong as they come, so that neither their count nor a long field adds up.

    Args:
        store: in whose folder files wait.
        boundary: between the parts.
        long_field: a text that becomes a file.
    """

    def __init__(self, store: DocumentStore, boundary: bytes, long_field: str) -> None:
        self.form = SentForm()
        self.opened = ExitStack()
        """Has to be closed: files are gone then."""
        self.is_whole = False
        self._store = store
        self._long_field = long_field
        self._parts = 0
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value = bytearray()
        self._file: IO[bytes] | None = None
        self.parser = MultipartParser(
            boundary,
            callbacks={
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._keep_header,
                "on_headers_finished": self._begin,
                "on_part_data": self._take,
                "on_part_end": self._finish,
                "on_end": self._end,
            },
        )

    def _keep_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value).strip(b" \t")
        self._header = (bytearray(), bytearray())

    def _begin(self) -> None:
        """Look at the headers of a part."""
        headers, self._headers = self._headers, {}
        self._parts += 1
        if self._parts > _MOST_PARTS:
            raise InputError(f"the form has more than {_MOST_PARTS} parts", code="bad_form", hint=_FORMS)
        _, options = parse_options_header(headers.get(b"content-disposition"))
        if b"name" not in options:
            message = f"part {self._parts} of the form has no name"
            raise InputError(message, code="bad_form", hint='send Content-Disposition: form-data; name="file"')
        name = self._name = _text(options[b"name"])
        if name in self.form.fields or name in self.form.files:
            raise InputError("the field stands twice", code="bad_form", where=name[:60], hint="send it once")
        if headers.get(b"content-transfer-encoding", b"").lower() not in _PLAIN:
            hint = "leave Content-Transfer-Encoding out"
            raise InputError("the part is encoded", code="bad_form", where=name[:60], hint=hint)
        if b"filename" in options or name == self._long_field:
            self._open(_text(options.get(b"filename")))

    def _open(self, file_name: str) -> None:
        file = self._file = self.opened.enter_context(self._store.incoming_file("form-"))
        self.form.files[self._name] = SentFile(name=file_name, content=file, path=Path(file.name))

    def _take(self, data: bytes, start: int, end: int) -> None:
        """Take some of a part."""
        if self._file is not None:
            self._file.write(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MOST_FIELD_BYTES:
            message = f"the field is longer than {_MOST_FIELD_BYTES:,} bytes"
            raise InputError(message, code="too_long", where=self._name[:60], hint="send files with a filename")

    def _finish(self) -> None:
        """End a part."""
        if self._file is None:
            self.form.fields[self._name] = _text(bytes(self._value))
        else:
            self._file.flush()
            self._file.seek(0)
        self._file, self._value = None, bytearray()

    def _end(self) -> None:
        self.is_whole = True


def _hint(name: str) -> str:
    return f"{_FORMS} with the field `{name}`"


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")
