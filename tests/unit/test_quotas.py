"""Quotas: exact totals, evenly over windows, the same way every time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.question import QUESTION_TYPES
from evaltrail.generation.quotas import share_missing, share_out, still_missing

totals = st.dictionaries(st.sampled_from(QUESTION_TYPES), st.integers(0, 60), max_size=5)


def counted(shares, kind):
    return sum(share.get(kind, 0) for share in shares)


@settings(max_examples=60, deadline=None)
@given(totals, st.integers(1, 40))
def test_all_is_asked_for_and_evenly(wanted, windows):
    """The totals come out exactly, and no window is asked for two questions more than another."""
    shares = share_out(wanted, windows)
    loads = [sum(share.values()) for share in shares]
    assert len(shares) == windows
    assert all(counted(shares, kind) == wanted.get(kind, 0) for kind in QUESTION_TYPES)
    assert max(loads) - min(loads) <= 1
    assert all(count > 0 for share in shares for count in share.values())
    assert shares == share_out(dict(reversed(wanted.items())), windows)


def test_few_questions_are_spread_over_all_windows():
    """Two of ten windows: one in each half, not the first two."""
    assert [place for place, share in enumerate(share_out({"simple": 2}, 10)) if share] == [2, 7]


def test_types_take_turns():
    """A second type goes first where the first one left windows without a question."""
    assert share_out({"simple": 1, "numeric": 1}, 2) == ({"numeric": 1}, {"simple": 1})


def test_without_windows_nothing_is_asked():
    """No window, no share."""
    assert share_out({"simple": 3}, 0) == ()


def test_what_is_missing_is_counted_by_type():
    """Types that are complete, or more than that, are not named."""
    assert still_missing({"simple": 3, "numeric": 2, "reasoning": 1}, {"simple": 1, "numeric": 2, "reasoning": 4}) == {
        "simple": 2
    }


def test_those_that_gave_least_are_asked_first():
    """Levels are filled from below."""
    assert share_missing({"simple": 2}, [0, 2, 5]) == ({"simple": 2}, {}, {})
    assert share_missing({"simple": 4}, [0, 2, 5]) == ({"simple": 3}, {"simple": 1}, {})


def test_a_spent_window_is_not_asked_again():
    """Per type; where all are spent nobody is asked."""
    assert share_missing({"simple": 2, "numeric": 1}, [0, 0], spent={"simple": [0], "numeric": {0, 1}}) == (
        {},
        {"simple": 2},
    )


@settings(max_examples=60, deadline=None)
@given(totals, st.lists(st.integers(0, 9), min_size=1, max_size=20), st.sets(st.integers(0, 19), max_size=19))
def test_nothing_that_is_missing_is_lost(missing, given_counts, gone):
    """Whatever windows gave and whichever are spent: all of it is asked for while one of them can give."""
    shares = share_missing(missing, given_counts, spent={"simple": gone})
    is_able = any(place not in gone for place in range(len(given_counts)))
    assert counted(shares, "simple") == (missing.get("simple", 0) if is_able else 0)
    assert counted(shares, "numeric") == missing.get("numeric", 0)
    assert all("simple" not in shares[place] for place in gone if place < len(shares))
