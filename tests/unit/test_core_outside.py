"""Which addresses requests may lead to, and what an operator opens beside them."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.outside import AllowedPlaces, is_public, literal_address, read_allowed


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::8.8.8.8",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:808:808::1",
        "2a00:1450::5efe:7f00:1",
        "2a00:1450::200:5efe:808:808",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2a00:1450:4001::1%eth0",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_what_is_not_the_open_internet_is_closed(text):
    """Private, shared, link-local, reserved, multicast, metadata, and every address that holds another one."""
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.167.255.255",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "64:ff9b::8.8.8.8",
    ],
)
def test_the_open_internet_is_public(text):
    """Neighbours of closed networks too, and what a network without IPv4 reaches by translation."""
    assert is_public(ip_address(text))


@given(st.ip_addresses())
def test_what_is_public_is_public_to_the_standard_library_too(address):
    """Our table is never wider than the library's, but for translated addresses, whose prefix both take for global."""
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "127.0.0.0x1",
        "example.0x7f",
        "127.0.0.1.",
        "1.2.3.4.5",
        "256.1.1.1",
        "::1::",
        "[::1]",
        "a b",
        "a..b",
        "-a",
        ".a",
        "",
        "a/b",
        "a\\b",
        "a%2e",
        "a@b",
        "a:80",
        "x" * 64,
        "a." * 127 + "ab",
    ],
)
def test_a_host_is_a_name_or_a_plain_address(host):
    """Octal, hexadecimal, shortened and single numbers are refused, which resolvers would take for addresses."""
    with pytest.raises(ValueError):  # noqa: PT011  its words are told by who asks
        literal_address(host)


@pytest.mark.parametrize("host", ["example.com", "example.com.", "my_host", "a-1", "x", "0x7f.example", "1.2.3.4.in"])
def test_names_are_no_addresses(host):
    """They are looked up when they are asked."""
    assert literal_address(host) is None


def test_an_operator_opens_names_addresses_and_networks():
    """A port narrows an entry; without one all are open."""
    found = read_allowed("VLLM.internal:8001, judge , 10.1.0.0/16,127.0.0.1:9000,[::1]:8080,fd00::/8,::1", where="X")
    assert found.has_name("vllm.internal", 8001)
    assert not found.has_name("vllm.internal", 8002)
    assert found.has_name("Judge.", 1)
    assert not found.has_name("judge.evil.example", 1)
    addresses = [("10.1.2.3", 5), ("127.0.0.1", 9000), ("::1", 8080), ("::1", 1), ("fd12::1", 1), ("8.8.8.8", 53)]
    assert all(found.has_address(ip_address(text), port) for text, port in addresses)
    closed = [("10.2.0.1", 5), ("127.0.0.1", 9001), ("127.0.0.2", 9000), ("::ffff:10.1.2.3", 5)]
    assert not any(found.has_address(ip_address(text), port) for text, port in closed)


def test_nothing_is_open_by_itself():
    """An empty setting opens nothing."""
    assert read_allowed(" , ", where="X") == AllowedPlaces()


@pytest.mark.parametrize(
    "entry",
    ["http://host", "host:0", "host:65536", "host:", "host:http", "10.1.0.1/16", "10.0.0.0/33", "[::1", "[::1]8", "*"],
)
def test_an_entry_that_opens_nothing_known_is_refused(entry):
    """The setting and the ways to write one are told."""
    with pytest.raises(InputError, match="is no host and no network") as caught:
        read_allowed(f"good.example,{entry}", where="EVALTRAIL_ALLOW_PRIVATE_URLS")
    assert (caught.value.code, caught.value.where) == ("bad_setting", "EVALTRAIL_ALLOW_PRIVATE_URLS")
