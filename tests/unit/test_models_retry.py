"""What a failed attempt means, and how long to wait."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.models.connection import Reply
from evaltrail.models.reach import Reach
from evaltrail.models.retry import backoff_s, span_s, told_wait_s, verdict_of

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, "failed"), (401, "stop"), (402, "failed"), (403, "stop"), (404, "stop"), (408, "again"), (409, "again"),
        (413, "failed"), (422, "failed"), (425, "again"), (429, "later"), (500, "again"), (502, "again"),
        (503, "again"), (504, "again"), (301, "stop"), (307, "stop"),
    ],
)  # fmt: skip
def test_a_status_is_retried_waited_out_or_final(status, verdict):
    """Only what may pass by itself is tried again; what fails for every prompt stops the run."""
    assert verdict_of(Reply(status), error_code="", wait_s=None) == verdict


def test_a_503_that_names_a_time_is_waited_out():
    """503 with Retry-After does not count against the retries."""
    assert verdict_of(Reply(503), error_code="", wait_s=2.0) == "later"


def test_a_spent_quota_stops_the_run():
    """A 429 that says insufficient_quota will not pass by waiting."""
    assert verdict_of(Reply(429), error_code="insufficient_quota", wait_s=1.0) == "stop"


@pytest.mark.parametrize(("error", "verdict"), [("timeout", "again"), ("reset", "again"), ("too_large", "failed")])
def test_a_broken_exchange_is_tried_again_unless_it_would_break_again(error, verdict):
    """An answer over the byte cap would be over it again."""
    assert verdict_of(Reply(error=error), error_code="", wait_s=None) == verdict


@given(failures=st.integers(1, 10_000), draw=st.floats(0, 1, exclude_max=True))
def test_back_off_is_bounded(failures, draw):
    """Full jitter: between nothing and the cap, however often it failed."""
    assert 0 <= backoff_s(failures, draw) <= min(30.0, 0.5 * 2 ** min(failures - 1, 10))


@given(seconds=st.integers(0, 86_400))
def test_retry_after_in_seconds_is_taken_as_said(seconds):
    """Neither shorter nor longer."""
    assert told_wait_s(((b"Retry-After", b"%d" % seconds),), NOW) == seconds


@given(ahead=st.integers(-100, 10_000), fraction=st.floats(0, 0.99))
def test_retry_after_as_a_date_is_never_early(ahead, fraction):
    """Waiting as told ends at the date or after it."""
    date = formatdate(NOW + ahead, usegmt=True).encode()
    wait = told_wait_s(((b"retry-after", date),), NOW + fraction)
    assert wait is not None
    assert NOW + fraction + wait >= NOW + ahead - 1e-6
    assert wait <= max(0, ahead)


def test_a_skewed_clock_is_allowed_for():
    """Where the endpoint's clock is an hour off, its own Date says what its Retry-After means."""
    sent, until = (formatdate(NOW + 3600 + x, usegmt=True).encode() for x in (0, 5))
    assert told_wait_s(((b"Date", sent), (b"Retry-After", until)), NOW) == 5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3s", 3723), ("7", 7), ("1.5", 1.5), ("88.7ms", 0.0887),
     ("", None), ("soon", None), ("1s!", None), ("nan", None), ("-1", None), ("1e9999", None)],
)  # fmt: skip
def test_spans_are_read_in_every_usual_form(text, seconds):
    """Anything else is no span, never a guess."""
    assert span_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_the_reset_of_the_spent_budget_counts():
    """Of requests and tokens only the one with nothing left is waited for."""
    headers = (
        (b"x-ratelimit-remaining-requests", b"17"), (b"x-ratelimit-reset-requests", b"1h"),
        (b"x-ratelimit-remaining-tokens", b"0"), (b"x-ratelimit-reset-tokens", b"250ms"),
    )  # fmt: skip
    assert told_wait_s(headers, NOW) == pytest.approx(0.25)


def test_retry_after_goes_before_resets():
    """It says when to come back; a reset says when a budget is full again."""
    headers = ((b"x-ratelimit-reset-requests", b"60s"), (b"Retry-After", b"2"))
    assert told_wait_s(headers, NOW) == 2


@given(value=st.binary(max_size=20).filter(lambda value: b"\r" not in value and b"\n" not in value))
def test_no_header_breaks_it(value):
    """Whatever an endpoint writes, the wait is a number of seconds or unknown."""
    wait = told_wait_s(((b"Retry-After", value), (b"x-ratelimit-reset-tokens", value)), NOW)
    assert wait is None or wait >= 0


def test_an_endpoint_that_never_answered_is_given_up_soon():
    """Three tries, or three seconds."""
    reach = Reach(60)
    assert reach.missed(tries=1, began_at=0, now=0) == "wait"
    assert reach.missed(tries=3, began_at=0, now=1) == "never"
    assert Reach(60).missed(tries=1, began_at=0, now=10) == "never"


def test_an_endpoint_that_answered_is_waited_for():
    """An outage is over when anything is answered; only a whole minute of it ends the run."""
    reach = Reach(60)
    reach.answered(is_served=True)
    assert reach.missed(tries=1, began_at=2, now=10) == "wait"
    assert reach.missed(tries=9, began_at=2, now=69) == "wait"
    reach.answered(is_served=True)
    assert reach.missed(tries=10, began_at=70, now=71) == "wait"
    assert reach.missed(tries=10, began_at=70, now=132) == "gone"


def test_a_failure_counts_while_others_are_served():
    """One request that fails among served ones is at fault itself, however long that goes on."""
    reach = Reach(60)
    for now in range(0, 1000, 10):
        reach.answered(is_served=True)
        assert reach.failed(is_first=True, now=now) == "count"


def test_when_nobody_is_served_no_request_is_at_fault():
    """After eight different requests failed in a row nobody's retries are used up; a minute of it ends the run."""
    reach = Reach(60)
    reach.answered(is_served=True)
    assert [reach.failed(is_first=True, now=1) for _ in range(8)] == ["count"] * 7 + ["wait"]
    assert reach.failed(is_first=False, now=30) == "wait"
    reach.answered(is_served=False)
    assert reach.failed(is_first=False, now=62) == "gone"


def test_an_outage_ends_with_the_first_request_that_is_served():
    """Whoever fails after that is at fault itself again."""
    reach = Reach(60)
    reach.answered(is_served=True)
    for _ in range(9):
        reach.failed(is_first=True, now=1)
    reach.answered(is_served=True)
    assert reach.failed(is_first=True, now=100) == "count"


def test_an_endpoint_that_never_served_has_no_outage():
    """Where nothing ever worked each sample says so itself, within its retries."""
    reach = Reach(60)
    reach.answered(is_served=False)
    assert {reach.failed(is_first=True, now=now) for now in range(0, 200, 10)} == {"count"}


def test_with_few_in_flight_few_failures_are_an_outage_but_never_one():
    """One request in flight can be at fault itself; two in a row are not."""
    reach = Reach(60, concurrency=1)
    reach.answered(is_served=True)
    assert [reach.failed(is_first=True, now=1), reach.failed(is_first=True, now=1)] == ["count", "wait"]


def test_nobody_is_let_in_when_several_in_a_row_are_told_to_wait_too_long():
    """Eight in a row, fewer where fewer are in flight, never one; whoever is served starts the count anew."""
    reach = Reach(60)
    assert [reach.bar() for _ in range(8)] == [False] * 7 + [True]
    reach.answered(is_served=False)
    assert reach.barred == 8
    reach.answered(is_served=True)
    assert (reach.barred, reach.bar()) == (0, False)
    lone = Reach(60, concurrency=1)
    assert [lone.bar(), lone.bar()] == [False, True]
