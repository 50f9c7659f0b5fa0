"""URLs of requests: what is refused before anything is looked up, and what a look-up may come to."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.outside import NOTHING_ALLOWED, read_allowed
from evaltrail.models.outside import allowed_places, check_outside_url, resolve_outside


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com/v1",
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "http://",
        "http:///v1",
        "http://user@example.com",
        "http://user:word@example.com",
        "http://@example.com",
        "http://example.com\\@127.0.0.1/",
        "http://127.0.0.1\\.example.com/",
        "http://example.com/v1#part",
        "http://example.com#@127.0.0.1/",
        "http://example.com/#",
        "http://exam ple.com",
        "http://example.com/\r\nHost: x",
        "http://exa\tmple.com",
        "http://example.com:0",
        "http://example.com:65536",
        "http://example.com:http",
        "http://example.com:-1",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1/",
        "http://[127.0.0.1]/",
        "http://[v1.x]/",
        "http://a%00b/",
        "http://127.0.0.1%2eexample.com/",
        f"http://{'x' * 64}.com",
    ],
)
def test_what_is_no_plain_url_is_refused(url):
    """One http or https URL with a host, and nothing in it that two readers could read in two ways."""
    with pytest.raises(InputError) as caught:
        check_outside_url(url, NOTHING_ALLOWED)
    assert caught.value.code == "bad_url"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/v1",
        "http://10.1.2.3:8001/v1",
        "http://169.254.169.254/latest/meta-data",
        "https://[::1]/v1",
        "https://[::ffff:127.0.0.1]/v1",
        "https://[64:ff9b::7f00:1]/v1",
        "https://[fe80::1%25eth0]/v1",
        "http://localhost:8001",
        "http://LOCALHOST.",
        "http://a.localhost",
        "http://localhost.localdomain",
        "http://0.0.0.0:5000",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://\u2460\u2461\u2466.0.0.1/",
        "http://127\u30020\u30020\u30021/",
        "http://localho\u017ft/",
    ],
)
def test_what_leads_into_a_private_network_by_itself_is_refused(url):
    """Addresses and names of this machine, also in letters that mean the same; the operator's way out is told."""
    with pytest.raises(InputError) as caught:
        check_outside_url(url, NOTHING_ALLOWED)
    assert caught.value.code in {"private_url", "bad_url"}
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://example.com:8000/v1/chat/completions?version=2",
        "http://8.8.8.8/v1",
        "https://[2606:4700::1111]:8443/v1",
        "https://m\u00fcnchen.example/v1",
        "http://single-label/v1",
        "https://example.com/a@b",
    ],
)
def test_other_urls_pass_until_they_are_looked_up(url):
    """A name is judged by its addresses, when it is asked."""
    assert check_outside_url(url, NOTHING_ALLOWED) is None


def test_what_the_operator_opened_passes():
    """By name and port, by address, by network."""
    allowed = read_allowed("localhost:8001,10.0.0.0/8", where="X")
    assert check_outside_url("http://localhost:8001/v1", allowed) is None
    assert check_outside_url("http://10.9.8.7/v1", allowed) is None
    with pytest.raises(InputError, match="private network"):
        check_outside_url("http://127.0.0.1:8001/v1", allowed)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "0177.1", "::1", "0", "10.0.0.1"])
def test_a_look_up_that_comes_to_a_private_address_is_refused(host):
    """Whatever the resolver takes a host for, its addresses decide; they are not told."""
    with pytest.raises(EndpointError) as caught:
        resolve_outside(host, 80, NOTHING_ALLOWED)
    assert caught.value.code == "private_url"
    assert "EVALTRAIL_ALLOW_PRIVATE_URLS" in caught.value.hint
    assert "127.0.0.1" not in str(caught.value)


def test_an_opened_name_or_address_is_looked_up():
    """What comes back is what is connected to."""
    assert resolve_outside("127.0.0.1", 80, read_allowed("127.0.0.0/8", where="X")) == ("127.0.0.1",)
    assert "127.0.0.1" in resolve_outside("localhost", 8001, read_allowed("localhost:8001", where="X"))
    with pytest.raises(EndpointError):
        resolve_outside("localhost", 8002, read_allowed("localhost:8001", where="X"))


def test_a_public_address_needs_no_permission():
    """An address is its own look-up."""
    assert resolve_outside("8.8.8.8", 443, NOTHING_ALLOWED) == ("8.8.8.8",)


def test_a_name_that_is_not_known_is_the_networks_error():
    """It may be known later, so it is no refusal."""
    with pytest.raises(OSError, match=r"."):
        resolve_outside("no-such-host.invalid", 80, NOTHING_ALLOWED)


def test_the_variable_says_what_is_open():
    """Unset or empty, nothing is; a wrong one is told."""
    assert allowed_places({}) == allowed_places({"EVALTRAIL_ALLOW_PRIVATE_URLS": ""}) == NOTHING_ALLOWED
    assert allowed_places({"EVALTRAIL_ALLOW_PRIVATE_URLS": "gpu:8001"}).has_name("gpu", 8001)
    with pytest.raises(InputError, match="http://gpu"):
        allowed_places({"EVALTRAIL_ALLOW_PRIVATE_URLS": "http://gpu"})
