"""Asks a process over HTTP whether it is ready. Small, because it runs every second for every process."""

from __future__ import annotations

import asyncio
import urllib.parse
from dataclasses import dataclass

import msgspec

from gongfu.kernel.supervisor.status import Condition

_ANSWER_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    """``alive``: it answered at all; ``ready``: with 200."""

    alive: bool
    ready: bool
    conditions: dict[str, Condition]


class _Report(msgspec.Struct):
    conditions: dict[str, Condition] = {}


async def ask(url: str, patience: float = 2.0) -> Answer:
    """GET ``url``; never raises."""
    target = urllib.parse.urlsplit(url)
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(target.hostname, target.port)
            try:
                host = target.netloc.encode()
                path = (target.path + (f"?{target.query}" if target.query else "")).encode()
                writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
                answer = await reader.read(_ANSWER_BYTES)
                while more := await reader.read(_ANSWER_BYTES):
                    answer += more
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return Answer(alive=False, ready=False, conditions={})
    head, _, body = answer.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2:
        return Answer(alive=False, ready=False, conditions={})
    try:
        conditions = msgspec.json.decode(body, type=_Report).conditions
    except (msgspec.DecodeError, msgspec.ValidationError):
        conditions = {}  # nats-server has its own form of health; only the status counts
    return Answer(alive=True, ready=parts[1] == b"200", conditions=conditions)
