"""HTML as text: what a reader of the page sees, with its title first; no scripts, styles, or hidden parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import BinaryIO

from evaltrail.core.delivery import Skipped
from evaltrail.generation.documents.characters import decode
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page
from evaltrail.generation.documents.text_flow import TextFlow

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "math", "iframe", "object", "head", "select"})
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_PARAGRAPHS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hr",
        "html",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "ul",
    }
)
_LINES = frozenset({"br", "caption", "legend", "option"})
_ROWS = frozenset({"li", "ol", "table", "tr", "ul"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_IN_HEAD = frozenset({"base", "link", "meta", "noscript", "script", "style", "template", "title"})
"""Anything else ends a head whose end tag is missing."""
_CELLS = frozenset({"td", "th"})
_SELF_CLOSED = frozenset({"p", "li", "dt", "dd", "td", "th", "tr", "option"})
"""A second one of these ends the first, whose end tag may be missing."""
_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_CHARSET_WITHIN = 4_096
_KNOWN_CHARSETS = re.compile(
    r"(?:utf-?(?:8|16(?:-?[lb]e)?)|us-ascii|iso-?8859-?\d+|windows-?\d+|koi8-[ru]|gb(?:k|2312|18030)|big5|euc-(?:jp|kr)|"
    r"shift_jis)$",
    re.IGNORECASE,
)
_PIECE = 1_048_576


def html_pages(file: BinaryIO, name: str, _limits: DocumentLimits) -> Iterator[Page | Skipped]:
    """The page's text as one, and what of it is not shown.

    Raises:
        InputError: the bytes are no text.
    """
    data = file.read()
    found = _CHARSET.search(data, 0, _CHARSET_WITHIN)
    charset = found[1].decode("ascii") if found else ""
    decoded = decode(data, where=name, named=charset if _KNOWN_CHARSETS.match(charset) else "")
    for note in decoded.notes:
        yield Skipped(what=name, why=note)
    parser = _Parser()
    for start in range(0, len(decoded.text), _PIECE):
        parser.feed(decoded.text[start : start + _PIECE])
    parser.close()
    title = parser.title
    if parser.hidden:
        yield Skipped(what=f"{parser.hidden:,} parts of {name}", why="the page hides them from its readers")
    body = parser.flow.text
    is_told = not title or body.startswith(title)
    yield Page(text=body if is_told else f"{title}\n\n{body}", fields={"title": title} if title else {})


class _Parser(HTMLParser):
    """Counts instead of nesting, so that no depth of tags can exhaust it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.flow = TextFlow()
        self.hidden = 0
        self._title = TextFlow()
        self._is_title = False
        self._preformatted = 0
        self._is_first_cell = True
        self._unseen = ""
        """The tag that hides what is within; empty = nothing does."""
        self._within = 0
        """How many of the same tag are open within it."""

    @property
    def title(self) -> str:
        """As the page's head says it."""
        return self._title.text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a part."""
        if tag == "title" and not self._title.characters:
            self._is_title = True
        if self._unseen == "head" and tag not in _IN_HEAD:
            self._unseen = ""
        if self._unseen:
            if tag == self._unseen and tag in _SELF_CLOSED and not self._within:
                self._unseen = ""
            else:
                self._within += tag == self._unseen
                return
        if tag not in _VOID and (tag in _UNSEEN or _is_hidden(attrs)):
            self.hidden += tag not in _UNSEEN
            self._unseen, self._within = tag, 0
            return
        self._opened(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a part that says it is empty; only void ones are, of others HTML ignores the slash."""
        self.handle_starttag(tag, attrs)
        if tag == self._unseen and tag in {"svg", "math"} and not self._within:
            self._unseen = ""

    def handle_endtag(self, tag: str) -> None:
        """Close a part."""
        if tag == "title":
            self._is_title = False
        if self._unseen:
            if tag == self._unseen:
                self._within -= 1
                self._unseen = "" if self._within < 0 else tag
            return
        if tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
        if tag in _ROWS:
            self.flow.row_end()
        if tag in _PARAGRAPHS:
            self.flow.paragraph()
        elif tag in _HEADINGS:
            self.flow.heading()
        elif tag in _LINES:
            self.flow.line()

    def handle_data(self, data: str) -> None:
        """Take text that is shown."""
        if self._is_title:
            self._title.words(data)
        elif not self._unseen:
            self.flow.words(data, keeps_space=self._preformatted > 0)

    def parse_marked_section(self, i: int, report: bool = True) -> int:
        """Pass over ``<![...``, of which HTML knows nothing; the standard library raises where it is no CDATA."""
        del report
        return self.parse_bogus_comment(i)

    def _opened(self, tag: str) -> None:
        if tag in _ROWS:
            self.flow.row()
        if tag in _PARAGRAPHS or tag in _HEADINGS:
            self.flow.paragraph()
        elif tag in _LINES:
            self.flow.line()
        elif tag == "li":
            self.flow.bullet()
        elif tag in _CELLS and not self._is_first_cell:
            self.flow.cell()
        self._preformatted += tag == "pre"
        self._is_first_cell = tag == "tr" or (self._is_first_cell and tag not in _CELLS)


def _is_hidden(attrs: list[tuple[str, str | None]]) -> bool:
    return any(
        name == "hidden" or (name == "style" and _HIDING.search((value or "")[:10_000]) is not None)
        for name, value in attrs
    )
