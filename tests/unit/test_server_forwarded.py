"""What a proxy says of a request: taken from those that the operator names, passed over from everybody else."""

from __future__ import annotations

import json
from ipaddress import ip_network

import pytest

from asgi_calls import call
from evaltrail.api.request_record import RECORD, RequestRecord, record_of
from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.server.forwarded import Forwarded


async def tell(scope, _receive, send):
    """An application that tells what it knows of its request's way."""
    body = json.dumps([scope.get("scheme", ""), record_of(scope).prefix]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def recorded(scope, receive, send):
    """The guard, with the record that the outermost one makes."""
    scope[RECORD] = RequestRecord(id="r")
    await Forwarded(tell, [ip_network("10.1.0.0/16")])(scope, receive, send)


@pytest.mark.parametrize(
    ("client", "prefix", "found"),
    [
        ("10.1.2.3", "/evals", ["https", "/evals"]),
        ("10.1.2.3", "/evals/one/", ["https", "/evals/one"]),
        ("10.1.2.3", "//evil.example", ["https", ""]),
        ("10.1.2.3", "evals", ["https", ""]),
        ("10.1.2.3", '/a"b', ["https", ""]),
        ("10.2.2.3", "/evals", ["", ""]),
    ],
)
def test_only_a_trusted_proxy_says_scheme_and_prefix(client, prefix, found):
    """A prefix is a plain path; of strangers nothing is believed."""
    told = call(recorded, client=client, x_forwarded_proto="https", x_forwarded_prefix=prefix)
    assert told.json == found


def test_proxies_are_named_by_the_operator():
    """EVALTRAIL_TRUSTED_PROXIES holds addresses and networks; anything else keeps the service from starting."""
    named = load_settings({"EVALTRAIL_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}, None)
    assert len(load_service_settings(named).trusted_proxies) == 2
    with pytest.raises(InputError, match="EVALTRAIL_TRUSTED_PROXIES"):
        load_service_settings(load_settings({"EVALTRAIL_TRUSTED_PROXIES": "nginx"}, None))
