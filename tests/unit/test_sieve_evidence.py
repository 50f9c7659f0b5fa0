"""evidence: quotations found in chunks, to the character; figures that stand in the passage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.sieve.evidence import MAX_EVIDENCE_CHARACTERS, find_evidence, find_quotation
from evaltrail.generation.sieve.figures import check_figures, figures_of
from evaltrail.generation.windows import Window


def chunks(*texts):
    return tuple(Chunk(number=number, text=text, source="a.txt") for number, text in enumerate(texts, start=1))


def passage(*texts):
    return Passage(window=Window(number=1, first=1, last=len(texts)), chunks=chunks(*texts))


def place(found, *texts):
    return found.span.chunk, texts[found.span.chunk][found.span.start : found.span.end]


@pytest.mark.parametrize(
    ("quotation", "there"),
    [
        ("The tower was built in 1889.", "The tower was built in 1889."),
        ("tower was built", "tower was built"),
        ("  “The tower was built in 1889.” ", "The tower was built in 1889."),
        ("the  TOWER was\nbuilt in 1889", "The tower was built in 1889"),
        ('It is Eiffel\'s "iron lady"', "It is Eiffel’s “iron\n lady”"),  # noqa: RUF001  as books print them
        ("range 10-20 metres...", "range 10–20 metres"),  # noqa: RUF001  the dash of ranges
        ("an efficient office", "an eﬃcient oﬃce"),
        ("...was built in 1889...", "was built in 1889."),
        ("the temperature of a well-known stove", "the temper-\nature of a well-\nknown stove"),
        ("博物館として使われ", "博物館と\nして使われ"),
    ],
)
def test_a_quotation_is_found_in_the_chunks_own_letters(quotation, there):
    """White space, case, the shape of signs, marks around it, and words in two lines may differ; offsets count in the
    chunk as it is."""
    texts = (
        "Nothing here.",
        "The tower was built in 1889. It is Eiffel’s “iron\n lady”; range 10–20 metres, an eﬃcient oﬃce.",  # noqa: RUF001  as books print it
        "So is the temper-\nature of a well-\nknown stove. 今は博物館と\nして使われている。",
    )
    found = find_quotation(quotation, chunks(*texts))
    assert found.gated.passed
    assert found.gated.score == 1.0
    chunk, text = place(found, *texts)
    assert chunk == next(number for number, each in enumerate(texts) if there in each)
    assert text.strip(' "”') == there.strip(' "”')


def test_letters_as_they_are_win_over_letters_that_are_alike():
    """An exact place in a later chunk is taken before a place where only the case fits."""
    texts = ("THE TOWER IS HIGH.", "The tower is high.")
    assert place(find_quotation("The tower is high.", chunks(*texts)), *texts) == (1, "The tower is high.")


def test_a_part_of_a_word_is_not_the_word():
    """Words that are found with another shape have to be whole."""
    assert not find_quotation("ART IS", chunks("The cart island is small."), threshold=1.0).gated.passed


def test_words_that_stand_there_in_part_are_scored_by_their_longest_run():
    """3 of 6 words in one piece: 0.5, which passes where so much is asked for, and the span is what stands there."""
    texts = ("Some tower was built here.",)
    strict = find_quotation("The tower was built by Romans", chunks(*texts))
    assert (strict.gated.score, strict.gated.passed) == (0.5, False)
    mild = find_quotation("The tower was built by Romans", chunks(*texts), threshold=0.5)
    assert mild.gated.passed
    assert place(mild, *texts) == (0, "tower was built")


@pytest.mark.parametrize("quotation", ["", " \n", "...", "“”", "x" * (MAX_EVIDENCE_CHARACTERS + 1)])
def test_nothing_and_too_much_are_no_evidence(quotation):
    """A quotation without a word, or one beyond the limit, stands nowhere."""
    found = find_quotation(quotation, chunks("x y z"))
    assert found.span is None
    assert not found.gated.passed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.data())
def test_every_part_with_a_word_is_found(texts, data):
    """Whatever the text: a slice of it that holds a word is evidence, and its span reads the same."""
    text = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(text)))
    slice_ = text[start : data.draw(st.integers(start, len(text)))]
    found = find_quotation(slice_, chunks(*texts))
    if any(letter.isalnum() for letter in slice_):
        chunk, there = place(found, *texts)
        assert found.gated.passed
        assert slice_.strip() in {there, there.strip()} or there in slice_
        assert texts[chunk].count(there)


def test_an_unanswerable_question_needs_no_evidence():
    """It passes without a span."""
    found = find_evidence(Draft(query="q", response="unanswerable", type="unanswerable"), passage("a"))
    assert found.gated.passed
    assert found.span is None


@pytest.mark.parametrize(("response", "passes"), [("1,889 metres", True), ("1890", False), ("many", False)])
def test_the_number_of_a_numeric_answer_stands_in_the_passage(response, passes):
    """Evidence that is there does not save a number that is not."""
    draft = Draft(query="q", response=response, evidence="It rises 1889 metres.", type="numeric")
    found = find_evidence(draft, passage("It rises 1889 metres.", "More."))
    assert found.gated.passed is passes
    assert found.span is not None


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("-5 and 1,234.5 and 3,5", [-5.0, 1234.5, 3.5]),
        ("1.2 million in 2010-2015", [1_200_000.0, 2010.0, 2015.0]),
        ("twelve of $30", [12.0, 30.0]),
        ("version 1.2.3, A4, 5G, anyone, often", []),
        ("50%", [50.0]),
        ("昭和20年に4500トン", [20.0, 4500.0]),
    ],
)
def test_figures_are_numbers_in_digits_or_words(text, values):
    """Numbers that are parts of names, versions and words are none."""
    assert [figure.value for figure in figures_of(text)] == values


def test_the_share_of_figures_that_stand_there_is_told():
    """A number may stand there with its multiplier left out; what is missing is named."""
    gated = check_figures("1.2 of 7", ["about 1.2 million people"])
    assert (gated.score, gated.passed, gated.detail) == (0.5, False, "not in the passage: 7")
