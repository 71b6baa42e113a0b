"""Wrong secrets: after a few, one has to wait, longer each time. Bounded memory, of one process.

Failures count for the address they come from (IPv6: its /64) and for the administrator they claim to be, each for
:data:`REMEMBERED` seconds after the last. From :data:`ALLOWED` of one administrator, or :data:`FROM_ADDRESS` of one
address, nothing is looked at until the wait is over: one second, then twice as long, up to :data:`LONGEST`. So that
nobody locks an administrator out by failing in his name, an address from which he has signed in is not made to wait
for what others do. This computer itself is told apart by administrator only: behind a proxy everybody has its address.

Every worker process counts alone, so a node with N workers allows N times as many; a burst of as many requests as a
process has threads may pass before the first of them has failed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gongfu.identity.handle.wire import Reference
from gongfu.identity.resolver.errors import AuthenticationFailed, TooManyFailures
from gongfu.kernel.i18n import mark

ALLOWED = 5
FROM_ADDRESS = 20
LONGEST = 60.0
REMEMBERED = 900.0
MOST = 10_000
"""Addresses and administrators remembered, and pairs of both that are known to belong together."""


@dataclass(slots=True)
class _Failures:
    number: int = 0
    last: float = 0.0
    until: float = 0.0


class Throttle:
    """Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def attempt(self, peer: str, who: Reference) -> Iterator[None]:
        """Around the look at a secret of ``who`` that came from ``peer``: raises :class:`TooManyFailures` before it.

        Counts when :class:`AuthenticationFailed` comes out of the block, and forgets when it ends well.
        """
        place, name = _place(peer), f"{who.index}:{who.handle.upper()}"[:300]
        limits = {f"who {name}": ALLOWED} | ({f"from {place}": FROM_ADDRESS} if place else {})
        pair = (place, name)
        with self._lock:
            if pair not in self._known:
                self._require(limits)
        try:
            yield
        except AuthenticationFailed:
            with self._lock:
                self._known.pop(pair, None)
                for key, allowed in limits.items():
                    self._failed(key, allowed)
            raise
        with self._lock:
            self._failures.pop(f"who {name}", None)
            self._known[pair] = None
            self._known.move_to_end(pair)
            _trim(self._known)

    def _require(self, limits: dict[str, int]) -> None:
        now = self._clock()
        known = [self._failures[key] for key in limits if key in self._failures]
        wait = max((one.until - now for one in known), default=0)
        if wait > 0:
            seconds = math.ceil(wait)
            raise TooManyFailures(
                mark("There were too many wrong secrets; nothing is looked at for {seconds} s."),
                remedy=mark("Wait, then try again with the right one."),
                seconds=seconds,
            )

    def _failed(self, key: str, allowed: int) -> None:
        now = self._clock()
        one = self._failures.setdefault(key, _Failures())
        if now - one.last > REMEMBERED:
            one.number = 0
        one.number += 1
        one.last = now
        if one.number >= allowed:
            one.until = now + min(LONGEST, 2.0 ** min(30, one.number - allowed))
        self._failures.move_to_end(key)
        _trim(self._failures)


def _trim(kept: OrderedDict[str, _Failures] | OrderedDict[tuple[str, str], None]) -> None:
    while len(kept) > MOST:
        kept.popitem(last=False)


def _place(peer: str) -> str:
    """The address that counts, empty for this computer."""
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            network = ipaddress.ip_network((address, 64), strict=False)
            return "" if address.is_loopback else str(network)
        address = address.ipv4_mapped
    return "" if address.is_loopback else str(address)
