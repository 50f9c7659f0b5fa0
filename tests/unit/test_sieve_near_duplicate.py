"""near_duplicate: copies, likenesses, and what tells two alike questions apart."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.generation.sieve.near_duplicate import (
    PERMUTATIONS,
    NearDuplicates,
    jaccard,
    minhash,
    normal,
    shingles_of,
)

LONG = (
    "In which year did the council of the town of Brekke decide to build the new harbour wall after the great flood "
    "that destroyed most of the old quay"
)


def judge(*pairs, threshold=0.8):
    sieve = NearDuplicates(threshold)
    return [sieve.seen(question, answer).passed for question, answer in pairs]


@pytest.mark.parametrize(
    "copy", ["What is the capital of France?", "what is  the capital of FRANCE", "What is the capital of «France»?!"]
)
def test_the_same_words_are_the_same_question(copy):
    """Case, marks and white space make no other question, and another answer neither."""
    sieve = NearDuplicates(0.8)
    assert sieve.seen("What is the capital of France?", "Paris").passed
    gated = sieve.seen(copy, "Lyon")
    assert (gated.score, gated.passed) == (1.0, False)
    assert gated.detail == "like 'What is the capital of France?'"


def test_nearly_the_same_words_are_the_same_question():
    """One word of many: the likeness is the share of common runs of three words."""
    sieve = NearDuplicates(0.8)
    sieve.seen(LONG + "?", "1702")
    gated = sieve.seen(LONG + " please?", "in 1702")
    assert not gated.passed
    assert gated.score == jaccard(shingles_of(normal(LONG)), shingles_of(normal(LONG + " please")))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((LONG + " of 1702?", "x"), (LONG + " of 1802?", "x")),
        ((LONG + " north?", "the salt quay"), (LONG + " south?", "the fish market")),
        ((LONG + " north?", "12 days"), (LONG + " south?", "15 days")),
        (("What is C?", "a language"), ("What is C++?", "a language")),
        (("What is 5 + 3?", "8"), ("What is 5 - 3?", "2")),
    ],
)
def test_numbers_marks_and_answers_tell_questions_apart(first, second):
    """Questions that differ in a number, or whose answers share nothing, are two."""
    assert judge(first, second) == [True, True]


def test_what_does_not_pass_is_not_remembered():
    """A chain of likenesses does not wander: each question is measured against those that were let through."""
    sieve = NearDuplicates(0.8)
    results = [
        sieve.seen(LONG + extra).passed
        for extra in ("", " please", " please tell", " please tell me now if you know it")
    ]
    assert results == [True, False, False, True]
    assert len(sieve) == 2


def test_zero_lets_everything_pass_and_one_stops_copies_alone():
    """The threshold is the likeness from which on two are one."""
    assert judge(("a b c d", ""), ("a b c d", ""), threshold=0.0) == [True, True]
    assert judge((LONG, ""), (LONG + " x", ""), (LONG, ""), threshold=1.0) == [True, True, False]


def test_the_signature_tells_the_likeness():
    """The share of equal numbers estimates Jaccard's: its mean error over 150 pairs is what 64 numbers allow."""
    random = Random(7)
    errors = []
    for _ in range(150):
        some = frozenset(map(str, random.sample(range(60), 28)))
        others = frozenset(random.sample(sorted(some), 20)) | frozenset(str(random.randrange(60)) for _ in range(8))
        equal = sum(one == other for one, other in zip(minhash(some), minhash(others), strict=True))
        errors.append(equal / PERMUTATIONS - jaccard(some, others))
    assert abs(sum(errors) / len(errors)) < 0.02
    assert sum(map(abs, errors)) / len(errors) < 0.08


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=9).map(" ".join), max_size=12))
def test_copies_are_always_found(questions):
    """Asked again in whatever order, not one question passes a second time."""
    sieve = NearDuplicates(0.8)
    for question in questions:
        sieve.seen(question)
    assert not any(sieve.seen(question.upper() + "?").passed for question in reversed(questions))


def test_pairs_beyond_the_threshold_are_found_among_many():
    """Of 200 pairs with one word of thirty changed, each is found among 400 questions."""
    random = Random(3)
    words = [f"word{number}x" for number in range(3000)]
    words = ["".join(random.choices("abcdefghijklmnop", k=7)) for _ in words]
    originals = [random.choices(words, k=30) for _ in range(200)]
    sieve = NearDuplicates(0.8)
    assert all(sieve.seen(" ".join(original)).passed for original in originals)
    assert not any(sieve.seen(" ".join([*original[:-1], "other"])).passed for original in originals)
