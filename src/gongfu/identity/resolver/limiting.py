"""How much one network may get over UDP, where anybody can write any sender. Pure.

Each network, an IPv4 /24 or IPv6 /56, has a bucket of one second's answers that refills tenth by tenth. Of the requests
beyond it every second one gets a cut answer, no longer than its request, that leads a real client to TCP (BIND and NSD
call it slip); the others get none. This computer itself is never limited.
"""

from __future__ import annotations

from enum import Enum

from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.fragments import PIECE

TICKS = 10
"""How often in a second buckets are refilled."""
MOST_NETWORKS = 65_536
"""Networks remembered; beyond it everybody begins anew, which an attacker pays for with more packets than it gains."""
_SLIP = 2
_LEAST = 44  # envelope and header
_TWO_PACKETS = bytes(4) + (PIECE + 1).to_bytes(4)  # sequence number 0, payload's length
_SUCCESS = ResponseCode.SUCCESS.to_bytes(4)
_LOOPBACK = (b"\x7f", bytes(7))


class Verdict(Enum):
    """What becomes of a request."""

    ANSWER = 0
    CUT = 1
    DROP = 2


class RateLimiter:
    """Buckets of ``rate`` answers a second; no limit if 0. Not for several threads at once."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._spent: dict[bytes, int] = {}
        self._refill = max(1, rate // TICKS)
        self._next = 0.0
        self._over = 0

    def tick(self, now: float) -> None:
        """Refills; to be called now and then with a monotonic time in seconds."""
        if now < self._next:
            return
        missed = TICKS if not self._next else min(TICKS, 1 + int((now - self._next) * TICKS))
        self._next = now + 1 / TICKS
        less = missed * self._refill
        self._spent = {network: spent - less for network, spent in self._spent.items() if spent > less}

    def judge(self, network: bytes) -> Verdict:
        """Whether ``network`` gets one more answer now."""
        spent = self._spent.get(network, 0)
        if spent >= self.rate and self.rate:
            self._over += 1
            return Verdict.DROP if self._over % _SLIP else Verdict.CUT
        if len(self._spent) >= MOST_NETWORKS:
            self._spent.clear()
        self._spent[network] = spent + 1
        return Verdict.ANSWER


def free(network: bytes) -> bool:
    """Whether a network, as :meth:`Datagrams.network` gives it, is this computer."""
    return network.startswith(_LOOPBACK)


def cut(request: bytes) -> list[bytes]:
    """The answer that says nothing but that there is one, too long for UDP: 44 octets, made of ``request`` alone.

    It looks like the first of two packets (RFC 3652 §2.3) of which only the header came through. Nothing for what is
    shorter than that, or is no request.
    """
    if len(request) < _LEAST or any(request[24:28]):
        return []
    envelope = request[:2] + bytes((request[2] & 0x03 | 0x20, request[3])) + request[4:12] + _TWO_PACKETS
    return [envelope + request[20:24] + _SUCCESS + bytes(16)]
