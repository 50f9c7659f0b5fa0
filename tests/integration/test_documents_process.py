"""The process that reads pdf, docx and html files: bounded, alone, and told on when it breaks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zlib

import pytest

from document_files import docx_of, kept, paragraph, pdf_from, pdf_of, read, refused, texts


def packed(piece: bytes, times: int) -> bytes:
    """So many times the piece, deflated without ever being whole."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(piece) for _ in range(times)), packer.flush()])


def bomb(size_bytes: int) -> bytes:
    """A PDF of one page, whose content is deflated from so many bytes."""
    content = packed(b"q Q " * 250_000, size_bytes // 1_000_000)
    plain = pdf_from([b"@@"], is_packed=False)
    return plain.replace(b"/Length 2", b"/Length %d /Filter /FlateDecode" % len(content)).replace(b"@@", content)


def test_a_pdf_has_pages_and_places(tmp_path):
    """A chunk's text is its page's, from its first character to behind its last; pages without text are told."""
    page = "\n\n".join("Valve 4 opens at nine bar. It closes at seven." for _ in range(3))
    document = read(tmp_path, "manual.pdf", pdf_of([page, "", "Ende: 5 °C"]))
    assert (document.format, document.pages) == ("pdf", 3)
    assert {chunk.page for chunk in document.chunks} == {1, 3}
    assert all(chunk.end - chunk.start == len(chunk.text) for chunk in document.chunks)
    assert document.chunks[-1].text == "Ende: 5 °C"
    assert document.skipped[0].what == "page 2"


def test_word_and_html_have_one_text(tmp_path):
    """No pages; offsets count in the text of all of it."""
    word = read(tmp_path, "a.docx", docx_of(paragraph("One.") + paragraph("word " * 200) + paragraph("word " * 200)))
    assert [(chunk.number, chunk.page, chunk.start) for chunk in word.chunks] == [(1, None, 0), (2, None, 1008)]
    page = read(tmp_path, "a.html", "<title>T</title><p>body")
    assert (texts(page), dict(page.chunks[0].fields)) == (["T\n\nbody"], {"title": "T"})


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.pdf", b"%PDF-1.7\n" + b"\x00\xff" * 5000, "broken_document"),
        ("a.pdf", pdf_of(["x"])[:150], "broken_document"),
        ("a.pdf", pdf_of(["", ""]), "no_text"),
        ("a.pdf", pdf_of(["x"], kids=b"2 0 R 2 0 R"), "broken_document"),
        ("a.docx", docx_of(paragraph("x"))[:-40], "broken_document"),
        ("a.docx", docx_of("", parts={"word/document.xml": "<a>" * 50}), "broken_document"),
        ("a.html", bytes(range(32)) * 40, "no_text"),
        ("a.html", "<script>only</script>", "empty_document"),
        ("a.docx", docx_of(""), "empty_document"),
    ],
    ids=["noise", "cut", "scan", "loop", "zip", "xml", "binary", "scripts", "nothing"],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, name, data, code):
    """What its reader finds is told here, with the file's name and a next step."""
    error = refused(tmp_path, name, data)
    assert (error.code, error.where) == (code, name)
    assert error.hint


def test_billions_of_laughs_are_not_heard(tmp_path):
    """Entities that unfold to gigabytes are refused where they are declared."""
    entities = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12))
    data = docx_of(paragraph("&e11;"), head=f'<!DOCTYPE x [<!ENTITY e0 "ha">{entities}]>')
    assert refused(tmp_path, "a.docx", data).code == "xml_entities"


def test_a_deflated_bomb_bursts_within_bounds(tmp_path):
    """A page of 100 MB in some kilobytes, and a Word document likewise."""
    assert refused(tmp_path, "a.pdf", bomb(100_000_000)).code in {"broken_document", "too_much_memory"}
    word = docx_of("", parts={"word/document.xml": b"<a>" + b" " * 12_000_000})
    assert refused(tmp_path, "a.docx", word).code == "archive_bomb"


def test_memory_is_bounded(tmp_path):
    """What needs more than the limit is refused; the process that asked is not touched."""
    error = refused(tmp_path, "a.html", "<p>" + "word " * 4_000_000, memory_bytes=100_000_000)
    assert error.code == "too_much_memory"


def test_time_is_bounded(tmp_path):
    """A file that keeps its reader busy is given up."""
    began = time.monotonic()
    assert refused(tmp_path, "a.html", "<b a=1 >x</b>" * 1_000_000, seconds=0.3).code == "too_slow"
    assert time.monotonic() - began < 10


def test_text_and_chunks_are_bounded(tmp_path):
    """Both have a limit of their own, whatever the file's size."""
    data = "<p>" + "A sentence of words. " * 1_000
    assert refused(tmp_path, "a.html", data, text_bytes=10_000).code == "too_much_text"
    assert refused(tmp_path, "a.html", data, rows=3).code == "too_many_rows"
    assert refused(tmp_path, "a.pdf", pdf_of(["x"] * 4), pages=3).code == "too_many_pages"


def test_no_child_is_left(tmp_path):
    """Whether a file was read, was refused, or was given up in the middle, its reader has ended."""
    data = pdf_of(["text"] * 30)
    read(tmp_path, "a.pdf", data)
    refused(tmp_path, "a.pdf", data, rows=1)
    refused(tmp_path, "a.pdf", data, seconds=0.0)
    command = ["ps", "--ppid", str(os.getpid()), "-o", "args="]
    children = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "reading_process" not in children.stdout


def test_the_working_folder_is_on_no_path(tmp_path):
    """A module that lies where the command runs is not taken for the one that reads."""
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    (tmp_path / "pypdf.py").write_text("raise SystemExit(9)")
    file = kept(tmp_path, pdf_of(["text"]))
    program = (
        "import sys; from pathlib import Path\n"
        "from evaltrail.generation.documents.reading import read_document\n"
        "print(read_document(Path(sys.argv[1]), name='a.pdf').chunks[0].text)"
    )
    command = [sys.executable, "-P", "-c", program, str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "text"), done.stderr


@pytest.mark.slow
def test_a_thousand_pages_take_little_memory(tmp_path):
    """A PDF of 1,000 full pages is read with less than 400 MB, both processes together."""
    page = "\n".join("The valve opens at nine bar and closes at seven; the log says so." for _ in range(45))
    file = kept(tmp_path, pdf_of([page] * 1_000))
    program = (
        "import re, resource, sys; from pathlib import Path\n"
        "from evaltrail.generation.documents.reading import read_document\n"
        "document = read_document(Path(sys.argv[1]), name='big.pdf')\n"
        # its own ru_maxrss begins with that of the process that started it
        "own = int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "print(document.pages, (own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program, str(file)], capture_output=True, text=True, check=True)
    pages, megabytes = map(int, done.stdout.split())
    assert pages == 1_000
    assert megabytes < 400
