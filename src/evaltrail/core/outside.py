"""Which addresses the URL of a request may lead to: public ones, and those that the operator opened.

Source: IANA's registries of special-purpose addresses (RFC 6890), read November 2026.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from evaltrail.core.errors import InputError

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

HIGHEST_PORT = 65_535
_NAME = re.compile(r"(?a)(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?")
_NUMERIC = re.compile(r"(?a)(?:\d+|0x[0-9a-f]*)\Z")
_LONGEST_NAME = 253

# Written out: what `ipaddress` takes for private differs between releases of one Python version.
_CLOSED_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind carriers; some clouds serve their metadata there
        "127.0.0.0/8",
        "168.63.129.16/32",  # a public address by which one cloud speaks to its machines
        "169.254.0.0/16",  # link-local, where most clouds serve their metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_6 = IPv6Network("2000::/3")
_CLOSED_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo among them, which holds an IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which holds one too
        "3fff::/20",
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedPlaces:
    """What is open to requests beside public addresses."""

    names: frozenset[tuple[str, int]] = frozenset()
    """(host name, port); port 0 = any."""
    networks: tuple[tuple[IpNetwork, int], ...] = ()
    """(addresses, port); port 0 = any."""

    def has_name(self, host: str, port: int) -> bool:
        """Whether a host name is open, wherever it leads to."""
        plain = host.lower().rstrip(".")
        return (plain, 0) in self.names or (plain, port) in self.names

    def has_address(self, address: IpAddress, port: int) -> bool:
        """Whether an address is open to requests: a public one, or one that the operator opened."""
        return is_public(address) or any(
            address in network and opened in {0, port} for network, opened in self.networks
        )


NOTHING_ALLOWED = AllowedPlaces()


def is_public(address: IpAddress) -> bool:
    """Whether an address is one of the open internet; one that holds another's is not, but for a translated public one.

    Translated: NAT64 (RFC 6052), by which networks without IPv4 reach all of it.
    """
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    if address.scope_id is not None:
        return False
    if address in _NAT64:
        return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
    is_embedding = (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP
    return address in _GLOBAL_6 and not is_embedding and not any(address in network for network in _CLOSED_6)


def literal_address(host: str) -> IpAddress | None:
    """The address that a host is written as, or None for a name.

    Raises:
        ValueError: it is neither; other ways to write numbers (octal, hexadecimal, one big one) are not taken.
    """
    try:
        return ip_address(host)
    except ValueError:
        if ":" in host or _NUMERIC.match(host.rstrip(".").rpartition(".")[2]):
            raise
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host):
        raise ValueError("no host name")
    return None


def read_allowed(text: str, *, where: str) -> AllowedPlaces:
    """What an operator opens to requests: hosts, ``host:port`` and networks, separated by commas.

    Args:
        text: such as ``vllm.internal:8001, 10.1.0.0/16, [::1]:8080``; may be empty.
        where: the setting that holds it.

    Raises:
        InputError: an entry is none of these.
    """
    names: set[tuple[str, int]] = set()
    networks: list[tuple[IpNetwork, int]] = []
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        try:
            if "/" in entry:
                networks.append((ip_network(entry), 0))
                continue
            host, port = _split(entry)
            address = literal_address(host)
        except ValueError:
            hint = "give hosts, host:port and networks such as 10.1.0.0/16, separated by commas"
            message = f"{entry[:100]!r} is no host and no network"
            raise InputError(message, code="bad_setting", hint=hint, where=where) from None
        if address is None:
            names.add((host.rstrip("."), port))
        else:
            networks.append((ip_network(address), port))
    return AllowedPlaces(names=frozenset(names), networks=tuple(networks))


def _split(entry: str) -> tuple[str, int]:
    """Host and port of an entry; port 0 where it names none.

    Raises:
        ValueError: the port is none.
    """
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, 0
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("a bracket is missing")
        port = rest[1:]
        is_given = bool(rest)
    else:
        host, colon, port = entry.partition(":")
        is_given = bool(colon)
    if not is_given:
        return host, 0
    if not (port.isascii() and port.isdecimal() and 0 < int(port) <= HIGHEST_PORT):
        raise ValueError("no port")
    return host, int(port)
