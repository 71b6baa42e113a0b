"""Short talks over a bare TCP connection: a few bytes there, a few back, never more and never long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

CONNECT = 1.0
"""Seconds to wait for a connection."""
ANSWER = 2.0
"""Seconds for a whole answer, however slowly it drips."""
MOST_BYTES = 65_536
"""Of an answer; what comes after is not read."""


class Silent(Exception):
    """Nobody is there, or nothing that can be read came."""


class Talk:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, question: bytes, exactly: int) -> bytes:
        """Send ``question`` and read so many bytes; raises :class:`Silent`."""
        try:
            async with asyncio.timeout(ANSWER):
                self._writer.write(question)
                await self._writer.drain()
                return await self._reader.readexactly(exactly)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise Silent(str(error)) from error

    async def ask_until_closed(self, question: bytes) -> bytes:
        """Send ``question`` and read until the peer closes, it is enough, or time is over."""
        data = bytearray()
        try:
            async with asyncio.timeout(ANSWER):
                self._writer.write(question)
                await self._writer.drain()
                while len(data) < MOST_BYTES and (part := await self._reader.read(MOST_BYTES - len(data))):
                    data += part
        except (OSError, TimeoutError):
            pass  # what came may do
        return bytes(data)


@asynccontextmanager
async def talk(address: str, port: int) -> AsyncIterator[Talk]:
    """A connection that is open; raises :class:`Silent`. It is closed without waiting for the peer."""
    try:
        async with asyncio.timeout(CONNECT):
            reader, writer = await asyncio.open_connection(address, port, limit=MOST_BYTES)
    except (OSError, TimeoutError) as error:
        raise Silent(str(error)) from error
    try:
        yield Talk(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(0.2):
                await writer.wait_closed()
        writer.transport.abort()


async def is_open(address: str, port: int) -> bool:
    """Whether somebody listens there; nothing is sent."""
    try:
        async with talk(address, port):
            return True
    except Silent:
        return False
