"""Ranges: a large task cut into units, with nothing left out and nothing twice."""

from __future__ import annotations

from itertools import chain, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.jobs.ranges import cut

TASKS = {
    "total": st.integers(0, 30_000),
    "concurrency": st.integers(1, 512),
    "seconds": st.none() | st.floats(0, 1e6) | st.just(float("inf")),
    "repeats": st.integers(1, 50),
}


@given(**TASKS)
def test_ranges_cover_every_record_once_and_in_order(total, concurrency, seconds, repeats):
    """Put behind one another they are all positions; there is at least one."""
    ranges = cut(total, concurrency, seconds, repeats=repeats)
    assert list(chain.from_iterable(ranges)) == list(range(total))
    assert ranges
    assert all(one.stop == other.start for one, other in pairwise(ranges))


@given(**TASKS)
def test_ranges_are_even_and_none_is_too_short(total, concurrency, seconds, repeats):
    """Sizes differ by one at most; where there are several, each keeps the concurrency busy for twenty rounds."""
    sizes = [len(each) for each in cut(total, concurrency, seconds, repeats=repeats)]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == 1 or min(sizes) * repeats >= 20 * concurrency


@given(**TASKS)
def test_a_range_is_not_much_longer_than_five_minutes(total, concurrency, seconds, repeats):
    """It goes over them with its last record at most, or where twenty rounds take longer."""
    size = max(len(each) for each in cut(total, concurrency, seconds, repeats=repeats))
    seconds_each = repeats * (1.0 if seconds is None else seconds) / concurrency
    twenty_rounds = 2 * (20 * concurrency + repeats)  # twice: there may be too little for two ranges
    assert size == 1 or (size - 1) * seconds_each <= 300.01 or size * repeats <= twenty_rounds


@pytest.mark.parametrize(
    ("total", "concurrency", "seconds", "sizes"),
    [
        (0, 8, None, [0]),
        (1, 8, None, [1]),
        (319, 8, 0.1, [319]),
        (320, 8, 0.1, [160, 160]),
        (20_000, 8, 0.1, [1_250] * 16),
        (20_000, 64, 10.0, [1_333, 1_333, 1_334] * 5),
        (96_000, 8, 0.5, [4_800] * 20),
        (1_000_000, 64, 1.0, None),
    ],
)
def test_tasks_as_they_come(total, concurrency, seconds, sizes):
    """Small tasks stay whole, middling ones are in sixteen parts, large ones in parts of five minutes."""
    found = [len(each) for each in cut(total, concurrency, seconds)]
    assert sorted(found) == sorted(sizes) if sizes else len(found) == 53
