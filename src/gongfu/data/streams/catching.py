"""What nobody looked at while ``gongfu streams`` was away for long, asked of the store: slice by slice, in order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from gongfu.data.streams.stage import Batch, Missed
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.readings import TextReading
from gongfu.kernel.store import StoreClient

SLICE: Final = dt.timedelta(minutes=30)
LONGEST: Final = dt.timedelta(days=7)
"""What is older is not looked at any more."""
MARGIN: Final = dt.timedelta(minutes=1)
"""Before the last state: readings that were under way then."""
_SERIES: Final = 5000
_SHORTEST: Final = dt.timedelta(seconds=10)


def slices(missed: Missed, now: int, store: StoreClient) -> Iterator[tuple[Batch, int]]:
    """Stored readings from ``missed.since`` to ``now`` (microseconds UTC), each with where its slice ends.

    Raises :class:`Unavailable` when the store does not answer.
    """
    end = _moment(now)
    begin = max(_moment(missed.since) - MARGIN, end - LONGEST)
    while begin < end:
        until = min(begin + SLICE, end)
        yield from _slice(missed, begin, until, store)
        begin = until


def _slice(missed: Missed, begin: dt.datetime, until: dt.datetime, store: StoreClient) -> Iterator[tuple[Batch, int]]:
    parts: list[tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    texts: list[tuple[int, TextReading]] = []
    for org, series in missed.series.items():
        for first in range(0, len(series), _SERIES):
            some = series[first : first + _SERIES]
            table = telemetry.export([org], some, begin, until, store=store)
            if table.num_rows >= telemetry.EXPORT_ROWS and until - begin > _SHORTEST:
                middle = begin + (until - begin) / 2
                yield from _slice(missed, begin, middle, store)
                yield from _slice(missed, middle, until, store)
                return
            times = table.column("ts").to_numpy().astype("datetime64[us]").astype(np.int64)
            parts.append(
                (
                    org,
                    table.column("series").to_numpy().astype(np.int64),
                    times,
                    table.column("value").to_numpy().astype(np.float64),
                    table.column("quality").to_numpy().astype(np.uint8),
                )
            )
            texts += _texts(org, some, begin, until, store)
    orgs = np.concatenate([np.full(len(part[1]), part[0], np.int64) for part in parts])
    which, times, values, qualities = (np.concatenate([part[at] for part in parts]) for at in (1, 2, 3, 4))
    yield Batch(orgs, which, times, values, qualities, texts), _microseconds(until)


def _texts(
    org: int, series: Sequence[int], begin: dt.datetime, until: dt.datetime, store: StoreClient
) -> list[tuple[int, TextReading]]:
    table = telemetry.export_texts([org], series, begin, until, store=store)
    columns = (table.column(name).to_pylist() for name in ("series", "t", "x", "q"))
    return [(org, TextReading(one, time, text, quality)) for one, time, text, quality in zip(*columns, strict=True)]


def _moment(microseconds: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds)


def _microseconds(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
