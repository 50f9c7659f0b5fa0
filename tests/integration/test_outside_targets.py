"""An endpoint whose URL stood in a request: over real connections, to checked addresses alone."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from evaltrail.config.secrets import find_key
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.models.target import open_model
from evaltrail.providers.lm_eval.exchange import Access
from mock_endpoint import MockEndpoint
from model_calls import question, right
from tunnel_proxy import TunnelProxy

OPEN = {"EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.0/8,::1"}


def asked(url, environ, **changes):
    """The answer of an endpoint that a request named."""

    async def run():
        limits = RequestLimits(max_retries=0, timeout_s=10)
        target = ModelTarget(id="mock", url=url, is_outside=True, **changes)
        async with open_model(target, generation={}, limits=limits, environ=environ) as model:
            return await model.ask(question(3))

    return asyncio.run(run())


@pytest.fixture(scope="module")
def mock():
    """An endpoint on this machine."""
    with MockEndpoint() as started:
        yield started


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
def test_a_private_endpoint_of_a_request_is_never_connected_to(mock, host):
    """It ends the run at once, with the operator's way out, and nothing was sent."""
    mock.reset()
    with pytest.raises(EndpointError, match="private network") as caught:
        asked(f"http://{host}:{mock.port}/v1", {})
    assert (caught.value.code, mock.stats()["total"]) == ("private_url", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_an_opened_endpoint_is_asked(mock, host):
    """By address, and by a name all of whose addresses are open; of those the first that takes a connection."""
    assert asked(f"http://{host}:{mock.port}/v1", OPEN).text == right(3)


def test_an_endpoint_of_the_operator_needs_no_permission(mock):
    """What stands in settings is trusted."""

    async def run():
        target = ModelTarget(id="mock", url=mock.url)
        async with open_model(target, generation={}, limits=RequestLimits(), environ={}) as model:
            return await model.ask(question(3))

    assert asyncio.run(run()).text == right(3)


def test_a_proxy_is_asked_for_the_checked_address(mock):
    """It never sees a name that it could look up anew, plain http or not."""
    with TunnelProxy() as proxy:
        environ = {**OPEN, "HTTP_PROXY": proxy.url}
        assert asked(f"http://localhost:{mock.port}/v1", environ).text == right(3)
        assert proxy.lines[-1] == f"CONNECT 127.0.0.1:{mock.port} HTTP/1.1"
        with pytest.raises(EndpointError, match="private network"):
            asked(f"http://localhost:{mock.port}/v1", {"HTTP_PROXY": proxy.url})


def test_a_wrong_permission_is_told_before_anything_is_asked(mock):
    """The variable is read when the endpoint is made."""
    with pytest.raises(InputError, match="no host and no network"):
        asked(mock.url, {"EVALTRAIL_ALLOW_PRIVATE_URLS": "*"})


def test_the_harness_child_is_told_whose_url_it_is():
    """It asks through the same connections."""
    access = Access(target=ModelTarget(id="m", url="http://gpu/v1", is_outside=True))
    assert msgspec.json.decode(msgspec.json.encode(access), type=Access).target.is_outside


def test_no_key_goes_unasked_to_a_url_of_a_request():
    """OPENAI_API_KEY is the operator's, and its own host may be named by anybody."""
    environ = {"OPENAI_API_KEY": "the-key-of-the-operator"}
    url = "https://api.openai.com/v1"
    assert find_key(ModelTarget(id="m", url=url), "", environ) == "the-key-of-the-operator"
    assert find_key(ModelTarget(id="m", url=url, is_outside=True), "", environ) == ""
