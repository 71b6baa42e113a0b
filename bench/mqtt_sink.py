"""Where ThingsBoard's gateway sends to, for a measurement: an MQTT listener that acknowledges and counts.

    python bench/mqtt_sink.py

Prints its port, then answers until it is killed. It speaks as much of MQTT 3.1.1 and 5 as one well-behaved client
needs, and answers the question for limits (``getSessionLimits``) by saying that there are none, without which that
gateway waits. A line on standard input is answered by the number of values and messages that have come so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import cast

import uvloop

_CONNECT, _PUBLISH, _SUBSCRIBE, _UNSUBSCRIBE, _PING, _DISCONNECT = 1, 3, 8, 10, 12, 14
_ASKED, _ANSWER = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_TELEMETRY = "v1/gateway/telemetry"
_LIMITS = {"maxPayloadSize": 65536, "maxInflightMessages": 0, "rateLimits": {"messages": ""}, "gatewayRateLimits": {}}


class Count:
    """What came."""

    values = 0
    messages = 0


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._rest = b""
        self._five = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio calls it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Packets, whole or in pieces."""
        data = self._rest + data
        while True:
            found = _number(data, 1)
            if found is None or len(data) < found[1] + found[0]:
                break
            size, at = found
            self._packet(data[0], data[at : at + size])
            data = data[at + size :]
        self._rest = data

    def _packet(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == _CONNECT:
            self._five = body[2 + int.from_bytes(body[:2], "big")] == 5
            self._send(0x20, b"\0\0" + (b"\0" if self._five else b""))
        elif kind == _PUBLISH:
            self._published(first, body)
        elif kind == _SUBSCRIBE:
            self._send(0x90, body[:2] + (b"\0\1" if self._five else b"\1"))
        elif kind == _UNSUBSCRIBE:
            self._send(0xB0, body[:2] + (b"\0\0" if self._five else b""))
        elif kind == _PING:
            self._send(0xD0, b"")
        elif kind == _DISCONNECT:
            self._transport.close()

    def _published(self, first: int, body: bytes) -> None:
        at = 2 + int.from_bytes(body[:2], "big")
        topic = body[2:at].decode()
        if first & 6:
            self._send(0x40, body[at : at + 2])
            at += 2
        if self._five:
            size, at = _number(body, at) or (0, at)
            at += size
        payload = body[at:]
        if topic == _TELEMETRY:
            Count.messages += 1
            Count.values += _values(payload)
        elif topic.startswith(_ASKED):
            answer = (_ANSWER + topic.removeprefix(_ASKED)).encode()
            properties = b"\0" if self._five else b""
            self._send(0x30, len(answer).to_bytes(2, "big") + answer + properties + json.dumps(_LIMITS).encode())

    def _send(self, first: int, body: bytes) -> None:
        size = bytearray()
        left = len(body)
        while left > 127:
            size.append(left & 127 | 128)
            left >>= 7
        self._transport.write(bytes((first, *size, left)) + body)


def _number(data: bytes, at: int) -> tuple[int, int] | None:
    """A variable byte integer and where it ends; None when it is not all there."""
    value = 0
    for index in range(4):
        if at + index >= len(data):
            return None
        value |= (data[at + index] & 127) << 7 * index
        if data[at + index] < 128:
            return value, at + index + 1
    return None


def _values(payload: bytes) -> int:
    """Values in a message of the gateway API: ``{device: [{"ts": …, "values": {…}}]}``."""
    return sum(len(row.get("values", row)) for rows in json.loads(payload).values() for row in rows)


async def main() -> None:
    """Listen and answer for ever."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Client, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps([Count.values, Count.messages]), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
