"""Which addresses may be scanned: what people write, against what the gateway's administrator permits. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from gongfu.kernel.errors import Forbidden, Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.discovery.shapes import MOST_HOSTS

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SEPARATORS = re.compile(r"[\s,;，；、]+")
_LARGEST_PUBLIC = 22
"""Prefix length: what is not private is permitted only by a network that names it this exactly."""
_REMEDY = mark("Write addresses such as 192.168.1.7, 192.168.1.10-40 or 192.168.1.0/24.")


def permitted(texts: Sequence[str]) -> list[Network]:
    """The networks that ``texts`` name; raises :class:`Invalid`."""
    return [_network(part) for text in texts for part in _SEPARATORS.split(text.strip()) if part]


def parse(text: str) -> list[Address]:
    """The addresses that ``text`` names, each once, in the order written: single ones, ranges, networks.

    Of an IPv4 network without the network's own address and the broadcast address. Raises :class:`Invalid` for what
    is no address, and for more than :data:`MOST_HOSTS`.
    """
    found: dict[Address, None] = {}
    for part in _SEPARATORS.split(text.strip()):
        if part:
            found |= dict.fromkeys(_addresses(part))
        if len(found) > MOST_HOSTS:
            raise _too_many(len(found))
    if not found:
        raise Invalid(mark("No address is given."), remedy=_REMEDY)
    return list(found)


def check(addresses: Sequence[Address], *lists: Sequence[Network]) -> None:
    """Raise :class:`Forbidden` unless every address is permitted by each of ``lists``.

    A list permits what its networks hold. Loopback, link-local and public addresses are permitted only by a network
    that names exactly them: 0.0.0.0/0 permits the private ones alone. Multicast and reserved ones never are.
    """
    for networks in lists:
        for address in addresses:
            if not any(address in network and _names(network, address) for network in networks):
                raise Forbidden(
                    mark("{address} may not be scanned."),
                    remedy=mark("Ask the administrator to permit its network for discovery."),
                    address=address,
                )


def _names(network: Network, address: Address) -> bool:
    """Whether ``network`` may permit an address of that sort."""
    if address.is_multicast or address.is_unspecified or (address.is_reserved and not address.is_loopback):
        return False
    if address.is_loopback:
        return network.is_loopback
    if address.is_link_local:
        return network.is_link_local
    if address.is_private:
        return True
    longest = 32 if address.version == 4 else 128
    return network.prefixlen >= longest - (32 - _LARGEST_PUBLIC)


def _addresses(part: str) -> list[Address]:
    first, dash, last = part.partition("-")
    if not dash:
        if "/" not in part:
            return [_address(part)]
        network = _network(part)
        if network.num_addresses > MOST_HOSTS:
            raise _too_many(network.num_addresses)
        return list(network.hosts())
    begin = _address(first)
    if last.isascii() and last.isdecimal() and "." in first:
        last = first.rpartition(".")[0] + "." + last
    end = _address(last)
    if begin.version != end.version or int(end) < int(begin):
        raise Invalid(mark("{text} is no range of addresses."), remedy=_REMEDY, text=part[:100])
    count = int(end) - int(begin) + 1
    if count > MOST_HOSTS:
        raise _too_many(count)
    return [begin + number for number in range(count)]


def _address(text: str) -> Address:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise Invalid(mark("{text} is no IP address."), remedy=_REMEDY, text=text[:100]) from None
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id:
            raise Invalid(mark("{text} is no IP address."), remedy=_REMEDY, text=text[:100])
        return found.ipv4_mapped or found  # what it leads to is what is checked
    return found


def _network(text: str) -> Network:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise Invalid(mark("{text} is no network."), remedy=_REMEDY, text=text[:100]) from None
    if isinstance(found, ipaddress.IPv6Network) and found.network_address.ipv4_mapped is not None:
        raise Invalid(mark("{text} is no network."), remedy=_REMEDY, text=text[:100])
    return found


def _too_many(count: int) -> Invalid:
    return Invalid(
        mark("{count} addresses are too many for one scan."),
        remedy=mark("Scan at most {most} at once: a /22."),
        count=count,
        most=MOST_HOSTS,
    )
