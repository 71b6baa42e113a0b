"""The bare clients of MELSEC and EtherNet/IP, and the servers they and our drivers read: cases for ``drivers.py``.

Both clients block, so they run in a thread; nothing else wants the processor meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from pycomm3 import LogixDriver
from pymcprotocol import Type3E  # type: ignore[import-untyped]

from gongfu.network.drivers.ethernetip.simulator import LogixSimulator
from gongfu.network.drivers.ethernetip.simulator import Tag as LogixTag
from gongfu.network.drivers.melsec.simulator import MelsecSimulator
from gongfu.network.drivers.melsec.simulator import Point as MelsecPoint

Going = Callable[[], bool]
"""Whether the measurement goes on."""


def melsec_server(tags: int) -> AbstractAsyncContextManager[MelsecSimulator]:
    """``tags`` floating-point numbers side by side."""
    return MelsecSimulator("127.0.0.1", 0, [MelsecPoint(f"t{i}", f"D{2 * i}:float32", i) for i in range(tags)])


def logix_server(tags: int) -> AbstractAsyncContextManager[LogixSimulator]:
    """``tags`` floating-point tags, each by itself."""
    return LogixSimulator("127.0.0.1", 0, [LogixTag(f"T{i}", "REAL", i) for i in range(tags)])


async def bare_melsec(port: int, tags: int, going: Going) -> int:
    """How many numbers pymcprotocol reads."""

    def read() -> int:
        client, count = Type3E(), 0
        client.connect("127.0.0.1", port)
        while going():
            count += len(client.batchread_wordunits("D0", 2 * tags)) // 2
        client.close()
        return count

    return await asyncio.to_thread(read)


async def bare_logix(port: int, tags: int, going: Going) -> int:
    """How many tags pycomm3 reads."""

    def read() -> int:
        count, names = 0, [f"T{i}" for i in range(tags)]
        with LogixDriver(f"127.0.0.1:{port}/0") as client:
            while going():
                count += len([tag.value for tag in client.read(*names)])
        return count

    return await asyncio.to_thread(read)
