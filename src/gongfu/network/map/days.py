"""A day of one target in 288 slots of five minutes: small enough to be one row of a table. Pure."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

SLOTS = 288
SLOT_SECONDS = 300
COLUMNS = ("count", "latency", "p95", "jitter", "loss", "rate", "volume")
"""Milliseconds; ``loss`` from 0 to 1; readings and bytes a second."""
_TYPE = np.dtype("<f4")
SIZE = SLOTS * len(COLUMNS) * _TYPE.itemsize


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement, or the mean of some; None what was not measured."""

    latency: float | None = None
    p95: float | None = None
    jitter: float | None = None
    loss: float | None = None
    rate: float | None = None
    volume: float | None = None


class Day:
    """The slots of a day. What falls into one slot is averaged, of ``p95`` the greatest is kept."""

    def __init__(self, packed: bytes = b"") -> None:
        """Raises :class:`Invalid` for bytes that :meth:`pack` did not make."""
        if packed and len(packed) != SIZE:
            raise Invalid(mark("{size} bytes are no day of measurements."), size=len(packed))
        self._table: npt.NDArray[np.float32]
        if packed:
            self._table = np.frombuffer(packed, _TYPE).reshape(SLOTS, len(COLUMNS)).astype(np.float32)
        else:
            self._table = np.full((SLOTS, len(COLUMNS)), np.nan, np.float32)
            self._table[:, 0] = 0

    def pack(self) -> bytes:
        """Little-endian 32-bit floats, slot by slot."""
        return self._table.astype(_TYPE).tobytes()

    def put(self, second: int, moment: Moment) -> None:
        """Add ``moment`` to the slot of ``second`` of the day; a day of 25 hours ends in the last slot."""
        row = self._table[min(max(second, 0) // SLOT_SECONDS, SLOTS - 1)]
        count = float(row[0])
        for column, name in enumerate(COLUMNS[1:], start=1):
            value = getattr(moment, name)
            if value is None or not math.isfinite(value):
                continue
            known = float(row[column])
            if math.isnan(known):
                row[column] = value
            elif name == "p95":
                row[column] = max(known, value)
            else:
                row[column] = known + (value - known) / (count + 1)
        row[0] = count + 1

    def line(self, name: str) -> list[tuple[int, float]]:
        """Second of the day and value of each slot that has one."""
        values = self._table[:, COLUMNS.index(name)]
        return [(int(slot) * SLOT_SECONDS, float(values[slot])) for slot in np.flatnonzero(np.isfinite(values))]

    def mean(self) -> Moment:
        """Over the day, each slot counting once; of ``p95`` the 95th percentile of the slots."""
        said: dict[str, float | None] = {}
        for column, name in enumerate(COLUMNS[1:], start=1):
            values = self._table[:, column]
            values = values[np.isfinite(values)]
            if not len(values):
                said[name] = None
            else:
                said[name] = float(np.quantile(values, 0.95) if name == "p95" else values.mean(dtype=np.float64))
        return Moment(**said)
