"""What the worker does by the clock: a backup when the last one is old enough, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time

import structlog

from gongfu.data.backup import history, work
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.settings import Settings

log = structlog.get_logger("backup")
LOOK_EVERY_SECONDS = 20.0
AGAIN_SECONDS = 300.0
"""After a failure."""
_NICE = 10


def due(settings: Settings, now: float) -> bool:
    """Whether a backup should begin. A clock that was set back must not put it off for ever."""
    if not settings.backup_to:
        return False
    last = history.last(settings.home, "backup")
    if last is None:
        return True
    wait = AGAIN_SECONDS if last.error else settings.backup_every_minutes * 60
    return not 0 <= now - last.at < min(wait, settings.backup_every_minutes * 60)


async def run(settings: Settings, stopping: asyncio.Event) -> None:
    """Look until ``stopping``."""
    waiting = 0.0
    while not stopping.is_set():
        if waiting <= 0 and await asyncio.to_thread(_wanted, settings):
            waiting = 0.0 if await _back_up(stopping) else AGAIN_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY_SECONDS)
        waiting -= LOOK_EVERY_SECONDS


def _wanted(settings: Settings) -> bool:
    """Due, and begun: before somebody has the recovery text no backup would be of use."""
    if not due(settings, time.time()):
        return False
    try:
        return work.is_begun(settings, "")
    except GongfuError:
        return True  # the backup itself says what is wrong, and that is remembered


async def _back_up(stopping: asyncio.Event) -> bool:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "gongfu.cli", "backup", "now", "--only-begun"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
    ended = asyncio.create_task(process.communicate())
    halted = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({ended, halted}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        halted.cancel()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
    printed, _ = await ended
    if process.returncode and not stopping.is_set():
        log.error("the backup failed", reason=printed.decode("utf-8", "replace").strip()[-500:])
    return process.returncode == 0
