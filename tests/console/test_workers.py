"""Several web processes: one that dies is replaced and the others go on; requests take turns."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gongfu.console import asgi, workers
from gongfu.kernel.ops import Receive, Scope, Send
from gongfu.kernel.settings import Settings


def answer_with_own_pid(_settings: Settings, sockets: list[socket.socket], _number: int) -> None:
    """Stands for a web process: says who it is to whoever connects."""
    while True:
        connection, _address = sockets[0].accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()


async def _asked(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    told = await reader.read()
    writer.close()
    return int(told) if told else 0


@pytest.mark.node
async def test_a_worker_that_is_killed_is_replaced_while_the_other_answers(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(Settings(home=tmp_path), web_workers=2)
    listening = socket.create_server(("127.0.0.1", 0), backlog=64)
    port, stopping = listening.getsockname()[1], asyncio.Event()
    keeping = asyncio.create_task(workers.keep(answer_with_own_pid, settings, [listening], stopping))
    seen: set[int] = set()

    async def meet(many: int) -> None:
        deadline = time.monotonic() + 60
        while len(seen) < many:
            assert time.monotonic() < deadline
            found = await asyncio.gather(*(_asked(port) for _ in range(8)))
            seen.update(pid for pid in found if pid)

    await meet(2)
    os.kill(min(seen), signal.SIGKILL)
    assert await _asked(port)
    await meet(3)
    stopping.set()
    await asyncio.wait_for(keeping, 30)
    listening.close()
    assert os.getpid() not in seen


async def test_only_so_many_requests_are_worked_on_at_once_and_streams_hold_nobody_up() -> None:
    working, most, go_on = 0, 0, asyncio.Event()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0)
        working -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await go_on.wait()  # as a stream does
        await send({"type": "http.response.body", "body": b""})

    seen: list[Any] = []

    async def send(message: Any) -> None:
        seen.append(message["type"])

    wrapped = asgi.in_turn(2, app)
    asked = [asyncio.create_task(wrapped({"type": "http"}, None, send)) for _ in range(9)]  # type: ignore[arg-type]
    for _ in range(100):
        await asyncio.sleep(0)
    assert seen.count("http.response.start") == 9
    assert most <= 2
    go_on.set()
    await asyncio.gather(*asked)


async def test_a_request_that_fails_gives_its_turn_back() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    wrapped = asgi.in_turn(1, app)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(wrapped({"type": "http"}, None, None), 5)  # type: ignore[arg-type]
