"""Chunking: in order, apart, nothing lost but white space, never too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.generation.documents.chunking import LIMIT, SMALL, TARGET, chunk_spans

BREAKS = ("\n\n", "\r\n\r\n", "\n", " ", "\t", "\f", "\r\r", "\u00a0", " " * 600, "# Head\n", "```\n", "~~~\n")
WORDS = ("word", "x" * 700, "x" * 2500, ". ", "! ", "\u3002", "a sentence of some words. " * 30)
PIECES = st.sampled_from((*BREAKS, *WORDS))


def cut(text: str, **options) -> list[str]:
    return [text[span.start : span.end] for span in chunk_spans(text, **options)]


@given(st.lists(PIECES, max_size=25).map("".join), st.booleans())
def test_only_white_space_is_lost(text, is_markdown):
    """Chunks are in order, do not overlap, are never empty, never too long, and hold all but white space."""
    spans = list(chunk_spans(text, is_markdown=is_markdown))
    places = [place for span in spans for place in (span.start, span.end)]
    assert places == sorted(places)
    assert all(0 < span.end - span.start <= LIMIT for span in spans)
    found = "".join(text[span.start : span.end] for span in spans)
    assert "".join(found.split()) == "".join(text.split())


@given(st.text(max_size=200))
def test_any_characters_are_cut(text):
    """Whatever a text is made of, its chunks begin and end with something that is no white space."""
    chunks = cut(text)
    assert chunks == [chunk.strip() for chunk in chunks]
    assert "".join("".join(chunks).split()) == "".join(text.split())


def test_paragraphs_go_together_up_to_the_target():
    """A chunk ends at a paragraph's end, once one more would carry it over the target."""
    chunks = cut("\n\n".join(f"{number} " + "x" * 400 for number in range(6)))
    assert [len(chunk.split("\n\n")) for chunk in chunks] == [2, 2, 2]
    assert all(len(chunk) <= TARGET for chunk in chunks)


def test_a_small_chunk_takes_a_long_paragraph_in():
    """A heading or another short beginning is not left alone before a paragraph that is over the target with it."""
    assert len(cut("Heading\n\n" + "word " * 250)) == 1


def test_a_long_paragraph_is_cut_at_sentence_ends():
    """Pieces of a paragraph over the limit end with a sentence and are about as long as each other."""
    chunks = cut("The valve opens at nine bar (see table). " * 100)
    assert all(chunk.endswith("table).") for chunk in chunks)
    assert all(SMALL <= len(chunk) <= TARGET + SMALL for chunk in chunks)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("a line of words\n" * 300, "words"),
        ("word " * 900, "word"),
        ("x" * 5000, "x"),
        ("\u6587\u3002" * 2000, "\u3002"),
    ],
    ids=["lines", "spaces", "nothing", "chinese"],
)
def test_without_sentences_the_next_best_place_is_taken(text, ends):
    """Without sentence ends it is line ends, then spaces, then the limit; Chinese sentences need no space."""
    chunks = cut(text)
    assert len(chunks) > 1
    assert all(chunk.endswith(ends) for chunk in chunks)


def test_markdown_headings_stay_with_their_text():
    """A heading ends the chunk before it where that is long enough, and never ends its own."""
    body = "word " * 110
    chunks = cut(f"# One\n\n## Two\n\n{body}\n\n# Three\n\n{body}\n\n# Four\n\n{body}", is_markdown=True)
    assert [chunk.splitlines()[0] for chunk in chunks] == ["# One", "# Three", "# Four"]


def test_code_is_no_row_of_paragraphs():
    """Blank lines and lines like headings within a code fence cut nothing."""
    code = "```python\n" + "# a comment\n\nx = 1\n\n" * 40 + "```"
    chunks = cut("word " * 180 + "\n\n" + code + "\n\n" + "word " * 180, is_markdown=True)
    assert code in chunks


def test_an_empty_text_has_no_chunk():
    """White space alone makes nothing."""
    assert cut("") == cut(" \n\n\t\r\n\f ") == []


def test_windows_newlines_end_paragraphs():
    """Blank lines are found whatever a newline is written as."""
    for newline in ("\n", "\r\n", "\r"):
        text = f"{newline}{newline}".join("word " * 150 for _ in range(3))
        assert len(cut(text)) == 3


def test_a_hostile_text_takes_linear_time():
    """Newlines, spaces or fences without end are cut in a moment; a quadratic rule would take minutes."""
    for piece in ("\n", " \n", "\r\n", "```\n", "# \n", ". ", "\r"):
        text = piece * (300_000 // len(piece))
        assert all(len(chunk) <= LIMIT for chunk in (*cut(text), *cut(text, is_markdown=True)))
