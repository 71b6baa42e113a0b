"""A recording as variables of an OPC UA server, each row with its own source timestamp.

The server waits until every variable is monitored, never lets a subscription's queue overflow, and ends when the
client has acknowledged everything. When the client goes away, rows it may not have stored are sent again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.opcua.simulator import OpcuaSimulator, Point
from gongfu.simulators.players.pace import Pace, Progress
from gongfu.simulators.recording import Recording

MOST_WAITING = 400
"""Values of one variable that may wait for publication: well below the queue a client asks for."""
REWIND = 5.0
"""What a client had acknowledged less than so many seconds before it went away is sent again."""
_STARTS: dict[str, float | bool | str] = {"number": 0.0, "boolean": False, "text": ""}
_LOOK = 0.02


def points(device: str, recording: Recording) -> list[Point]:
    """The variables, without a value yet."""
    return [Point(device, f"{device}.{column.key}", _STARTS[column.kind], pending=True) for column in recording.columns]


async def deliver(host: str, port: int, device: str, recording: Recording, pace: Pace, progress: Progress) -> None:
    """Serve and play once; returns when every row is acknowledged. Raises Unavailable for a taken port."""
    names = [point.name for point in points(device, recording)]
    quiet: deque[tuple[float, int]] = deque(maxlen=1000)
    row = 0
    watched = started = False
    async with OpcuaSimulator(host, port, points(device, recording)) as server:
        while True:
            if not server.watched(names):
                watched = False
                await asyncio.sleep(_LOOK)
                continue
            if not watched:
                watched, row = True, _safe(quiet)
            if not started:
                started = True
                pace.start()
            if not server.unacknowledged():
                quiet.append((time.monotonic(), row))
                progress(row)
                if row == len(recording.rows):
                    return
            if row == len(recording.rows) or server.waiting() >= MOST_WAITING:
                await asyncio.sleep(_LOOK)
            elif left := pace.left(row):
                await asyncio.sleep(min(left, 0.25))
            else:
                for name, cell in zip(names, recording.rows[row].cells, strict=True):
                    grade = Quality.BAD if cell is None else Quality.GOOD
                    await server.write(name, cell, recording.rows[row].time, grade)
                row += 1
                if row % 50 == 0:
                    await asyncio.sleep(0)


def _safe(quiet: deque[tuple[float, int]]) -> int:
    """The last row that was acknowledged long enough ago to be stored."""
    limit = time.monotonic() - REWIND
    return next((row for at, row in reversed(quiet) if at < limit), 0)
