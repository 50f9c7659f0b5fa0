"""round_trip: a search for a question finds the window that it was made of."""

from __future__ import annotations

import math
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.document import Chunk
from evaltrail.generation.drafts import Passage
from evaltrail.generation.sieve.round_trip import WindowIndex
from evaltrail.generation.windows import windows_over

TEXTS = (
    "The harbour of Brekke was dredged in 1931.",
    "Whales pass the harbour in spring.",
    "The cheese of Tolmin ripens for ninety days.",
    "Snow closes the pass until May.",
    "The archive of the town burned in 1702.",
    "The harbour master lives in the tower.",
)


def passages(texts, *, size=1, step=1):
    chunks = [Chunk(number=number, text=text, source="a.txt") for number, text in enumerate(texts, start=1)]
    windows = windows_over(chunks, size=size, step=step).windows
    return [Passage(window=window, chunks=window.chunks_of(chunks)) for window in windows]


def test_a_question_in_its_windows_words_finds_it_first():
    """Rank 1, score 1."""
    all_passages = passages(TEXTS)
    gated = WindowIndex(all_passages).round_trip("When was the harbour of Brekke dredged?", all_passages[0].window)
    assert (gated.score, gated.passed, gated.detail) == (1.0, True, "")


def test_a_question_in_other_windows_words_ranks_behind_them():
    """The score is 1 / rank, and the rank is told where it does not pass."""
    all_passages = passages(TEXTS)
    index = WindowIndex(all_passages)
    gated = index.round_trip("Who lives in the tower?", all_passages[0].window, threshold=1.0)
    assert gated.score == 1 / index.rank("Who lives in the tower?", all_passages[0].window) < 1.0
    assert not gated.passed
    assert re.fullmatch(r"its window is number \d of those found", gated.detail)


@pytest.mark.parametrize("question", ["Zebra?", "", "???"])
def test_a_question_without_a_word_of_its_window_does_not_find_it(question):
    """Score 0, however few windows there are."""
    all_passages = passages(TEXTS[:1])
    assert WindowIndex(all_passages).round_trip(question, all_passages[0].window).score == 0.0


def test_windows_that_share_a_chunk_count_as_the_source():
    """A question on a chunk of two windows finds either of them for both."""
    all_passages = passages(TEXTS, size=2, step=1)
    index = WindowIndex(all_passages)
    assert index.rank("How long does the cheese of Tolmin ripen?", all_passages[1].window) == 1
    assert index.rank("How long does the cheese of Tolmin ripen?", all_passages[2].window) == 1
    assert index.rank("How long does the cheese of Tolmin ripen?", all_passages[4].window) != 1


def test_windows_with_the_same_words_do_not_stand_before_one_another():
    """A page that was uploaded twice is found in both places."""
    all_passages = passages((*TEXTS, TEXTS[0]))
    index = WindowIndex(all_passages)
    assert [index.rank("Brekke harbour dredged", all_passages[place].window) for place in (0, 6)] == [1, 1]


def test_the_third_of_the_found_passes_a_third_as_people_write_it():
    """A threshold of 0.333 lets rank 3 pass."""
    all_passages = passages(("harbour harbour harbour", "harbour harbour of it", "harbour of some town", "x y"))
    gated = WindowIndex(all_passages).round_trip("harbour", all_passages[2].window, threshold=0.333)
    assert gated.score == 1 / 3
    assert gated.passed


def plain_ranks(texts, question):
    """BM25 without any short cut: how many texts score higher than each; 0 where nothing matches."""
    bags = [Counter(text.split()) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores = []
    for bag in bags:
        score = 0.0
        for word in sorted(set(question.split())):
            holding = sum(word in other for other in bags)
            rarity = math.log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
            score += rarity * 2.5 * bag[word] / (bag[word] + 1.5 * (0.25 + 0.75 * bag.total() / mean))
        scores.append(score)
    return [1 + sum(other > score * (1 + 1e-6) for other in scores) if score else 0 for score in scores]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12).map(" ".join), min_size=1, max_size=12),
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=5).map(" ".join),
)
def test_the_short_cut_changes_no_rank(texts, question):
    """Leaving out windows that cannot reach the source's score gives the ranks of a full search."""
    all_passages = passages(texts)
    index = WindowIndex(all_passages)
    assert [index.rank(question, passage.window) for passage in all_passages] == plain_ranks(texts, question)
