"""Keys and groups of administrators that stand on other nodes, asked of a recursive resolver or the node above.

Anybody can name any handle when he signs in, so this is bounded: what was found, or not, is kept for a minute, and when
too many look-ups wait already the next one finds nothing instead of keeping the threads of others.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gongfu.identity.handle import client
from gongfu.identity.handle.wire import Value
from gongfu.identity.recursion import endpoints
from gongfu.identity.resolver.authority import Elsewhere, nowhere
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings

KEPT_SECONDS = 60.0
"""How long an answer is believed; a key taken back elsewhere is accepted here that much longer."""
_MOST = 10_000
_AT_ONCE = 4
_SECONDS = 3.0


class MustWait(Exception):
    """The answer is on another node, and this thread runs an event loop: ask again in another thread."""


def configured(settings: Settings) -> Elsewhere:
    """Asks the resolver in ``recursive``, the ``parent``, this node's own recursive one; nobody when there is none."""
    if settings.recursive or settings.parent:
        address = endpoints.parse(settings.recursive or settings.parent)
        return Remembered(lambda handle: _ask(handle, address.host, address.tcp or 0))
    if "recursive" in settings.roles:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - compared only
        return Remembered(lambda handle: _ask(handle, host, settings.recursive_port))
    return nowhere


class Remembered:
    """Look-ups by ``ask``, kept for a while. Safe to call from several threads."""

    def __init__(self, ask: Elsewhere, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._free = threading.Semaphore(_AT_ONCE)
        self._known: OrderedDict[str, tuple[float, tuple[Value, ...]]] = OrderedDict()

    def __call__(self, handle: str) -> tuple[Value, ...]:
        """The public values of ``handle``; none when it is not found, or not now. Raises :class:`MustWait`."""
        now = self._clock()
        with self._lock:
            known = self._known.get(handle)
        if known is not None and known[0] > now:
            return known[1]
        if _runs_a_loop():
            raise MustWait
        if not self._free.acquire(blocking=False):
            return ()
        try:
            found = self._ask(handle)
        finally:
            self._free.release()
        with self._lock:
            self._known[handle] = now + KEPT_SECONDS, found
            self._known.move_to_end(handle)
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        return found


def _runs_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _ask(handle: str, host: str, port: int) -> tuple[Value, ...]:
    try:  # over TCP: its answers are harder to forge than datagrams
        return client.resolve(handle, host=host, port=port, timeout=_SECONDS, tcp=True).values
    except GongfuError:
        return ()
