"""The hard end of tokens: what is in flight counts with its worst case."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.generation.budget import Budget


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 500), st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1)), max_size=30), st.randoms())
def test_no_more_is_ever_spent_or_booked_than_there_is(tokens, calls, chance: random.Random):
    """Each call takes up to its worst case; together they stay below the end, and none waits for ever."""

    async def run():
        budget = Budget(tokens)
        most = 0

        async def call(worst, share):
            nonlocal most
            if await budget.book(worst):
                most = max(most, budget.spent + budget._booked)
                for _ in range(chance.randrange(3)):
                    await asyncio.sleep(0)
                budget.settle(worst, int(worst * share))

        await asyncio.gather(*(call(worst, share) for worst, share in calls))
        return most, budget

    most, budget = asyncio.run(run())
    assert most <= tokens
    assert (budget._booked, len(budget._calls)) == (0, 0)


def test_a_call_waits_for_what_another_one_may_leave():
    """It is refused only where nothing in flight could make room for it."""

    async def run():
        budget = Budget(100)
        assert await budget.book(80)
        small, large = (asyncio.create_task(budget.book(worst)) for worst in (60, 90))
        await asyncio.sleep(0)
        waited = not small.done() and not large.done()
        budget.settle(80, 30)
        await asyncio.sleep(0)
        still_waits = small.done() and not large.done()
        budget.settle(60, 60)
        return waited, still_waits, await small, await large, budget.spent

    assert asyncio.run(run()) == (True, True, True, False, 90)


def test_what_cannot_fit_is_refused_at_once():
    """Nothing is in flight that could leave room."""
    assert not asyncio.run(Budget(100, spent=50).book(51))


def test_without_an_end_everything_fits():
    """And what was spent is counted all the same."""

    async def run():
        budget = Budget(None)
        assert await budget.book(10**9)
        budget.settle(10**9, 7)
        return budget.spent, budget.is_limited

    assert asyncio.run(run()) == (7, False)


@pytest.mark.parametrize(("tokens", "together"), [(None, 3), (100, 2), (10, 1)])
def test_works_begin_together_only_where_all_of_them_fits(tokens, together):
    """One may always begin, so that a small budget goes to whole questions."""

    async def run():
        budget, begun, most = Budget(tokens), 0, 0

        async def work():
            nonlocal begun, most
            await budget.begin(50)
            begun += 1
            most = max(most, begun)
            await asyncio.sleep(0)
            begun -= 1
            budget.finish(50)

        await asyncio.gather(work(), work(), work())
        return most

    assert asyncio.run(run()) == together
