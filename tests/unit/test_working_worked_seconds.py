"""How long somebody was at the units of a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evaltrail.jobs.account import UnitAccount
from evaltrail.service.working.delivery_unit import worked_seconds

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def unit(begun, ended, attempt=1):
    return UnitAccount(
        id="j.0",
        kind="task",
        place=None,
        position=0,
        state="done",
        is_last=False,
        attempt=attempt,
        attempts_left=1,
        owner="",
        lease_until=None,
        not_before=START,
        started_at=None if begun is None else START + timedelta(seconds=begun),
        ended_at=None if ended is None else START + timedelta(seconds=ended),
        done=0,
        total=None,
        tokens=0,
        endpoint="",
        error=None,
        result=None,
    )


@pytest.mark.parametrize(
    ("units", "seconds"),
    [
        ([unit(0, 4)], 4.0),
        ([unit(0, 4), unit(4, 6)], 6.0),
        ([unit(2, 6), unit(0, 4)], 6.0),
        ([unit(0, 9), unit(1, 2)], 9.0),
        ([unit(0, 4), unit(100, 101)], 5.0),
        ([unit(0, 4), unit(5, 6, attempt=2)], None),
        ([unit(0, None)], None),
        ([unit(None, None)], None),
        ([], None),
    ],
)
def test_units_beside_each_other_count_once_and_pauses_do_not(units, seconds):
    """Wall seconds; what was begun more than once has none that is known."""
    assert worked_seconds(units) == seconds
