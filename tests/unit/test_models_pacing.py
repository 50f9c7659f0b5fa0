"""Requests and tokens a minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evaltrail.models.pacing import Pacing


@given(rpm=st.integers(1, 100_000), count=st.integers(1, 300))
def test_requests_never_come_faster_than_asked(rpm, count):
    """Each waits until it is ready: n requests take at least the time of n - 1 of them."""
    pacing, now = Pacing(rpm=rpm, tpm=None, now=0.0), 0.0
    for _ in range(count):
        now = max(now, pacing.ready_at(now))
        pacing.spend(10, now)
    assert now >= (count - 1) * 60 / rpm * 0.999
    assert now <= (count - 1) * 60 / rpm * 1.001


@given(tpm=st.integers(60, 10**6), used=st.integers(1, 5_000), count=st.integers(2, 200))
def test_tokens_are_spent_at_the_rate_asked(tpm, used, count):
    """In the long run, within one second's worth and one request."""
    pacing, now = Pacing(rpm=None, tpm=tpm, now=0.0), 0.0
    for _ in range(count):
        now = max(now, pacing.ready_at(now)) + 1e-9
        pacing.settle(pacing.spend(50, now), used)
    assert used * (count - 1) <= tpm / 60 * (now + 1) + used + 1e-3 * tpm


def test_nothing_to_pace_is_free():
    """The hot path skips pacing altogether."""
    assert Pacing(rpm=None, tpm=None, now=0.0).is_free
