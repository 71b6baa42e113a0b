"""Addresses of resolvers: as people write them in settings, and as sites give them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gongfu.identity.handle.codes import PORT
from gongfu.identity.handle.site import Site, Transmission
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

_WRITTEN = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One server: where UDP and TCP reach it, None where they do not; a primary server has to know for itself."""

    host: str
    udp: int | None
    tcp: int | None
    primary: bool = True

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.udp or self.tcp}"

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parse(text: str) -> Endpoint:
    """``192.0.2.7``, ``192.0.2.7:2641``, ``[2001:db8::7]:2641`` or a host name; raises :class:`Invalid`."""
    found = _WRITTEN.fullmatch(text.strip())
    port = int(found["port"] or PORT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise Invalid(
            mark("{address} is not the address of a resolver."),
            remedy=mark("Write it as 192.0.2.7:2641, [2001:db8::7]:2641 or name:2641."),
            address=text[:100],
        )
    return Endpoint(found["six"] or found["host"], port, port)


def of_sites(sites: Iterable[Site], handle: str, told_by: Endpoint) -> list[Endpoint]:
    """Whom to ask about ``handle``, the responsible server of each site first, as ``told_by`` has it.

    Left out: servers without UDP and TCP, addresses nobody can have, and this machine's own unless this machine says
    so. A child must not make the recursive node talk to itself.
    """
    by_site = [site.ordered(handle) for site in sites]
    primary = {id(server): site.primary for site in sites for server in site.servers}
    first = [servers[0] for servers in by_site if servers]
    others = [server for servers in by_site for server in servers[1:]]
    found = []
    for server in first + others:
        udp, tcp = server.port(Transmission.UDP), server.port(Transmission.TCP)
        address = server.address
        if address.is_multicast or address.is_unspecified or (address.is_loopback and not told_by.loopback):
            continue
        endpoint = Endpoint(str(address), udp, tcp, primary[id(server)])
        if (udp or tcp) and endpoint not in found:
            found.append(endpoint)
    return found
