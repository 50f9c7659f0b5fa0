"""Many requests against a server that admits fewer, or a pace that allows fewer."""

from __future__ import annotations

from time import monotonic

from evaltrail.core.request import RequestLimits
from mock_endpoint import MockEndpoint
from model_calls import ask_many, right


def test_a_server_that_admits_32_of_256_loses_nothing():
    """Every question is answered right, and few requests are wasted on refusals."""
    with MockEndpoint(max_inflight=32, latency_ms=10) as mock:
        answers = ask_many(mock.url, range(3000), RequestLimits(concurrency=256, max_retries=0))
        assert {number: answer.text for number, answer in answers.items()} == {n: right(n) for n in range(3000)}
        stats = mock.stats()
        assert stats["unique_ok"] == 3000
        assert stats["status"]["429"] <= 0.05 * 3000


def test_what_is_asked_for_is_reached():
    """256 in flight where the server lets them."""
    with MockEndpoint(latency_ms=50) as mock:
        ask_many(mock.url, range(3000), RequestLimits(concurrency=256, max_retries=0))
        stats = mock.stats()
        assert stats["peak_inflight"] == 256
        assert stats["total"] == 3000


def test_never_more_in_flight_than_asked():
    """A small limit holds from the first request on."""
    with MockEndpoint(latency_ms=5) as mock:
        ask_many(mock.url, range(60), RequestLimits(concurrency=3))
        assert mock.stats()["peak_inflight"] == 3


def test_requests_a_minute_are_kept():
    """30 requests at 1,200 a minute take one and a half seconds."""
    with MockEndpoint() as mock:
        began = monotonic()
        ask_many(mock.url, range(30), RequestLimits(concurrency=30, rpm=1200))
        assert monotonic() - began >= 29 * 0.05
