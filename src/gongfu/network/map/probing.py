"""Measuring from a gateway: TCP connections and ICMP echo, slowly, and only where somebody has said it may be."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Collection, Sequence

import psutil

from gongfu.kernel.errors import Forbidden, GongfuError, packed
from gongfu.kernel.i18n import mark
from gongfu.network.discovery import ranges
from gongfu.network.discovery.ranges import Network
from gongfu.network.discovery.scanning import Pace
from gongfu.network.map.addresses import Address, readiness
from gongfu.network.map.shapes import Host, Measured, Readiness, Service, Target

RATE = 40.0
"""Packets and connections a second that one gateway sends for all its measuring."""
AT_ONCE = 16
WAIT = 1.0
"""Seconds after which a probe is lost."""
APART = 0.05
"""Seconds at least between two probes of one target."""
_RESOLVE = 2.0
_IP_MTU, _IPV6_MTU = 14, 24
"""Linux: <linux/in.h>, <linux/in6.h>; :mod:`socket` does not name them."""
_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Types of echo request and reply: RFC 792, RFC 4443 §4.1, §4.2."""

Resolved = tuple[socket.AddressFamily, str]


class Prober:
    """Measures targets that are configured on this gateway, or lie in networks its administrator permits."""

    def __init__(self, permitted: Sequence[Network], configured: Callable[[], Collection[Address]]) -> None:
        self._permitted = permitted
        self._configured = configured
        self._pace: Pace | None = None
        self._room: asyncio.Semaphore | None = None
        self._echoes: bool | None = None

    async def measure(self, targets: Sequence[Target], probes: int) -> list[Measured]:
        """Each of ``targets``; what may not be measured says so in ``problem``."""
        known = frozenset(self._configured())
        self._pace = self._pace or Pace(RATE)
        self._room = self._room or asyncio.Semaphore(AT_ONCE)
        return list(await asyncio.gather(*(self._one(target, probes, known) for target in targets)))

    def host(self) -> Host:
        """This machine."""
        best, address = Readiness.NONE, ""
        order = list(Readiness)
        for found in psutil.net_if_addrs().values():
            for one in found:
                if one.family == socket.AF_INET6:
                    plain = one.address.partition("%")[0]
                    if order.index(ready := readiness(plain)) > order.index(best):
                        best, address = ready, plain
        return Host(ipv6=best, address=address, echoes=self.may_echo())

    def may_echo(self) -> bool:
        """Whether the kernel lets this process open a ping socket (Linux: net.ipv4.ping_group_range)."""
        if self._echoes is None:
            try:
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
                self._echoes = True
            except OSError:
                self._echoes = False
        return self._echoes

    async def _one(self, target: Target, probes: int, known: Collection[Address]) -> Measured:
        assert self._room is not None
        async with self._room:
            try:
                self._check(target, known)
                return await self._measured(target, probes)
            except GongfuError as error:
                return Measured(key=target.key, problem=packed(error, 500))

    def _check(self, target: Target, known: Collection[Address]) -> None:
        """Raise :class:`Forbidden` unless ``target`` is a device's own address, or in a permitted network."""
        hosts = {address.host for address in known}
        if Address(target.host, target.port) in known or (target.host in hosts and not target.port):
            return
        try:
            address = ipaddress.ip_address(target.host)
        except ValueError:
            raise Forbidden(
                mark("{address} may not be measured."),
                remedy=mark("Name its IP address, and ask the administrator to permit its network for discovery."),
                address=target.host[:80],
            ) from None
        ranges.check([address], self._permitted)

    async def _measured(self, target: Target, probes: int) -> Measured:
        places = await _resolve(target.host)
        if not places:
            return Measured(
                key=target.key,
                method="tcp" if target.port else "",
                times=[None] * probes,
                problem=packed(Forbidden(mark("{host} is not known to the name service."), host=target.host[:80])),
            )
        sixes = [place for place in places if place[0] == socket.AF_INET6]
        first = places[0]
        method, times = "", list[float | None]()
        if self.may_echo():
            method, times = "icmp", await self._echo(first, probes)
        connect, service, mtu = None, "", 0
        if target.port:
            connect, service, mtu = await self._connect(first, target.port)
            if all(time is None for time in times) and connect is not None:
                # No ping here, or somebody on the way drops it: connections say as much, and ask more of the device.
                more = [(await self._connect(first, target.port))[0] for _ in range(probes - 1)]
                method, times = "tcp", [connect, *more]
            elif not times:
                method, times = "tcp", [connect]
        ipv6 = await self._ready(target, sixes, first, answered=any(time is not None for time in times))
        return Measured(
            key=target.key,
            method=method,  # type: ignore[arg-type]  # one of the three
            times=times,
            connect=connect,
            service=service,  # type: ignore[arg-type]
            ipv6=ipv6,
            mtu=mtu,
        )

    async def _ready(self, target: Target, sixes: Sequence[Resolved], first: Resolved, *, answered: bool) -> Readiness:
        """How far the target is with IPv6; what was measured over it already is not asked again."""
        if not sixes:
            return Readiness.NONE
        if first in sixes and answered:
            return _at_most(first[1])
        for place in sixes[:2]:
            if target.port and (await self._connect(place, target.port))[0] is not None:
                return _at_most(place[1])
            if not target.port and self.may_echo() and (await self._echo(place, 1))[0] is not None:
                return _at_most(place[1])
        return max((readiness(address) for _family, address in sixes), key=list(Readiness).index)

    async def _connect(self, place: Resolved, port: int) -> tuple[float | None, Service, int]:
        """Milliseconds until it was accepted or refused, which of the two, and the path's MTU."""
        await self._turn()
        loop = asyncio.get_running_loop()
        family, address = place
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setblocking(False)
            begin = time.perf_counter()  # uvloop's clock counts milliseconds
            try:
                async with asyncio.timeout(WAIT):
                    await loop.sock_connect(sock, (address, port))
            except ConnectionRefusedError:
                return 1000 * (time.perf_counter() - begin), "closed", 0
            except (OSError, TimeoutError):
                return None, "silent", 0
            return 1000 * (time.perf_counter() - begin), "open", _mtu(sock, family)

    async def _echo(self, place: Resolved, probes: int) -> list[float | None]:
        """Round trips of ICMP echo, one after the other, in milliseconds."""
        loop = asyncio.get_running_loop()
        family, address = place
        request, reply = _ECHO[family]
        protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
        times: list[float | None] = []
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM, protocol)
        except OSError:
            return [None] * probes
        with sock:
            sock.setblocking(False)
            try:
                sock.connect((address, 0))
            except OSError:
                return [None] * probes
            for number in range(probes):
                if number:
                    await asyncio.sleep(APART)
                await self._turn()
                # The kernel fills identifier and checksum of a ping socket.
                packet = struct.pack("!BBHHH", request, 0, 0, 0, number) + b"gongfu network map"
                begin = time.perf_counter()
                answered = False
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(WAIT):
                        await loop.sock_sendall(sock, packet)
                        while not answered:
                            answered = is_reply(await loop.sock_recv(sock, 256), reply, number)
                times.append(1000 * (time.perf_counter() - begin) if answered else None)
        return times

    async def _turn(self) -> None:
        assert self._pace is not None
        await self._pace.turn()


def is_reply(data: bytes, reply: int, number: int) -> bool:
    """Whether ``data`` is the echo reply with sequence ``number`` (RFC 792; RFC 4443 §4.2)."""
    return len(data) >= 8 and data[0] == reply and data[1] == 0 and int.from_bytes(data[6:8]) == number


def _at_most(address: str) -> Readiness:
    """READY, unless the address is one that only its own link reaches."""
    return Readiness.READY if readiness(address) is not Readiness.LOCAL else Readiness.LOCAL


def _mtu(sock: socket.socket, family: socket.AddressFamily) -> int:
    level, option = (socket.IPPROTO_IP, _IP_MTU) if family == socket.AF_INET else (socket.IPPROTO_IPV6, _IPV6_MTU)
    try:
        return sock.getsockopt(level, option)
    except OSError:
        return 0


async def _resolve(host: str) -> list[Resolved]:
    """Addresses of ``host``, as this machine prefers them; none when nobody knows it."""
    try:
        async with asyncio.timeout(_RESOLVE):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return []
    places = [
        (family, str(address[0]))
        for family, _type, _protocol, _name, address in found
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    return list(dict.fromkeys(places))
