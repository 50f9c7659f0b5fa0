"""Documents as friends and foes make them, written by hand: pdf, docx, and files of any bytes."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import pytest

from evaltrail.core.document import Document
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.reading import read_document

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def kept(folder: Path, data: bytes | str) -> Path:
    """A file of these bytes; its name on disk says nothing."""
    file = folder / "upload"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return file


def read(folder: Path, name: str, data: bytes | str, **limits) -> Document:
    """The document that these bytes are under a name."""
    return read_document(kept(folder, data), name=name, limits=DocumentLimits(**limits))


def refused(folder: Path, name: str, data: bytes | str, **limits) -> InputError:
    """Why they are refused."""
    with pytest.raises(InputError) as caught:
        read(folder, name, data, **limits)
    return caught.value


def texts(document: Document) -> list[str]:
    return [chunk.text for chunk in document.chunks]


def pdf_of(pages: list[str], *, is_packed: bool = True, **changes: bytes) -> bytes:
    """A PDF with a page of each text; an empty text is a page without a text layer.

    Args:
        pages: a line of each is a line of the page.
        is_packed: whether contents are deflated.
        changes: ``kids``, ``count``, ``trailer`` and ``content`` written as they are, for broken ones.
    """
    return pdf_from([_content(text) for text in pages], is_packed=is_packed, **changes)


def pdf_from(contents: list[bytes], *, is_packed: bool = True, **changes: bytes) -> bytes:
    """A PDF whose pages have these content streams."""
    count = len(contents)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %s >>" % (changes.get("kids", kids), changes.get("count", b"%d" % count)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for index, content in enumerate(contents):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * index)
        )
        data = zlib.compress(content, 9) if is_packed else content
        packing = b" /Filter /FlateDecode" if is_packed else b""
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), packing, data))
    return _pdf(objects, changes.get("trailer", b""))


def docx_of(body: str, *, parts: dict[str, bytes | str] | None = None, head: str = "") -> bytes:
    """A Word document with this body in WordprocessingML.

    Args:
        body: elements with the prefix ``w``.
        parts: more members of the archive, or others in place of the usual ones.
        head: what stands before the document's element.
    """
    document = (
        f'<?xml version="1.0" encoding="UTF-8"?>{head}<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
    )
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
            'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
            'Target="word/document.xml"/></Relationships>'
        ),
        "word/document.xml": document,
        **(parts or {}),
    }
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def paragraph(text: str, *, style: str = "", run: str = "") -> str:
    """A paragraph of one run; ``run`` are the run's properties."""
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    properties = f"<w:rPr>{run}</w:rPr>" if run else ""
    return f'<w:p>{kind}<w:r>{properties}<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def table(rows: list[list[str]]) -> str:
    cells = ("".join(f"<w:tc>{paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in cells)}</w:tbl>"


def _content(text: str) -> bytes:
    if not text:
        return b"0 0 100 100 re f"
    lines = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in text.split("\n")]
    shown = b"\n".join(b"(%s) Tj T*" % line.encode("cp1252") for line in lines)
    return b"BT /F1 11 Tf 14 TL 50 790 Td\n%s\nET" % shown


def _pdf(objects: list[bytes], trailer: bytes) -> bytes:
    data = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    data += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, start)
    return bytes(data)
