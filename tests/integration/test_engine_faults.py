"""What goes wrong at an endpoint, against a real server: nothing is lost, nothing hangs, the reason is told."""

from __future__ import annotations

from collections import Counter
from time import monotonic

import pytest

from evaltrail.core.errors import EndpointError
from evaltrail.core.request import RequestLimits
from mock_endpoint import MockEndpoint
from model_calls import ask_many, ask_one, right


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        ({"p500": 1}, "http_500"),
        pytest.param({"p503": 1}, "http_503", marks=pytest.mark.slow),
        ({"pgarbage": 1}, "garbage"),
        pytest.param({"pempty": 1}, "empty", marks=pytest.mark.slow),
        pytest.param({"pnull": 1}, "empty", marks=pytest.mark.slow),
        pytest.param({"preset": 1}, "reset", marks=pytest.mark.slow),
        ({"p400": 1}, "http_400"),
        ({"force_status": 422}, "http_422"),
    ],
)
def test_a_fault_that_stays_is_that_samples_error(knobs, error):
    """Retried as often as allowed where that may help, never where it cannot."""
    with MockEndpoint(**knobs) as mock:
        answer = ask_one(mock.url, limits=RequestLimits(max_retries=2, timeout_s=5))
        assert (answer.error, answer.text) == (error, None)
        tries = 1 if error in {"http_400", "http_422"} else 3
        assert answer.attempts == mock.stats()["total"] == tries
        assert "\n" not in answer.detail


def test_a_hang_ends_at_the_timeout():
    """Asking can never hang: the sweeper ends the attempt."""
    with MockEndpoint(phang=1) as mock:
        began = monotonic()
        answer = ask_one(mock.url, limits=RequestLimits(max_retries=1, timeout_s=0.3))
        assert (answer.error, answer.attempts) == ("timeout", 2)
        assert monotonic() - began < 5


@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({"p500": 0.1, "pgarbage": 0.05, "pempty": 0.05}, marks=pytest.mark.slow),
        {"preset": 0.3},
        pytest.param({"phang": 0.05}, marks=pytest.mark.slow),
        pytest.param({"p503": 0.2, "pnull": 0.1}, marks=pytest.mark.slow),
        {"p429": 0.3, "retry_after": "0"},
        pytest.param({"p429": 0.3, "retry_after": ""}, marks=pytest.mark.slow),
        {"p429": 0.3, "reset_requests": "20ms"},
        {"close_after": 3},
    ],
)
def test_passing_faults_cost_nothing_but_time(knobs):
    """Every question gets its right answer in the end."""
    with MockEndpoint(**knobs) as mock:
        limits = RequestLimits(concurrency=32, max_retries=8, timeout_s=0.5)
        answers = ask_many(mock.url, range(200), limits)
        assert {number: answer.text for number, answer in answers.items()} == {n: right(n) for n in range(200)}
        assert mock.stats()["unique_ok"] == 200


@pytest.mark.parametrize(("retry_date", "retry_after"), [(0, "1"), (1, "1")])
def test_retry_after_is_kept_in_both_forms(retry_date, retry_after):
    """Never earlier than said; at most a quarter of a second later in the median."""
    with MockEndpoint(p429=0.2, retry_after=retry_after, retry_date=retry_date, fault_attempts=1) as mock:
        answers = ask_many(mock.url, range(100), RequestLimits(concurrency=100, max_retries=0))
        assert not any(answer.error for answer in answers.values())
        late = mock.stats()["late_after_429"]
        assert late["n"] >= 10
        assert late["min"] >= 0
        assert late["median"] <= 0.25


@pytest.mark.parametrize(
    ("knobs", "code", "hint"),
    [
        ({"require_key": "right"}, "http_401", "MY_KEY"), ({"force_status": 403}, "http_403", "MY_KEY"),
        ({"force_status": 404, "error_message": "no model mock"}, "http_404", "/v1"),
        ({"force_status": 429, "error_code": "insufficient_quota"}, "insufficient_quota", "top up"),
        ({"force_status": 307}, "http_307", "--url"),
    ],
)  # fmt: skip
def test_what_fails_for_every_prompt_stops_at_once(knobs, code, hint):
    """One clear error, a handful of requests, and never the key."""
    with MockEndpoint(**knobs) as mock:
        with pytest.raises(EndpointError) as caught:
            ask_one(mock.url, api_key="sk-very-wrong", api_key_env="MY_KEY")
        error = caught.value
        assert error.code == code
        assert error.where == f"{mock.url}"
        assert hint in error.hint
        assert "sk-very-wrong" not in str(error)
        with pytest.raises(ExceptionGroup):
            ask_many(mock.url, range(500), RequestLimits(concurrency=64))
        assert mock.stats()["total"] <= 20


def test_an_answer_that_repeats_the_key_is_rid_of_it():
    """What an endpoint says is stored, so a key in it would lie in samples and artifacts; ordinary headers stay."""
    said = '"keys sk-secret-1 and tk-secret-2, on purpose"'
    headers = {"X-Api-Token": "tk-secret-2", "X-Route": "on purpose"}
    with MockEndpoint(raw_content=said) as mock:
        answer = ask_one(mock.url, api_key="sk-secret-1", headers=headers)
    assert answer.text == "keys *** and ***, on purpose"


def test_an_echoed_key_is_blotted_out():
    """Some endpoints repeat the key they refuse."""
    with MockEndpoint(force_status=401, error_message="bad key sk-secret-1 given\nsee docs") as mock:
        with pytest.raises(EndpointError) as caught:
            ask_one(mock.url, api_key="sk-secret-1")
        assert "sk-secret-1" not in str(caught.value)
        assert "bad key *** given see docs" in str(caught.value)


@pytest.mark.slow
def test_the_mix_of_faults_leaves_a_reason_for_each_lost_answer():
    """Without retries every fault shows, counted by its reason; with them none does."""
    knobs = {"pgarbage": 0.05, "pempty": 0.05, "p500": 0.05, "p429": 0.05, "retry_after": "0"}
    with MockEndpoint(**knobs) as mock:
        answers = ask_many(mock.url, range(400), RequestLimits(concurrency=32, max_retries=0))
        reasons = Counter(answer.error for answer in answers.values() if answer.error)
        kinds = mock.stats()["kind"]
        assert reasons == {"garbage": kinds["garbage"], "empty": kinds["empty"], "http_500": kinds["500"]}
        mock.reset()
        again = ask_many(mock.url, range(400), RequestLimits(concurrency=32, max_retries=5))
        assert {number: answer.text for number, answer in again.items()} == {n: right(n) for n in range(400)}


@pytest.mark.parametrize(("questions", "concurrency"), [(40, 8), (5, 8), (2, 1), (500, 64)])
def test_an_endpoint_that_lets_nobody_in_for_long_ends_the_run(questions, concurrency):
    """ "Come back in an hour" to one after the other: nobody waits, no sample is given up, and the way on is told."""
    with MockEndpoint(p429=1, retry_after="3600") as mock:
        began = monotonic()
        with pytest.raises(ExceptionGroup) as caught:
            ask_many(mock.url, range(questions), RequestLimits(concurrency=concurrency))
        (error, *_) = caught.value.exceptions
        assert isinstance(error, EndpointError)
        assert (error.code, error.hint) == (
            "rate_limited",
            "what is done is kept; the same command continues later",
        )
        assert "60 minutes" in error.message
        assert monotonic() - began < 10
        assert mock.stats()["total"] <= 64


def test_one_that_is_told_to_wait_for_long_among_served_ones_is_a_reason():
    """The odd one out is given up at once; the others have their answers."""
    with MockEndpoint(p429=0.03, retry_after="3600", latency_ms=5) as mock:
        answers = ask_many(mock.url, range(300), RequestLimits(concurrency=16))
        odd = {number for number, answer in answers.items() if answer.error}
        assert 1 <= len(odd) == mock.stats()["kind"]["429"]
        assert {answers[number].error for number in odd} == {"rate_limited"}
        assert all(answers[number].text == right(number) for number in set(range(300)) - odd)


def test_without_a_key_the_hint_is_how_to_name_one():
    """A variable that nobody named cannot be the one to set."""
    with MockEndpoint(require_key="right") as mock, pytest.raises(EndpointError) as caught:
        ask_one(mock.url)
    assert caught.value.hint == "name the variable that holds the key: --api-key-env NAME"
