"""What the plant expects of a protocol."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from gongfu.simulators.hall import Reports


class Outlet(Protocol):
    """Serves some of the plant's devices while its context is open."""

    def run(self) -> AbstractAsyncContextManager[None]:
        """Open sockets, or start connecting; raises Unavailable when a port cannot be had."""

    async def publish(self, reports: Reports) -> None:
        """Show the newest reports of the plant; returns at once whatever the network does."""

    @property
    def problem(self) -> str:
        """Why devices cannot be reached now, empty when they can."""
