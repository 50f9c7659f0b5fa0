"""HTML, Word and PDF as text, read in this process: what is seen is kept, what is hidden is told."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from document_files import docx_of, paragraph, pdf_from, pdf_of, table
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.docx_text import docx_pages
from evaltrail.generation.documents.html_text import html_pages
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page
from evaltrail.generation.documents.pdf_text import pdf_pages

LIMITS = DocumentLimits()
TAGS = (
    "<",
    ">",
    "<p>",
    "</p>",
    "<p hidden>",
    "<tr>",
    "<td>",
    "</table>",
    "<li>",
    "<script>",
    "</script>",
    "<pre>",
    "x ",
)
TAGS += (
    "<!--",
    "-->",
    "<![",
    "<!x",
    "&#0;",
    "&#xd800;",
    "&am",
    "<title>",
    "</title>",
    "<head>",
    "<svg/>",
    "</x y=",
    "'",
)


def html(text: str | bytes) -> tuple[str, dict[str, str], list[str]]:
    data = text.encode() if isinstance(text, str) else text
    *skipped, page = html_pages(BytesIO(data), "a.html", LIMITS)
    assert isinstance(page, Page)
    return page.text, dict(page.fields), [each.why for each in skipped]


def docx(body: str, **options) -> tuple[str, list[str]]:
    *skipped, page = docx_pages(BytesIO(docx_of(body, **options)), "a.docx", LIMITS)
    assert isinstance(page, Page)
    return page.text, [each.why for each in skipped]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hello <b>wor</b>ld !</p><p>Two", "Hello world !\n\nTwo"),
        ("a<h1>Head</h1><p>Body</p>b", "a\n\nHead\nBody\n\nb"),
        ("<ul><li>one<li>two</ul>after", "- one\n- two\n\nafter"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a | b\n1 | 2"),
        ("<table><tr><td><p>a</p></td><td></td><td><p>b</p></td></tr><tr><td>c</td></tr></table>d", "a |  | b\nc\n\nd"),
        ("a<table><tr><th></th><th>b</th></tr><tr><td></td><td>1</td></tr></table>", "a\n\n | b\n | 1"),
        ("<ul><li><p>one</p></li><li></li><li><p>two</p><p>more</p></ul>", "- one\n- \n- two\n\nmore"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("&lt;b&gt; &amp;&nbsp;&eacute;&#x1f600;", "<b> & \u00e9\U0001f600"),
        ("a<script>if (a<b) {}</script><style>p{}</style><!-- no --><noscript>no</noscript>b", "ab"),
        ("a<![if IE]>b<![endif]><![CDATA[c]]><!x>d", "abd"),
        ("<head><title>", ""),
    ],
)
def test_html_reads_as_it_is_seen(source, text):
    """Paragraphs, lists, tables and preformatted text; no scripts, no comments."""
    assert html(source)[0] == text


def test_the_title_comes_first_and_is_a_field():
    """A question about a page may need its title; one that the body begins with is not said twice."""
    assert html("<title>T &amp;  U</title><p>body")[:2] == ("T & U\n\nbody", {"title": "T & U"})
    assert html("<head><title>T</title></head><body><h1>T</h1>x")[0] == "T\nx"
    assert html("<head><title>T</title><p>no end of the head")[0] == "T\n\nno end of the head"


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>no<p>",
        "<div style='a:b; DISPLAY : none'><div>no</div>no</div>",
        "<b style='visibility:hidden'>no</b>",
    ],
)
def test_hidden_parts_are_dropped_and_told(hidden):
    """Text that no reader sees may be there to mislead whoever reads for them."""
    text, _, skipped = html(f"<p>yes</p>{hidden}seen")
    assert text == "yes\n\nseen"
    assert "hides" in skipped[0]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<meta charset='iso-8859-1'><p>é".encode("latin-1"), "é"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=shift_jis"><p>日本'.encode("shift_jis"), "日本"),
        ("<p>日本".encode("utf-16"), "日本"),
        (b"<meta charset=unicode_escape><p>\\u0041", "\\u0041"),
        (b"<meta charset=zlib><p>x", "x"),
    ],
)
def test_html_names_its_encoding(data, text):
    """An encoding that a page may have is taken; a name of something else is not."""
    assert html(data)[0] == text


def test_deep_html_exhausts_nothing():
    """Twenty thousand tags within each other are counted, not nested."""
    assert html("<div>" * 20_000 + "x" + "</div>" * 20_000)[0] == "x"
    assert html("<div hidden>" * 20_000 + "x")[0] == ""


def test_a_word_document_reads_in_its_order():
    """Paragraphs, headings and tables; tabs and line breaks; no deleted text and no codes of fields."""
    body = (
        paragraph("Head", style="Heading1")
        + paragraph("One")
        + table([["a", "b"], ["", "2"]])
        + "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>x</w:t><w:tab/><w:t>y</w:t><w:br/><w:t>z</w:t></w:r>"
        '<w:r><w:br w:type="page"/></w:r></w:p><w:p><w:r><w:br w:type="page"/></w:r></w:p><w:p><w:r><w:t>p</w:t></w:r>'
        "<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    )
    assert docx(body) == ("Head\nOne\n\na | b\n | 2\n\nx\ty\nz\n\np", [])


def test_word_runs_join_without_spaces():
    """A word that is cut into runs stays one word."""
    assert docx("<w:p><w:r><w:t>Ha</w:t></w:r><w:r><w:t>us </w:t></w:r><w:r><w:t>3</w:t></w:r></w:p>")[0] == "Haus 3"


def test_what_a_word_document_does_not_show_is_told():
    """Hidden runs, and parts that are not read; footnotes are."""
    parts = {
        "word/footnotes.xml": '<w:x xmlns:w="w"><w:p><w:r><w:t>A note.</w:t></w:r></w:p></w:x>',
        "word/header1.xml": "<x/>",
        "word/media/a.png": b"x",
    }
    text, skipped = docx(paragraph("seen") + paragraph("not", run="<w:vanish/>"), parts=parts)
    assert text == "seen\n\nA note."
    assert sorted(skipped) == [
        "headers are not read",
        "pictures are not read",
        "the document hides them from its readers",
    ]


def test_a_text_box_is_read_once():
    """Word writes it twice: as it is, and for older programs."""
    box = "<w:txbxContent><w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent>"
    both = f"<w:AlternateContent><w:Choice>{box}</w:Choice><w:Fallback>{box}</w:Fallback></w:AlternateContent>"
    assert docx(f"<w:p><w:r>{both}</w:r></w:p>")[0] == "boxed"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (docx_of("", parts={"_rels/.rels": "<x/>", "word/document.xml": "<x"}), "broken_document"),
        (docx_of("x")[:-30], "broken_document"),
        (b"PK\x03\x04" + b"x" * 100, "broken_document"),
        (docx_of(paragraph("&lol;"), head='<!DOCTYPE x [<!ENTITY lol "ha">]>'), "xml_entities"),
        (docx_of(paragraph("x"), head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'), "xml_entities"),
        (docx_of(paragraph("x" * 10_000_001)), "archive_bomb"),
    ],
    ids=["xml", "cut", "zip", "entity", "external", "bomb"],
)
def test_a_hostile_word_document_is_refused(data, code):
    """Broken archives and XML, entities, and parts that unpack to far more than they are."""
    with pytest.raises(InputError) as caught:
        list(docx_pages(BytesIO(data), "a.docx", LIMITS))
    assert caught.value.code == code


def test_another_archive_is_no_word_document():
    """A spreadsheet is a zip too."""
    data = docx_of("", parts={"word/document.xml": "", "_rels/.rels": "<x/>"}).replace(
        b"word/document", b"xl/workbookss"
    )
    with pytest.raises(InputError, match=r"word/document\.xml"):
        list(docx_pages(BytesIO(data), "a.docx", LIMITS))


@given(st.lists(st.sampled_from(TAGS), max_size=30).map("".join))
def test_any_html_is_read(source):
    """However broken, a page is text, and what its readers see is never lost before something hides it."""
    text, _, skipped = html(f"<p>begin {source}")
    assert "begin" in text
    assert skipped in ([], ["the page hides them from its readers"])


@pytest.mark.parametrize(("password", "code"), [("", None), ("secret", "encrypted")])
@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_with_a_password_is_refused(password, code, algorithm):
    """One that everybody may open is read, though others may not change it."""
    writer = PdfWriter(clone_from=BytesIO(pdf_of(["text"])))
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    data = BytesIO()
    writer.write(data)
    if code is None:
        assert [page.text.strip() for page in pdf_pages(data, "a.pdf", LIMITS)] == ["text"]
        return
    with pytest.raises(InputError) as caught:
        list(pdf_pages(data, "a.pdf", LIMITS))
    assert caught.value.code == code


def test_too_many_files_in_an_archive_are_refused():
    """An archive's directory has a limit."""
    data = docx_of("", parts={f"x{number}": "" for number in range(20)})
    with pytest.raises(InputError, match="more than 10 files"):
        list(docx_pages(BytesIO(data), "a.docx", DocumentLimits(archive_entries=10)))


def test_pdf_pages_are_read_one_by_one():
    """Each with its number; one without text is told."""
    found = list(pdf_pages(BytesIO(pdf_of(["First (1).", "", "Third.\nLine."])), "a.pdf", LIMITS))
    pages = [(each.number, each.of, each.text.strip()) for each in found if isinstance(each, Page)]
    assert pages == [(1, 3, "First (1)."), (3, 3, "Third.\nLine.")]
    assert [each.what for each in found if not isinstance(each, Page)] == ["page 2"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (pdf_of([""]), "no_text"),
        (b"%PDF-1.7\nnothing", "broken_document"),
        (pdf_of(["x"])[:200], "broken_document"),
        (pdf_of(["x"], kids=b"2 0 R"), "broken_document"),
        (pdf_from([b"BT /F1 11 Tf (x) Tj ET"] * 4), "too_many_pages"),
    ],
    ids=["scan", "nothing", "cut", "loop", "pages"],
)
def test_a_pdf_that_cannot_be_read_is_refused(data, code):
    """With the reason, whatever the reader raises."""
    with pytest.raises(InputError) as caught:
        list(pdf_pages(BytesIO(data), "a.pdf", DocumentLimits(pages=3)))
    assert caught.value.code == code
