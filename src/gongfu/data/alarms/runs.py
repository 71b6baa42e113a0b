"""From pairs to runs: from when to when the condition of each rule was true or false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gongfu.data.alarms.bank import CODES, SECOND, TIMED, Bank, Flags, Floats, Ints
from gongfu.data.alarms.pairs import Pairs
from gongfu.data.alarms.rules import Kind
from gongfu.data.alarms.state import NEVER, State


@dataclass(frozen=True)
class Runs:
    """Runs of each row in the order of time; the last one of a row is still open."""

    row: Ints
    start: Ints
    end: Ints
    cond: Flags
    value: Floats
    gated: Flags
    open: Flags


@dataclass(frozen=True)
class _Begins:
    """Where runs begin; of equal times ``order`` says which is first."""

    row: Ints
    time: Ints
    cond: Flags
    value: Floats
    gated: Flags
    order: Ints


def find_runs(bank: Bank, state: State, pairs: Pairs) -> Runs:
    """What ``pairs`` say about the condition of each row, behind the run that was open before. Updates ``state``."""
    kind = bank.kind[pairs.row]
    timed = np.isin(kind, TIMED)
    opened = _opened(state, pairs)
    marks = _marks(bank, state, pairs, kind)
    marks[~pairs.open] = -1
    at = np.flatnonzero((marks != 0) & ~timed)
    row, cond = pairs.row[at], marks[at] > 0
    before = state.cond[row]
    same = row[1:] == row[:-1]
    before[1:] = np.where(same, cond[:-1], before[1:])
    at = at[cond != before]
    parts = [_begins(pairs, at, marks[at] > 0, ~pairs.open[at], 1)]
    if timed.any():
        moved = timed & pairs.open & (_moved(bank, state, pairs, kind) | opened)
        shut = np.flatnonzero(timed & ~pairs.open)
        again = np.flatnonzero(moved)
        no = np.zeros(len(again), np.bool_)
        parts.append(_begins(pairs, shut, np.zeros(len(shut), np.bool_), np.ones(len(shut), np.bool_), 1))
        parts.append(_begins(pairs, again, no, no, 1))
        parts.append(_begins(pairs, again, ~no, no, 2))
    begun = np.unique(np.concatenate([part.row for part in parts]))
    stored = begun[state.since[begun] != NEVER]
    parts.append(
        _Begins(
            stored,
            state.since[stored],
            state.cond[stored],
            state.value[stored],
            state.gated[stored],
            np.zeros(len(stored), np.int64),
        )
    )
    return _ordered(parts)


def _begins(pairs: Pairs, at: Ints, cond: Flags, gated: Flags, order: int) -> _Begins:
    return _Begins(
        pairs.row[at], pairs.time[at], cond, pairs.value[at], gated, np.full(len(at), order, np.int64)
    )


def _ordered(parts: list[_Begins]) -> Runs:
    row = np.concatenate([part.row for part in parts])
    time = np.concatenate([part.time for part in parts])
    order = np.concatenate([part.order for part in parts])
    sorting = np.lexsort((order, time, order > 0, row))
    row, start = row[sorting], time[sorting]
    last = np.ones(len(row), np.bool_)
    last[:-1] = row[1:] != row[:-1]
    end = np.append(start[1:], NEVER) if len(row) else start
    return Runs(
        row,
        start,
        end,
        np.concatenate([part.cond for part in parts])[sorting],
        np.concatenate([part.value for part in parts])[sorting],
        np.concatenate([part.gated for part in parts])[sorting],
        last,
    )


def _opened(state: State, pairs: Pairs) -> Flags:
    """Where a gate that was closed is open now."""
    first, last = _ends(pairs.row)
    before = np.empty(len(pairs.row), np.bool_)
    before[1:] = pairs.open[:-1]
    before[first] = state.gate[pairs.row[first]]
    state.gate[pairs.row[last]] = pairs.open[last]
    return pairs.open & ~before


def _marks(bank: Bank, state: State, pairs: Pairs, kind: np.ndarray[tuple[int], np.dtype[np.int8]]) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """+1 where the condition is true, -1 where it is false, 0 within the dead-band and where nothing can be said."""
    x, row = pairs.value, pairs.row
    limit, band = bank.limit[row], bank.deadband[row]
    distance = np.full(len(x), np.nan)
    """How far beyond the limit; NaN where the kind knows no limit."""
    high = (kind == CODES[Kind.HIGH]) | (kind == CODES[Kind.HIGH_HIGH])
    low = (kind == CODES[Kind.LOW]) | (kind == CODES[Kind.LOW_LOW])
    distance[high] = (x - limit)[high]
    distance[low] = (limit - x)[low]
    if (deviating := kind == CODES[Kind.DEVIATION]).any():
        distance[deviating] = _directed(bank, row, x - pairs.other)[deviating] - limit[deviating]
    if (changing := kind == CODES[Kind.RATE]).any():
        at = np.flatnonzero(changing & pairs.main & ~pairs.bad)
        distance[at] = _directed(bank, row[at], _rates(bank, state, row[at], pairs.time[at], x[at])) - limit[at]
    marks = np.zeros(len(x), np.int8)
    marks[distance > 0] = 1
    marks[distance <= -band] = -1
    equal = (kind == CODES[Kind.EQUALS]) & ~np.isnan(x)
    marks[equal] = np.where((x == limit) ^ bank.negated[row], 1, -1)[equal]
    spoilt = (kind == CODES[Kind.BAD_QUALITY]) & pairs.main
    marks[spoilt] = np.where(pairs.bad, 1, -1)[spoilt]
    computed = (kind == CODES[Kind.FORMULA]) & ~np.isnan(pairs.other)
    marks[computed] = np.where(pairs.other != 0, 1, -1)[computed]
    return marks


def _directed(bank: Bank, row: Ints, difference: Floats) -> Floats:
    direction = bank.direction[row]
    return np.where(direction == 0, np.abs(difference), difference * direction)


def _moved(bank: Bank, state: State, pairs: Pairs, kind: np.ndarray[tuple[int], np.dtype[np.int8]]) -> Flags:
    """Readings that end a silence, or a standstill by more than the dead-band since the reading before."""
    usable = pairs.main & ~pairs.bad
    moved = usable & (kind == CODES[Kind.NO_DATA])
    at = np.flatnonzero(usable & (kind == CODES[Kind.FROZEN]))
    if len(at):
        row, x = pairs.row[at], pairs.value[at]
        first, last = _ends(row)
        before = np.empty(len(at))
        before[1:] = x[:-1]
        before[first] = state.before_value[row[first]]
        state.before_value[row[last]] = x[last]
        moved[at] = ~(np.abs(x - before) <= bank.deadband[row])
    return moved


def _rates(bank: Bank, state: State, row: Ints, time: Ints, x: Floats) -> Floats:
    """Change per second against the first reading of the window before; windows stand still in time.

    Without a window it is the change since the reading before.
    """
    if not len(row):
        return np.zeros(0)
    first, last = _ends(row)
    segment = np.cumsum(first) - 1
    window = bank.window[row]
    place = np.where(window > 0, time // np.maximum(window, 1), np.arange(len(row)))
    starts = np.empty(len(row), np.bool_)
    starts[1:] = place[1:] != place[:-1]
    anchor = state.anchor_time[row[first]]
    lone = (anchor == NEVER) | (window[first] == 0)
    starts[first] = lone | (anchor // np.maximum(window[first], 1) != place[first])
    where = np.flatnonzero(starts)
    latest = np.cumsum(starts) - 1
    base = (np.cumsum(starts) - starts)[first][segment]
    count = latest + 1 - base
    """How many windows of this row have begun in the batch."""
    earlier = where[np.maximum(latest - 1, 0)] if len(where) else np.zeros(len(row), np.int64)
    past_x = np.select([count >= 2, count == 1], [x[earlier], state.anchor_value[row]], state.before_value[row])
    past_t = np.select([count >= 2, count == 1], [time[earlier], state.anchor_time[row]], state.before_time[row])
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.where(past_t == NEVER, np.nan, (x - past_x) / ((time - past_t) / SECOND))
    ending = np.flatnonzero(last & (count >= 1))
    rows = row[ending]
    state.before_value[rows], state.before_time[rows] = past_x[ending], past_t[ending]
    newest = where[latest[ending]]
    state.anchor_value[rows], state.anchor_time[rows] = x[newest], time[newest]
    return rate


def _ends(row: Ints) -> tuple[Flags, Flags]:
    """Where each row's entries begin and where they end; ``row`` is sorted."""
    change = row[1:] != row[:-1]
    edge = np.ones(min(len(row), 1), np.bool_)
    return np.concatenate([edge, change]), np.concatenate([change, edge])
