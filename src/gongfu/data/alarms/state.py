"""What an evaluator remembers between batches, in columns, and how it is written down."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
import numpy as np

from gongfu.data.alarms.bank import CODES, Bank, Flags, Floats, Ints
from gongfu.data.alarms.rules import Kind

NEVER: Final = -(1 << 62)
"""No time yet."""


class State:
    """One entry for each row of a bank. ``since``, ``changed``: source time, microseconds."""

    COLUMNS: Final = (
        *("cond", "since", "value", "gated", "active", "changed", "gate"),
        *("seen", "before_value", "before_time", "anchor_value", "anchor_time"),
    )

    def __init__(self, bank: Bank, clock: int) -> None:
        rows = len(bank)
        self.cond: Flags = bank.kind == CODES[Kind.NO_DATA]
        """The condition, with its dead-band, before its delays."""
        self.since: Ints = np.where(self.cond, clock, NEVER)
        self.value: Floats = np.full(rows, np.nan)
        """Where the condition began."""
        self.gated: Flags = np.zeros(rows, np.bool_)
        """False because the gate is closed."""
        self.active: Flags = np.zeros(rows, np.bool_)
        self.changed: Ints = np.full(rows, NEVER, np.int64)
        self.gate: Flags = np.ones(rows, np.bool_)
        self.seen: Flags = np.zeros(rows, np.bool_)
        """Whether there was a usable reading."""
        self.before_value: Floats = np.full(rows, np.nan)
        """The reading before: the one a frozen value must differ from; the window before the current one of a rate."""
        self.before_time: Ints = np.full(rows, NEVER, np.int64)
        self.anchor_value: Floats = np.full(rows, np.nan)
        """First reading of the current window of a rate."""
        self.anchor_time: Ints = np.full(rows, NEVER, np.int64)

    def copy(self, to: Ints, other: State, source: Ints) -> None:
        """Entries ``source`` of ``other`` become entries ``to``."""
        for name in self.COLUMNS:
            getattr(self, name)[to] = getattr(other, name)[source]

    def set_back(self, rows: Ints, time: int) -> None:
        """The clock of their source was set back to ``time``: nothing began later than that."""
        for name in ("since", "changed"):
            column = getattr(self, name)
            column[rows] = np.minimum(column[rows], time)
        for name in ("before_time", "anchor_time"):
            getattr(self, name)[rows] = NEVER
        self.before_value[rows] = self.anchor_value[rows] = np.nan


class SeriesState:
    """The newest reading of each series of a bank."""

    COLUMNS: Final = ("time", "heard", "value")

    def __init__(self, bank: Bank) -> None:
        count = len(bank.series)
        self.time: Ints = np.full(count, NEVER, np.int64)
        self.heard: Ints = np.full(count, NEVER, np.int64)
        """When it came, by the evaluator's clock."""
        self.value: Floats = np.full(count, np.nan)

    def copy(self, to: Ints, other: SeriesState, source: Ints) -> None:
        """Entries ``source`` of ``other`` become entries ``to``."""
        for name in self.COLUMNS:
            getattr(self, name)[to] = getattr(other, name)[source]


class _Written(msgspec.Struct):
    version: int
    clock: int
    keys: list[tuple[int, int, int, Kind]]
    series: bytes
    columns: dict[str, bytes]


_VERSION: Final = 1
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Written)


def write(bank: Bank, state: State, series: SeriesState, clock: int) -> bytes:
    """Everything an evaluator must not forget."""
    columns = {name: getattr(state, name).tobytes() for name in State.COLUMNS}
    columns |= {f"series.{name}": getattr(series, name).tobytes() for name in SeriesState.COLUMNS}
    written = _Written(_VERSION, clock, bank.keys, bank.series.tobytes(), columns)
    return zlib.compress(_encoder.encode(written), 1)


def read(data: bytes, bank: Bank, state: State, series: SeriesState, clock: int) -> int:
    """Go on from what :func:`write` made, for the rows that are still there; when that was. :class:`ValueError`.

    Silence is counted in this process's ``clock``: the time in which nobody listened is no silence of a device.
    """
    try:
        written = _decoder.decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"no state: {error}") from error
    if written.version != _VERSION:
        raise ValueError(f"state of version {written.version}")
    place = {(rule, device, one, kind): row for row, (rule, device, one, kind) in enumerate(written.keys)}
    pairs = [(row, place[key]) for row, key in enumerate(bank.keys) if key in place]
    new, old = np.array(pairs, np.int64).reshape(-1, 2).T
    for name in State.COLUMNS:
        column = getattr(state, name)
        column[new] = _column(written, name, column.dtype, len(written.keys))[old]
    known = np.frombuffer(written.series, np.int64)
    there = np.flatnonzero(np.isin(bank.series, known))
    source = np.searchsorted(known, bank.series[there])
    for name in SeriesState.COLUMNS:
        column = getattr(series, name)
        column[there] = _column(written, f"series.{name}", column.dtype, len(known))[source]
    heard = series.heard != NEVER
    series.heard[heard] += clock - written.clock
    # Nothing was ever heard of these: they wait from now on.
    waiting = (series.time[bank.main] == NEVER) & (bank.kind == CODES[Kind.NO_DATA]) & ~state.active
    state.since[waiting] = clock
    return written.clock


def _column(
    written: _Written, name: str, kind: np.dtype[np.generic], count: int
) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
    found = np.frombuffer(written.columns.get(name, b""), kind)
    if len(found) != count:
        raise ValueError(f"column {name} has {len(found)} entries, not {count}")
    return found
