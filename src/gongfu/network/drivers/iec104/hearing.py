"""What a station says, handed to whoever asked for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from gongfu.network.drivers.contract import DeviceUnavailable
from gongfu.network.drivers.iec104.wire import Asdu, Malformed

Wanted = Callable[[Asdu], bool]


class Ear:
    """ASDUs that ``wanted`` chose, in their order. A full ear (``limit``) makes the connection wait."""

    def __init__(self, wanted: Wanted, limit: int, *, complaints: bool = False) -> None:
        self._wanted = wanted
        self._limit = limit
        self._complaints = complaints
        self._items: deque[Asdu | Malformed] = deque()
        self._error: DeviceUnavailable | None = None
        self._closed = False
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    async def hear(self, item: Asdu | Malformed) -> None:
        """Keep ``item`` if it is wanted; waits while the ear is full."""
        if not (self._complaints if isinstance(item, Malformed) else self._wanted(item)):
            return
        while len(self._items) >= self._limit and not self._closed:
            self._room.clear()
            await self._room.wait()
        self._items.append(item)
        self._filled.set()

    def fail(self, error: DeviceUnavailable) -> None:
        """Nothing more will come."""
        self._error = error
        self._filled.set()

    def close(self) -> None:
        """Nobody listens any more."""
        self._closed = True
        self._room.set()

    async def get(self) -> list[Asdu | Malformed]:
        """What has come, at least one; raises what :meth:`fail` was given when everything has been had."""
        while not self._items:
            if self._error is not None:
                raise self._error
            self._filled.clear()
            await self._filled.wait()
        items = list(self._items)
        self._items.clear()
        self._room.set()
        return items
