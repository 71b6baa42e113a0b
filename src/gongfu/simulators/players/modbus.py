"""A recording as registers of a Modbus TCP unit, one row at a time.

Modbus carries no time, so registers 0 to 3 hold the row's (int64, microseconds UTC, 0 before the first row) and
4 to 5 its number; the driver reads the time with ``time_address``. A row stays until every register has been read
and the same connection asks again: then its reader has it. A reader that comes back over a new connection
gets the row again.
"""

from __future__ import annotations

import asyncio
import zlib

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.modbus.address import Table, parse
from gongfu.network.drivers.modbus.simulator import ModbusSimulator, Point
from gongfu.simulators.players.pace import Pace, Progress
from gongfu.simulators.recording import Column, Recording

TIME_ADDRESS = "holding:0:int64"
COUNTER_ADDRESS = "holding:4:uint32"
FIRST = 6
"""First register of the columns."""
LONGEST_TEXT = 250
"""Bytes of a text: what one request can carry."""
_LOOK = 0.02


def unit(key: str) -> int:
    """Unit id of the replay ``key``: another device that is still looking for its own replay must not read this one."""
    return 1 + zlib.crc32(key.encode()) // 8 % 247


def addresses(recording: Recording) -> list[str]:
    """Where each column stands. Raises :class:`Invalid` for what registers cannot hold exactly."""
    found: list[str] = []
    offset = FIRST
    for index, column in enumerate(recording.columns):
        cells = [row.cells[index] for row in recording.rows]
        if column.kind == "number":
            kind, words = "float64", 4
        else:
            if None in cells:
                raise Invalid(
                    mark("The column {column} has empty cells, which registers cannot tell from values."),
                    remedy=mark("Replay it over opcua, mqtt or sparkplug."),
                    column=column.name,
                )
            kind, words = ("bit0", 1) if column.kind == "boolean" else _text(column, [str(cell) for cell in cells])
        found.append(f"holding:{offset}:{kind}")
        offset += words
    parse(found[-1])  # raises when the registers do not suffice
    return found


def _text(column: Column, cells: list[str]) -> tuple[str, int]:
    longest = max(len(cell.encode()) for cell in cells)
    if longest > LONGEST_TEXT or any("\0" in cell for cell in cells):
        raise Invalid(
            mark("A text in the column {column} has {length} bytes; registers hold {most}."),
            remedy=mark("Replay it over opcua, mqtt or sparkplug."),
            column=column.name,
            length=longest,
            most=LONGEST_TEXT,
        )
    return f"string{longest}", (longest + 1) // 2


class _Rows:
    """Which row stands in the registers, and how much of it has been read by whom."""

    def __init__(self, server: ModbusSimulator, recording: Recording, pace: Pace) -> None:
        self.delivered = 0
        self._server = server
        self._recording = recording
        self._pace = pace
        self._shown = -1
        self._last = parse(addresses(recording)[-1])
        self._read_to_end = False
        self._readers: frozenset[str] = frozenset()

    def on_read(self, _unit: int, _table: Table, offsets: range) -> None:
        """Called before a request is answered."""
        if offsets.start == 0:
            self._asked_again()
        end = self._last.offset + self._last.count
        self._read_to_end = self._read_to_end or offsets.stop >= end

    def _asked_again(self) -> None:
        readers = self._server.readers()
        known = readers == self._readers
        self._readers = readers
        if self._shown < 0:
            self._pace.start()
        elif not (known and self._read_to_end):
            self._read_to_end = False
            return
        else:
            self.delivered = self._shown + 1
        if self.delivered < len(self._recording.rows) and not self._pace.left(self.delivered):
            self._show(self.delivered)

    def _show(self, number: int) -> None:
        row = self._recording.rows[number]
        self._server.put("time", row.time)
        self._server.put("row", number + 1)
        for column, cell in zip(self._recording.columns, row.cells, strict=True):
            self._server.put(f"column/{column.key}", float("nan") if cell is None else cell)
        self._shown = number
        self._read_to_end = False


async def deliver(host: str, port: int, key: str, recording: Recording, pace: Pace, progress: Progress) -> None:
    """Serve and play once; returns when the last row has been read. Raises Unavailable for a taken port."""
    number = unit(key)
    starts: dict[str, float | bool | str] = {"number": 0.0, "boolean": False, "text": ""}
    points = [Point("time", TIME_ADDRESS, 0, number), Point("row", COUNTER_ADDRESS, 0, number)]
    points += [
        Point(f"column/{column.key}", address, starts[column.kind], number)
        for column, address in zip(recording.columns, addresses(recording), strict=True)
    ]
    async with ModbusSimulator(host, port, points) as server:
        rows = _Rows(server, recording, pace)
        server.hear_reads(rows.on_read)
        while rows.delivered < len(recording.rows):
            progress(rows.delivered)
            await asyncio.sleep(_LOOK)
        progress(rows.delivered)
