"""Parked messages: who may see them, sending them again, giving them up. Scoped like everything in the store."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection
from typing import Final

import msgspec
import pyarrow as pa

from gongfu.kernel import bus
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.kernel.store import StoreClient, client

MOST: Final = 200
_PREVIEW: Final = 80
_COLUMNS: Final = (
    "toString(id) AS id, org, stream, subject, reason, detail, size, state, times, toUnixTimestamp(first_at) AS first,"
    " toUnixTimestamp64Milli(at) AS at"
)


class Parked(msgspec.Struct, frozen=True):
    """One message; ``first`` in seconds, ``at`` in milliseconds since 1970. ``data`` begins what it holds."""

    id: str
    org: int
    stream: str
    subject: str
    reason: str
    detail: str
    size: int
    state: str
    times: int
    first: int
    at: int
    head: str

    @property
    def moment(self) -> dt.datetime:
        """When it was parked last."""
        return dt.datetime.fromtimestamp(self.at / 1000, dt.UTC)


def parked(orgs: Collection[int], *, store: StoreClient | None = None) -> list[Parked]:
    """The youngest :data:`MOST`; of organisation 0 are those whose subject names none."""
    if not orgs:
        return []
    table = (store or client()).query_arrow(
        f"SELECT {_COLUMNS}, hex(substring(data, 1, {_PREVIEW // 2})) AS head FROM poison FINAL"  # noqa: S608 - constants
        f" WHERE state != 'dropped' ORDER BY at DESC LIMIT {MOST}",
        orgs=orgs,
    )
    return msgspec.convert(table.to_pylist(), list[Parked], strict=False)


def replay(settings: Settings, orgs: Collection[int], number: str, *, store: StoreClient | None = None) -> None:
    """Publish it again as it was: whoever cannot be stored still is parked once more. Raises :class:`NotFound`."""
    source = store or client()
    row = _row(source, orgs, number)
    asyncio.run(_publish(settings, row["subject"][0].as_py(), bytes.fromhex(row["raw"][0].as_py())))
    _note(source, number, "replayed")


def drop(orgs: Collection[int], number: str, *, store: StoreClient | None = None) -> None:
    """Give it up; it stays in the store until its time is over, but is no longer shown. Raises :class:`NotFound`."""
    source = store or client()
    _row(source, orgs, number)
    _note(source, number, "dropped")


def _row(source: StoreClient, orgs: Collection[int], number: str) -> pa.Table:
    found = None
    if number.isdecimal() and len(number) <= 20 and orgs:
        found = source.query_arrow(
            "SELECT subject, hex(data) AS raw FROM poison FINAL WHERE id = {id:UInt64} AND state != 'dropped'",
            {"id": int(number)},
            orgs=orgs,
        )
    if found is None or not found.num_rows:
        raise NotFound(mark("There is no parked message {number}."), number=number[:20])
    return found


def _note(source: StoreClient, number: str, state: str) -> None:
    source.command(
        "INSERT INTO poison SELECT * REPLACE ({state:String} AS state, times + ({state:String} = 'replayed') AS times,"
        " greatest(now64(3), at + toIntervalMillisecond(1)) AS at) FROM poison FINAL WHERE id = {id:UInt64}",
        {"id": int(number), "state": state},
    )


async def _publish(settings: Settings, subject: str, data: bytes) -> None:
    connection = await bus.connect(settings, "replay", wait=False)
    try:
        await connection.jetstream(timeout=5).publish(subject, data)
    finally:
        await connection.close()
