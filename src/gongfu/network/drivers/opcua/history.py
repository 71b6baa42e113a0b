"""What a server has kept of the time in which nobody listened (OPC UA Part 11, raw values)."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from asyncua import ua

from gongfu.network.drivers.opcua.connection import Connection

_VALUES = 2000
"""Of one tag in one answer."""
_TOGETHER = 10
"""Tags in one request."""
_AHEAD = timedelta(days=1)
"""The end of what is asked for lies in the future: the server's clock may be ahead."""


class Gap(msgspec.Struct, frozen=True):
    """A tag, and the time since when its values are missing."""

    number: int
    node: ua.NodeId
    since: datetime


class Page(msgspec.Struct, frozen=True):
    """Values of one tag in the order of time, or why there are none."""

    number: int
    values: Sequence[ua.DataValue]
    problem: str = ""


async def read_gaps(connection: Connection, gaps: Sequence[Gap]) -> AsyncIterator[Page]:
    """Everything the server has of ``gaps``, page by page; a value at the very start of a gap may be among it."""
    todo = deque(sorted(gaps, key=lambda gap: gap.since))
    while todo:
        part = [todo.popleft() for _ in range(min(_TOGETHER, len(todo)))]
        open_points: list[tuple[Gap, bytes | None]] = [(gap, None) for gap in part]
        while open_points:
            answers = await _ask(connection, part[0].since, open_points)
            further: list[tuple[Gap, bytes | None]] = []
            for (gap, point), answer in zip(open_points, answers, strict=True):
                page = _page(gap, answer)
                if page.values or page.problem:
                    yield page
                if answer.ContinuationPoint and answer.ContinuationPoint != point:
                    further.append((gap, answer.ContinuationPoint))
                elif len(page.values) >= _VALUES:
                    # asyncua and others end a page without a continuation point: go on from its last value.
                    latest = page.values[-1].SourceTimestamp
                    if latest is not None and _utc(latest) > gap.since:
                        todo.append(Gap(gap.number, gap.node, _utc(latest)))
            open_points = further


async def _ask(
    connection: Connection, since: datetime, wanted: Sequence[tuple[Gap, bytes | None]]
) -> list[ua.HistoryReadResult]:
    details = ua.ReadRawModifiedDetails(
        IsReadModified=False,
        StartTime=since,
        EndTime=max(datetime.now(UTC), *(gap.since for gap, _ in wanted)) + _AHEAD,
        NumValuesPerNode=_VALUES,
        ReturnBounds=False,
    )

    async def ask(part: Sequence[tuple[Gap, bytes | None]]) -> Sequence[ua.HistoryReadResult]:
        nodes = [ua.HistoryReadValueId(NodeId=gap.node, IndexRange="", ContinuationPoint=at) for gap, at in part]
        params = ua.HistoryReadParameters(
            HistoryReadDetails=details,
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ReleaseContinuationPoints=False,
            NodesToRead=nodes,
        )
        return list(await connection.client.uaclient.history_read(params))

    return await connection.in_parts("history", wanted, ask)


def _page(gap: Gap, answer: ua.HistoryReadResult) -> Page:
    if answer.StatusCode.is_bad():
        return Page(gap.number, (), str(answer.StatusCode.name))
    values = getattr(answer.HistoryData, "DataValues", None) or ()
    return Page(gap.number, [value for value in values if _is_since(value, gap.since)])


def _is_since(value: ua.DataValue, since: datetime) -> bool:
    return value.SourceTimestamp is not None and _utc(value.SourceTimestamp) >= since


def _utc(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
