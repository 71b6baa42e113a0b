"""Readings in the order of their sources, and the rules each of them touches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gongfu.data.alarms.bank import Bank, Flags, Floats, Group, Ints, gate_open
from gongfu.data.alarms.state import NEVER, SeriesState


@dataclass(frozen=True)
class Rows:
    """Readings that count, by series and then by source time. ``index``: place of the series in the bank."""

    index: Ints
    time: Ints
    value: Floats
    bad: Flags


@dataclass(frozen=True)
class Pairs:
    """Rows of the bank and the readings that touch them, by row and then by source time."""

    row: Ints
    time: Ints
    main: Flags
    """Whether the reading is of the tag the rule is about."""
    value: Floats
    """Of that tag, NaN when it is bad."""
    bad: Flags
    other: Floats
    """What it is compared with, or the result of the formula."""
    open: Flags
    """Whether the rule counts now."""


def find_rows(
    bank: Bank, state: SeriesState, series: Ints, orgs: Ints, times: Ints, values: Floats, bad: Flags
) -> tuple[Rows, int]:
    """Readings of known series that are newer than the last, and how many were not."""
    if not len(bank.series):
        empty = np.zeros(0, np.int64)
        return Rows(empty, empty, np.zeros(0), np.zeros(0, np.bool_)), 0
    index = np.searchsorted(bank.series, series)
    index[index == len(bank.series)] = 0
    known = np.flatnonzero((bank.series[index] == series) & (bank.series_org[index] == orgs))
    index, times = index[known], times[known]
    order = np.lexsort((times, index))
    index, times = index[order], times[order]
    fresh = times > state.time[index]
    fresh[1:] &= (index[1:] != index[:-1]) | (times[1:] != times[:-1])
    at = known[order[fresh]]
    broken = bad[at] | ~np.isfinite(values[at])
    return Rows(index[fresh], times[fresh], np.where(broken, np.nan, values[at]), broken), len(index) - len(at)


def find_pairs(bank: Bank, state: SeriesState, rows: Rows) -> Pairs:
    """Every rule that a reading touches, with the values of its inputs at that moment."""
    counts = bank.first[rows.index + 1] - bank.first[rows.index]
    reading = np.repeat(np.arange(len(rows.index)), counts)
    offset = np.arange(len(reading)) - np.repeat(np.cumsum(counts) - counts, counts)
    row = bank.touched[bank.first[rows.index[reading]] + offset]
    # One reading after another of one series is in order already; several series of one rule are not.
    order = np.lexsort((rows.time[reading], row)) if bank.several.any() else np.argsort(row, kind="stable")
    row, reading = row[order], reading[order]
    time = rows.time[reading]
    main = rows.index[reading] == bank.main[row]
    value, bad = rows.value[reading], rows.bad[reading]
    other = bank.setpoint[row]
    open_ = np.ones(len(row), np.bool_)
    many = np.flatnonzero(bank.several[row])
    if len(many):
        found = _AsOf(rows, state)
        foreign = many[~main[many]]
        value[foreign] = found.at(bank.main[row[foreign]], time[foreign])
        bad[foreign] = np.isnan(value[foreign])
        compared = many[bank.other[row[many]] >= 0]
        other[compared] = found.at(bank.other[row[compared]], time[compared])
        gated = many[bank.gate[row[many]] >= 0]
        gates = found.at(bank.gate[row[gated]], time[gated])
        open_[gated] = gate_open(gates, bank.gate_operator[row[gated]], bank.gate_value[row[gated]])
    else:
        found = None
    for group in bank.groups:
        _formula(bank, group, row, time, other, found or _AsOf(rows, state))
    return Pairs(row, time, main, value, bad, other, open_)


def _formula(bank: Bank, group: Group, row: Ints, time: Ints, other: Floats, found: _AsOf) -> None:
    place = np.full(len(bank), -1, np.int64)
    place[group.rows] = np.arange(len(group.rows))
    at = np.flatnonzero(place[row] >= 0)
    if len(at):
        which = group.inputs[place[row[at]]]
        columns = {name: found.at(which[:, number], time[at]) for number, name in enumerate(group.formula.names)}
        other[at] = group.formula.evaluate(columns)


class _AsOf:
    """Values of series at a time: of this batch where it reaches back so far, else what was known before."""

    def __init__(self, rows: Rows, state: SeriesState) -> None:
        self._rows = rows
        self._state = state
        self._begin = int(rows.time.min())
        self._span = int(rows.time.max()) - self._begin + 2
        self._key = rows.index * self._span + (rows.time - self._begin)

    def at(self, index: Ints, time: Ints) -> Floats:
        """The newest value of each series ``index`` that is not younger than ``time``."""
        wanted = index * self._span + np.clip(time - self._begin, 0, self._span - 1)
        place = np.searchsorted(self._key, wanted, side="right") - 1
        inside = (place >= 0) & (self._rows.index[place] == index)
        known = np.where(self._state.time[index] == NEVER, np.nan, self._state.value[index])
        return np.where(inside, self._rows.value[place], known)
