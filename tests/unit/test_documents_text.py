"""Plain text: encodings, names and formats; places that are exact."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from document_files import kept, pdf_of, read, refused, texts
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.formats import find_kind
from evaltrail.generation.documents.labels import file_label, source_label
from evaltrail.generation.documents.notes import Notes
from evaltrail.generation.documents.reading import numbered, read_document

TEXT = "Größe: 5 m.\r\n\r\n" + "Ein Satz über Ventile. " * 200


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_text_is_read_in_its_encoding(tmp_path, encoding):
    """By its mark, or as it looks; the offsets count in the text as it was decoded."""
    document = read(tmp_path, "a.txt", TEXT.encode(encoding))
    assert all(TEXT[chunk.start : chunk.end] == chunk.text for chunk in document.chunks)
    assert "".join("".join(texts(document)).split()) == "".join(TEXT.split())
    assert bool(document.skipped) == (encoding == "cp1252")


def test_bytes_of_no_encoding_are_told(tmp_path):
    """What Windows-1252 has no character for is read as Latin-1, and that is said."""
    document = read(tmp_path, "a.txt", b"caf\xe9 \x81")
    assert "Latin-1" in document.skipped[0].why


def test_a_document_says_what_it_is(tmp_path):
    """Name, digest, size and format; no pages where there are none."""
    document = read(tmp_path, "a.md", "# A\n\nb")
    assert (document.name, document.format, document.size_bytes, document.pages) == ("a.md", "markdown", 6, None)
    assert document.digest == read(tmp_path, "b.txt", "# A\n\nb").digest
    assert len(document.digest) == 32


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        ("a\x00b\n\u202e.txt", "ab.txt"),
        ("..", "document"),
        ("", "document"),
        ("a/b/", "b"),
        ("half\ud800.txt", "half.txt"),
    ],
)
def test_a_name_is_only_a_label(name, label):
    """Of a path the last part is kept, and nothing that cannot be shown."""
    assert file_label(name) == label


def test_a_long_name_keeps_its_end():
    """The end tells the format."""
    label = file_label("x" * 1000 + ".pdf")
    assert len(label) <= 255
    assert label.endswith("x.pdf")


def test_a_chunk_s_source_keeps_its_folders():
    """Two files of one name in two folders are two sources."""
    assert source_label(" docs/a.md\x07") == "docs/a.md"


def test_nothing_is_opened_by_its_name(tmp_path):
    """The file that is read is the one that was given, whatever it is called."""
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    document = read(tmp_path, str(secret), "open")
    assert (document.name, texts(document)) == ("secret.txt", ["open"])


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("notes", "plain", "text"),
        ("v1.2", "plain", "text"),
        ("upload-1a2b3c4d", '[{"text": "x"}]', "json"),
        ("page", "<!DOCTYPE html><p>x", "html"),
        ("A.TXT", "plain", "text"),
        ("a.markdown", "x", "markdown"),
        ("a.tsv", "a\tb\n1\t2", "csv"),
    ],
)
def test_a_format_is_told_by_name_or_content(tmp_path, name, data, kind):
    """Without a suffix the content decides."""
    assert read(tmp_path, name, data).format == kind


def test_a_known_format_needs_no_name(tmp_path):
    """A body that came as JSON is JSON, whatever its header calls it."""
    file = kept(tmp_path, '[{"text": "x"}]')
    assert read_document(file, name="report.pdf", kind="json").format == "json"


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.txt", pdf_of(["x"]), "a PDF"),
        ("a.json", pdf_of(["x"]), "a PDF"),
        ("a.md", b"PK\x03\x04", "a zip"),
        ("a.pdf", b"hello", "text"),
        ("a.pdf", b"<html>", "an HTML page"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file"),
        ("a.docx", b" \n", "white space"),
        ("a.html", b"\x89PNG\r\n", "a PNG"),
        ("a.csv", b"PAR1\x15\x04\x15\x10", "a parquet"),
        ("a.txt", b"SQLite format 3\x00\x10", "a SQLite"),
        ("a.txt", b"BZh91AY&SY\xe9\xe9", "a bzip2"),
        ("a.txt", b"GIF89a\x01\x00", "a GIF"),
        ("a.md", rb"{\rtf1\ansi x}", "an RTF"),
        ("a.md", b"%PDF-1.4\n1 0 obj\n<< >>", "a PDF"),
        ("a.pdf", b"%PDF- is how a PDF begins", "text"),
    ],
)
def test_a_wrong_suffix_is_said(tmp_path, name, data, said):
    """The error says what the content is."""
    error = refused(tmp_path, name, data)
    assert error.code == "wrong_format"
    assert said in error.message


@given(
    begin=st.sampled_from(
        ("PAR1", "SQLite format 3", "BZh", "BZh9", "GIF8", "GIF89a", "%PDF- ", "{\\rtf ", "PK", "MZ")
    ),
    rest=st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40),
    name=st.sampled_from(("a.txt", "a.md", "a.csv", "notes")),
    encoding=st.sampled_from(("utf-8", "cp1252")),
)
def test_a_text_may_begin_as_other_files_do(begin, rest, name, encoding):
    """What a sign of another format is made of are characters too; a text that begins with them is read as text."""
    head = (begin + rest).encode(encoding, "replace")
    assert find_kind(name, head) == {"a.md": "markdown", "a.csv": "csv"}.get(name, "text")


@pytest.mark.parametrize(("name", "hint"), [("a.doc", "save it as .docx"), ("a.exe", "save it as one of these")])
def test_an_unknown_format_is_refused(tmp_path, name, hint):
    """With the formats that are read, and what to save it as."""
    error = refused(tmp_path, name, "x")
    assert (error.code, ".pdf" in error.message) == ("unknown_format", True)
    assert hint in error.hint


@pytest.mark.parametrize("data", [b"", b" \n\t\r\n", b"\xef\xbb\xbf"])
def test_an_empty_text_is_refused(tmp_path, data):
    """Nothing can be asked about nothing."""
    assert refused(tmp_path, "a.txt", data).code == "empty_document"


@pytest.mark.parametrize("data", [b"\x00" * 100, bytes(range(256)) * 4, b"\x7f\x01\x02"])
def test_bytes_that_are_no_text_are_refused(tmp_path, data):
    """A binary file in a text's clothes."""
    assert refused(tmp_path, "a.txt", data).code == "no_text"


def test_a_stray_nul_is_replaced(tmp_path):
    """One NUL in a long text is replaced in its place and told."""
    document = read(tmp_path, "a.txt", b"x" * 500 + b"\x00" + b"y" * 499)
    assert document.chunks[0].text == "x" * 500 + "\ufffd" + "y" * 499
    assert "replaced" in document.skipped[0].why


def test_a_byte_too_many_is_refused_unread(tmp_path):
    """The limit is 100 MB, and a file over it is not read at all."""
    file = tmp_path / "big.txt"
    with file.open("wb") as opened:
        opened.truncate(100_000_001)
    with pytest.raises(InputError) as caught:
        read_document(file, name="big.txt")
    assert caught.value.code == "too_large"


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A pipe, a folder, or nothing at all."""
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", tmp_path, tmp_path / "none"):
        with pytest.raises(InputError) as caught:
            read_document(place, name="a.txt")
        assert caught.value.code == "missing_document"


def test_an_upload_is_numbered_on(tmp_path):
    """Chunks of several documents have one count."""
    documents = [read(tmp_path, name, '[{"text": "x"}, {"text": "y"}]') for name in ("a.json", "b.json")]
    assert [(chunk.number, chunk.source) for chunk in numbered(documents)] == [
        (1, "a.json"),
        (2, "a.json"),
        (3, "b.json"),
        (4, "b.json"),
    ]


def test_many_notes_of_one_kind_are_one():
    """The first five are named, the others counted."""
    notes = Notes()
    for number in range(1, 1001):
        notes.add(f"page {number}", "blank")
    assert [(note.what, note.why) for note in notes.skipped] == [
        ("page 1, page 2, page 3, page 4, page 5 and 995 more", "blank")
    ]
