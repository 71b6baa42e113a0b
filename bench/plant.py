"""Simulated Modbus devices that cost next to nothing: one process, a port for each, answers made beforehand.

    python bench/plant.py COUNT

Prints the ports as JSON, then answers until it is killed. Each device has 100 holding registers: 50 float32 numbers
``1.5 * i``. A request is answered from its first twelve bytes, by slicing; nothing is decoded or logged, so that
a thousand devices at 1 Hz need about one hundredth of a processor and the clients beside them have the machine.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from typing import cast

import uvloop

TAGS = 50
_REGISTERS = b"".join(struct.pack(">f", 1.5 * i) for i in range(TAGS))
_REFUSED = b"\x02"
"""Illegal data address."""


class Responder(asyncio.Protocol):
    """One connection. Function codes 3 and 4 are answered, everything else is refused."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Requests, whole or in pieces."""
        data = self._rest + data
        while len(data) >= 8:
            size = 6 + int.from_bytes(data[4:6], "big")
            if len(data) < size:
                break
            self._transport.write(answer(data[:size]))
            data = data[size:]
        self._rest = data


def answer(request: bytes) -> bytes:
    """The frame that answers a whole Modbus TCP ``request``."""
    code = request[7]
    start, count = int.from_bytes(request[8:10], "big"), int.from_bytes(request[10:12], "big")
    content = _REGISTERS[2 * start : 2 * (start + count)]
    if code not in (3, 4) or len(content) != 2 * count:
        return request[:4] + b"\0\x03" + request[6:7] + bytes((code | 0x80,)) + _REFUSED
    return request[:4] + struct.pack(">HBBB", 3 + len(content), request[6], code, len(content)) + content


async def main(count: int) -> None:
    """Listen on ``count`` ports and answer for ever."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Responder, "127.0.0.1", 0) for _ in range(count)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
