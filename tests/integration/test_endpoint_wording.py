"""Hints of a refusing endpoint name the setting as its user knows it: a flag, or a key of the run configuration."""

from __future__ import annotations

import asyncio

import pytest

from evaltrail.core.errors import EndpointError
from evaltrail.core.request import COMMAND_LINE, RequestLimits, Wording
from evaltrail.models.target import open_model
from mock_endpoint import MockEndpoint
from model_calls import question, target

KEYS = Wording(
    url="target.api_endpoint.url", api_key_env="target.api_endpoint.api_key_name: NAME", resume="`evaltrail resume 1.0`"
)


def refusal(url, wording):
    """The hint of an endpoint that refuses one question after the other."""

    async def ask():
        limits = RequestLimits(concurrency=1, max_retries=0, timeout_s=5)
        async with open_model(target(url), generation={}, limits=limits, wording=wording) as model:
            for number in range(5):
                await model.ask(question(number))

    with pytest.raises(EndpointError) as caught:
        asyncio.run(ask())
    return caught.value.hint


@pytest.mark.parametrize(
    ("knobs", "flags", "keys"),
    [
        (
            {"force_status": 404},
            "check the model's name, and that --url ends in /v1, or in /v1/chat/completions",
            "check the model's name, and that target.api_endpoint.url ends in /v1, or in /v1/chat/completions",
        ),
        (
            {"force_status": 301},
            "give the URL it redirects to as --url",
            "give the URL it redirects to as target.api_endpoint.url",
        ),
        (
            {"require_key": "right"},
            "name the variable that holds the key: --api-key-env NAME",
            "name the variable that holds the key: target.api_endpoint.api_key_name: NAME",
        ),
        (
            {"p429": 1, "retry_after": "3600"},
            "what is done is kept; the same command continues later",
            "what is done is kept; `evaltrail resume 1.0` continues later",
        ),
    ],
)
def test_a_refusal_names_the_setting_where_it_was_given(knobs, flags, keys):
    """The same refusal, told to who gave flags and to who wrote a configuration."""
    with MockEndpoint(**knobs) as mock:
        assert (refusal(mock.url, COMMAND_LINE), refusal(mock.url, KEYS)) == (flags, keys)


@pytest.mark.slow
def test_an_endpoint_that_is_not_there_is_looked_for_where_it_was_named():
    """Nobody listens on port 9."""
    url = "http://127.0.0.1:9/v1"
    assert refusal(url, COMMAND_LINE) == "check --url, and that the server runs"
    assert refusal(url, KEYS) == "check target.api_endpoint.url, and that the server runs"
