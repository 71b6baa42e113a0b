"""Several web processes: one that dies is replaced and the others go on."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import msgspec
import pytest
from pid_worker import answer_with_own_pid  # a module that a fresh process finds by name

from gongfu.console import workers
from gongfu.kernel.settings import Settings


async def _asked(port: int) -> int:
    """Who answers; 0 for one that died meanwhile."""
    writer = None
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            return int(await reader.read() or 0)
    except ConnectionError:
        return 0
    finally:
        if writer is not None:
            writer.close()


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

    try:
        await meet(2)
        os.kill(min(seen), signal.SIGKILL)
        assert any([await _asked(port) for _ in range(3)])
        await meet(3)
    finally:
        stopping.set()
        await asyncio.wait_for(keeping, 30)
        listening.close()
