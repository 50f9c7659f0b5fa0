"""levenshtein against RapidFuzz."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein as Oracle

from evaltrail.core.sample import Sample
from evaltrail.scoring import levenshtein
from evaltrail.scoring.levenshtein import MAX_CELLS, MAX_CHARACTERS, Levenshtein, edit_distance

texts = st.one_of(st.text("ab\u00e9\U0001f600 ", max_size=40), st.text(max_size=80))


def scored(output, *reference, **options):
    return Levenshtein(**options).score(Sample(id="s", index=0, output=output, reference=reference))


@given(texts, texts)
def test_it_is_rapidfuzzs(output, reference):
    """Distance and normalised similarity are RapidFuzz's on any two texts."""
    assert edit_distance(output, reference) == Oracle.distance(output, reference)
    theirs = Oracle.normalized_similarity(output, reference)
    assert scored(output, reference, strip=False).value == pytest.approx(theirs, abs=1e-12)


@given(texts, texts)
def test_either_text_may_be_the_row(output, reference):
    """The narrow and the wide form of the table give the same distance."""
    if output and reference:
        wanted = Oracle.distance(output, reference)
        assert levenshtein._distance(output, reference) == levenshtein._distance(reference, output) == wanted


def test_long_texts_are_rapidfuzzs():
    """Rows of thousands of bits, and rows beyond the wide ones, count right."""
    first = "".join(chr(97 + i * i % 23) for i in range(3_000))
    second = "".join(chr(97 + i * 7 % 19) for i in range(2_500))
    assert edit_distance(first, second) == Oracle.distance(first, second)
    assert edit_distance("x" + "ab" * 15_000, "ba" * 40) == Oracle.distance("x" + "ab" * 15_000, "ba" * 40)


@pytest.mark.parametrize(
    ("output", "references", "value"),
    [
        ("kitten", ("sitting",), 4 / 7),
        ("Paris", ("London", "Paris"), 1.0),
        (" Paris\n", ("Paris",), 1.0),
        ("paris", ("Paris",), 0.8),
        ("", ("",), 1.0),
        ("", ("abc",), 0.0),
        ("abc", ("",), 0.0),
    ],
)
def test_the_best_reference_counts(output, references, value):
    """1 - edits / longer length; white space around the texts does not count."""
    assert scored(output, *references).value == pytest.approx(value, abs=1e-12)


def test_case_may_be_ignored():
    """The option makes letters of either case the same."""
    assert scored("STRASSE", "straße", ignore_case=True).value == 1.0


def test_what_would_take_too_long_is_unscored():
    """The limits hold for one text, and for all references together."""
    assert scored("x" * (MAX_CHARACTERS + 1), "y").reason == "too_long"
    side = int(MAX_CELLS**0.5)
    assert scored("x" * side, "y" * (side // 2), "z" * side).reason == "too_long"
    assert scored("x" * MAX_CHARACTERS, "x" * (MAX_CELLS // MAX_CHARACTERS)).value == pytest.approx(0.0004)


def test_missing_parts_are_reasons():
    """Without a reference or a text there is no score."""
    assert scored("x").reason == "no_reference"
    assert scored(None, "x").reason == "no_output"
