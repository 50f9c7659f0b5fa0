"""The client's pure parts: addresses, keys, bodies, events."""

from __future__ import annotations

import io

import pytest

import evaltrail
from evaltrail.client.address import read_address
from evaltrail.client.event_lines import read_events
from evaltrail.client.order_body import order_body
from evaltrail.core.errors import InputError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://eval.example/hub/", "https://eval.example/hub"),
        ("http://[::1]:9", "http://[::1]:9"),
        (" HTTP://Host:80 ", "http://host"),
    ],
)
def test_an_address_is_shown_as_it_is_meant(url, shown):
    """Without what the scheme implies; a proxy's prefix is kept."""
    assert read_address(url).shown == shown


@pytest.mark.parametrize(
    "url", ["", "host:8000", "ftp://host", "http://", "http://u:hidden@h", "http://h?x=1", "http://h:0", "http://h:x"]
)
def test_what_is_no_address_is_refused_and_not_shown(url):
    """It may hold a password, so the error does not repeat it."""
    with pytest.raises(InputError) as caught:
        evaltrail.Client(url)
    assert caught.value.code == "bad_url"
    assert "hidden" not in str(caught.value)


def test_the_key_is_the_environments_and_is_never_shown(monkeypatch):
    """EVALTRAIL_API_KEY is used where no key is given; a key that would break a header is refused unseen."""
    monkeypatch.setenv("EVALTRAIL_API_KEY", "etk_\r\nX-Evil: 1")
    with pytest.raises(InputError) as caught:
        evaltrail.Client()
    assert (caught.value.code, caught.value.where) == ("bad_key", "EVALTRAIL_API_KEY")
    assert "Evil" not in str(caught.value)
    assert evaltrail.Client(api_key="").url == "http://127.0.0.1:8000"


def test_a_body_says_what_was_said_and_nothing_else():
    """What is empty is left out, so that the service's defaults hold; objects go through as they are."""
    body = order_body(
        model="m",
        url="http://x/v1",
        configuration={"temperature": 0},
        benchmarks=["arc_easy", "ragas/a/b", {"id": "x", "weight": 2}],
        experiment="e",
        further={"timeout_minutes": 5},
    )
    assert body == {
        "model": {"name": "m", "url": "http://x/v1", "configuration": {"temperature": 0}},
        "benchmarks": [{"id": "arc_easy"}, {"provider_id": "ragas", "id": "a/b"}, {"id": "x", "weight": 2}],
        "experiment": {"name": "e"},
        "timeout_minutes": 5,
    }
    with pytest.raises(InputError, match="no model"):
        order_body(model="")


def test_a_body_and_words_of_one_are_not_mixed():
    """It would not be clear which of them counts; what is no JSON is refused before it is sent."""
    client = evaltrail.Client(api_key="")
    with pytest.raises(InputError, match="whole body"):
        client.submit({"model": {}}, model="m")
    with pytest.raises(InputError, match="no JSON"):
        client.submit({"model": {"configuration": {"temperature": float("nan")}}})
    with pytest.raises(InputError, match="idempotency key"):
        client.submit({"model": {}}, idempotency_key="a\nb")


@pytest.mark.parametrize(
    "stream",
    [b"id: 1\nevent: state\ndata: [1]\n\n", b"event: state\ndata: {}\n\n", b"id: 1\ndata: {\n\n", b"x" * 1048577],
)
def test_an_event_that_cannot_be_one_is_a_value_error(stream):
    """Half an event at the end is none; one that is whole and wrong is told."""
    with pytest.raises(ValueError, match=r"event|Expecting"):
        list(read_events(io.BytesIO(stream)))
    assert list(read_events(io.BytesIO(b"id: 1\nevent: state\ndata: {}\n"))) == []
