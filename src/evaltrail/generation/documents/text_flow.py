"""Text flow: marked-up content as running text, with blank lines between paragraphs."""

from __future__ import annotations

import re

_SPACES = re.compile(r"\s+")
_BREAKS = ("", "\n", "\n\n")


class TextFlow:
    """Gathers words and breaks; white space collapses as a browser has it, unless it is kept."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._break = 0
        self._is_spaced = False
        self._is_marked = False
        """A mark was the last thing: breaks before its first words are none."""
        self._is_headed = False
        """A heading was the last thing: what follows stays with it."""
        self._is_row_begun = False
        """A row was begun and nothing of it is there yet."""
        self.characters = 0
        """Gathered so far."""

    def words(self, text: str, *, keeps_space: bool = False) -> None:
        """Add text to the line that is being written."""
        if keeps_space:
            self._put(text)
            return
        body = _SPACES.sub(" ", text)
        if body[:1] == " " and not self._is_marked:
            self._is_spaced = True
        if words := body.strip(" "):
            self._put(words)
            self._is_spaced = body[-1:] == " "

    def line(self) -> None:
        """End the line."""
        if not self._is_marked:
            self._break = max(self._break, 1)

    def paragraph(self) -> None:
        """End the paragraph; right behind a heading only the line."""
        if not self._is_marked:
            self._break = 1 if self._is_headed else 2

    def heading(self) -> None:
        """End the heading: only the line, so that it goes where the paragraph under it goes."""
        self.line()
        self._is_headed = True

    def row(self) -> None:
        """Begin a table's row or a list's item; an empty one before it stays."""
        self._is_marked = False
        self.line()
        self._is_row_begun = True

    def row_end(self) -> None:
        """End it: the next one stands right below, whatever paragraphs it holds."""
        self._is_marked = False
        self._break = 1

    def bullet(self) -> None:
        """Begin a list's item."""
        self.row()
        self._put("- ")
        self._is_marked = True

    def cell(self) -> None:
        """Begin another cell of a table's row; the row stays below the one before it where its first cell is empty."""
        if not self._is_row_begun:
            self._break = 0
        self._is_spaced = False
        self._put(" | ")
        self._is_marked = True

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._parts).strip()

    def _put(self, text: str) -> None:
        if not text:
            return
        if self._parts and self._break:
            self._parts.append(_BREAKS[self._break])
        elif self._parts and self._is_spaced:
            self._parts.append(" ")
        self._break = 0
        self._is_spaced = self._is_marked = self._is_headed = self._is_row_begun = False
        self._parts.append(text)
        self.characters += len(text)
