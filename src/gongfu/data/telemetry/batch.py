"""From messages on the bus to rows of the store, in columns all the way.

What a device sends is believed where it can be, and never stops the stream: a message that is no batch is counted
and left out; a reading whose value is not a number is stored as *bad*; a source time that no calendar here holds is
replaced by the time of arrival and stored as *bad*.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from gongfu.data.telemetry import native
from gongfu.data.telemetry.dirt import Ranges, group, ranges
from gongfu.data.telemetry.schema import ARRAYS, EVENTS, LATEST, READINGS, TEXTS, Table
from gongfu.kernel import bus, events
from gongfu.kernel.errors import Invalid
from gongfu.kernel.readings import ArrayReading, Quality, Readings, TextReading, decode

FIRST: Final = 0
"""Earliest source time stored, microseconds: 1970-01-01."""
LAST: Final = 7_258_118_400_000_000
"""First source time not stored, microseconds: 2200-01-01."""
_ID_LIMIT: Final = 1 << 32
_SECOND: Final = 1_000_000


@dataclass(frozen=True)
class Message:
    """One message as the bus delivered it."""

    subject: str
    data: bytes


@dataclass(frozen=True)
class Rejected:
    """A message left out: ``reason`` is a fixed word."""

    reason: str
    detail: str
    message: Message


@dataclass
class Rows:
    """Blocks ready to insert, how many observations they hold, and why messages were left out."""

    blocks: list[tuple[Table, bytes]] = field(default_factory=list)
    count: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    touched: list[Ranges] = field(default_factory=list)
    """Minutes whose roll-ups follow from the rows."""


def readings(messages: Iterable[Message]) -> Rows:
    """Rows of ``READINGS`` messages, in their order: where two rows are one observation the later stays."""
    rows = Rows()
    batches: list[Readings] = []
    for message in messages:
        try:
            batch = decode(message.data)
        except Invalid as error:
            rows.rejected.append(Rejected("malformed", str(error), message))
            continue
        if not (0 <= batch.org < _ID_LIMIT and FIRST <= batch.arrived < LAST):
            rows.rejected.append(Rejected("range", f"organisation {batch.org}, arrived {batch.arrived}", message))
        elif message.subject != bus.readings_subject(batch.org, batch.device):
            # The bus grants publishers their subjects; the payload must not speak for somebody else.
            detail = f"{message.subject} carries readings of {batch.org}.{batch.device}"
            rows.rejected.append(Rejected("subject", detail, message))
        else:
            batches.append(batch)
    latest = _Latest()
    numbers = [batch for batch in batches if len(batch.series)]
    if numbers:
        rows.count += _numbers(numbers, rows, latest)
    texts = [(batch, text) for batch in batches for text in batch.texts if 0 <= text.series < _ID_LIMIT]
    if texts:
        rows.count += _texts(texts, rows, latest)
    arrays = [(batch, one) for batch in batches for one in batch.arrays if 0 <= one.series < _ID_LIMIT]
    if arrays:
        rows.count += _arrays(arrays, rows, latest)
    if block := latest.block():
        rows.blocks.append((LATEST, block))
    return rows


def happenings(messages: Iterable[Message]) -> Rows:
    """Rows of ``EVENTS`` messages."""
    rows = Rows()
    good: list[events.Event] = []
    for message in messages:
        try:
            event = events.decoder.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            rows.rejected.append(Rejected("malformed", str(error), message))
            continue
        if not (0 <= event.org < _ID_LIMIT and 0 <= event.device < _ID_LIMIT and FIRST <= event.time < LAST):
            rows.rejected.append(Rejected("range", f"{event.org}.{event.device} at {event.time}", message))
        elif message.subject != bus.events_subject(event.org, event.device):
            detail = f"{message.subject} carries an event of {event.org}.{event.device}"
            rows.rejected.append(Rejected("subject", detail, message))
        else:
            good.append(event)
    if good:
        times = np.array([event.time for event in good], np.int64)
        columns: list[native.Values] = [
            np.array([event.org for event in good], np.uint32),
            np.array([event.device for event in good], np.uint32),
            times,
            [event.kind.value for event in good],
            [event.detail[:500] for event in good],
            _seconds(times),
        ]
        rows.blocks.append((EVENTS, _block(EVENTS, columns)))
        rows.count = len(good)
    return rows


def _numbers(batches: Sequence[Readings], rows: Rows, latest: _Latest) -> int:
    lengths = np.array([len(batch.series) for batch in batches])
    org = np.repeat(np.array([batch.org for batch in batches], np.uint32), lengths)
    arrived = np.repeat(np.array([batch.arrived for batch in batches], np.int64), lengths)
    series = np.concatenate([batch.series for batch in batches])
    values = np.concatenate([batch.values for batch in batches])
    qualities = np.concatenate([batch.qualities for batch in batches])
    times, lost = _placed(np.concatenate([batch.times for batch in batches]), arrived)
    bad = lost | ~np.isfinite(values) | (qualities > Quality.BAD)
    if bad.any():
        qualities = np.where(bad, np.uint8(Quality.BAD), qualities)
    columns: list[native.Values] = [org, series, times, values, qualities, _seconds(arrived)]
    rows.blocks.append((READINGS, _block(READINGS, columns)))
    groups = group(org, series, times)
    rows.touched.append(ranges(groups, times))
    latest.add(groups.newest, org, series, times, qualities, values=values)
    return len(series)


def _texts(items: Sequence[tuple[Readings, TextReading]], rows: Rows, latest: _Latest) -> int:
    org = np.array([batch.org for batch, _ in items], np.uint32)
    series = np.array([text.series for _, text in items], np.uint32)
    arrived = np.array([batch.arrived for batch, _ in items], np.int64)
    # A time beyond 64 bits is as unusable as one beyond the calendar.
    wished = np.array([text.time if FIRST <= text.time < LAST else -1 for _, text in items], np.int64)
    times, lost = _placed(wished, arrived)
    known = np.array([text.quality if text.quality in (0, 1, 2) else 2 for _, text in items], np.uint8)
    qualities = np.where(lost, np.uint8(Quality.BAD), known)
    words = [text.text for _, text in items]
    columns: list[native.Values] = [org, series, times, words, qualities, _seconds(arrived)]
    rows.blocks.append((TEXTS, _block(TEXTS, columns)))
    groups = group(org, series, times)
    rows.touched.append(ranges(groups, times, text=True))
    latest.add(groups.newest, org, series, times, qualities, words=words)
    return len(items)


def _arrays(items: Sequence[tuple[Readings, ArrayReading]], rows: Rows, latest: _Latest) -> int:
    org = np.array([batch.org for batch, _ in items], np.uint32)
    series = np.array([one.series for _, one in items], np.uint32)
    arrived = np.array([batch.arrived for batch, _ in items], np.int64)
    times, lost = _placed(
        np.array([one.time if FIRST <= one.time < LAST else -1 for _, one in items], np.int64), arrived
    )
    values = [one.values for _, one in items]
    sound = [one.quality in (0, 1, 2) and math.isfinite(one.rate) and one.rate >= 0 for _, one in items]
    finite = np.array([bool(np.isfinite(one).all()) for one in values])
    known = np.array([one.quality if good else 2 for (_, one), good in zip(items, sound, strict=True)], np.uint8)
    qualities = np.where(lost | ~finite, np.uint8(Quality.BAD), known)
    rates = np.array([one.rate if good else 0.0 for (_, one), good in zip(items, sound, strict=True)])
    columns: list[native.Values] = [org, series, times, values, rates, qualities, _seconds(arrived)]
    rows.blocks.append((ARRAYS, _block(ARRAYS, columns)))
    groups = group(org, series, times)
    lengths = np.array([len(one) for one in values], np.uint32)
    latest.add(groups.newest, org, series, times, qualities, lengths=lengths)
    return len(items)


class _Latest:
    """The newest reading of each series of one batch: the table of last values grows by series, not by readings."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.generic], ...]] = []
        self._words: list[str] = []

    def add(
        self,
        at: NDArray[np.int64],
        org: NDArray[np.uint32],
        series: NDArray[np.uint32],
        times: NDArray[np.int64],
        qualities: NDArray[np.uint8],
        *,
        values: NDArray[np.float64] | None = None,
        words: Sequence[str] | None = None,
        lengths: NDArray[np.uint32] | None = None,
    ) -> None:
        """Rows ``at`` of the columns: numbers, texts or the lengths of arrays."""
        numbers = values[at] if values is not None else np.full(len(at), np.nan)
        sizes = lengths[at] if lengths is not None else np.zeros(len(at), np.uint32)
        self._parts.append((org[at], series[at], times[at], numbers, qualities[at], sizes))
        self._words += [words[index] for index in at] if words is not None else [""] * len(at)

    def block(self) -> bytes:
        if not self._parts:
            return b""
        org, series, times, values, qualities, lengths = (
            np.concatenate(column) for column in zip(*self._parts, strict=True)
        )
        return _block(LATEST, [org, series, times, values, self._words, qualities, lengths])


def _placed(times: NDArray[np.int64], arrived: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    lost = (times < FIRST) | (times >= LAST)
    return (np.where(lost, arrived, times) if lost.any() else times), lost


def _seconds(times: NDArray[np.int64]) -> NDArray[np.uint32]:
    return np.minimum(times // _SECOND, _ID_LIMIT - 1).astype(np.uint32)


def _block(table: Table, values: Sequence[native.Values]) -> bytes:
    return native.block(native.typed(table, values))
