"""Rules against readings, in columns. Pure: no clock of its own, no I/O.

A batch of readings becomes *pairs* (row of the bank, reading), pairs become *runs* (the condition of a row was true or
false from a source time on), and a run counts when it lasts as long as its delay. So everything is judged by the time
at the source, in whatever batches it comes:

| reading | effect |
|---|---|
| older than, or as old as, the newest of its series | none: it was late, or came twice |
| the same for :data:`STEP_BACK` seconds, nothing newer | the source's clock was set back: it is followed |
| bad, or no number | none, except to *bad quality*; no data to *no data* |
| of a series of another organisation | none |

``clock`` is any clock that never steps (microseconds); only differences count. What nobody reports, such as the end of
a delay or missing data, follows from :meth:`Evaluator.tick`: the source's time is taken to have gone on since its last
reading as the clock has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from gongfu.data.alarms.bank import SECOND, Bank, Flags, Floats, Ints
from gongfu.data.alarms.pairs import Rows, find_pairs, find_rows
from gongfu.data.alarms.rules import Transition
from gongfu.data.alarms.runs import Runs, find_runs
from gongfu.data.alarms.state import NEVER, SeriesState, State

STEP_BACK: Final = 30 * SECOND
_STEP: Final = 5 * SECOND


class Evaluator:
    """The state of all rules, and what changes it."""

    def __init__(self, bank: Bank, clock: int, before: tuple[Bank, State, SeriesState] | None = None) -> None:
        self.bank = bank
        self.state = State(bank, clock)
        self.series = SeriesState(bank)
        self.ignored = 0
        """Readings that came late or twice."""
        self.dropped: list[Transition] = []
        """Alarms that were active under a rule that is another one now."""
        if before is not None:
            self._take_over(*before)

    def reconfigured(self, bank: Bank, clock: int) -> Evaluator:
        """The same with other rules; rows whose rule, device and tag are the same go on."""
        return Evaluator(bank, clock, (self.bank, self.state, self.series))

    def take(
        self, series: Ints, orgs: Ints, times: Ints, values: Floats, bad: Flags, clock: int | None
    ) -> list[Transition]:
        """What readings change; all columns have one length, in order of arrival.

        ``clock`` None means: as it was when they were made, for looking at history.
        """
        if not len(self.bank) or not len(series):
            return []
        rows, late = find_rows(self.bank, self.series, series, orgs, times, values, bad)
        self.ignored += late
        if clock is not None and late:
            rows = self._stepped_back(rows, series, orgs, times, values, bad, clock)
        if not len(rows.index):
            return []
        pairs = find_pairs(self.bank, self.series, rows)
        runs = find_runs(self.bank, self.state, pairs)
        found = self._effective(runs)
        self._remember(rows, clock)
        last = np.flatnonzero(np.append(pairs.row[1:] != pairs.row[:-1], True))
        touched = pairs.row[last]
        return found + self._settle(touched, np.maximum(self.series.time[self.bank.main[touched]], pairs.time[last]))

    def tick(self, clock: int) -> list[Transition]:
        """What the time alone changes."""
        rows = np.flatnonzero((self.state.cond != self.state.active) & (self.state.since != NEVER))
        if not len(rows):
            return []
        main = self.bank.main[rows]
        last = self.series.time[main]
        gone_on = np.where(last == NEVER, clock, last + np.maximum(clock - self.series.heard[main], 0))
        return self._settle(rows, gone_on)

    def active(self) -> list[tuple[int, int]]:
        """Rule and device of everything that is active."""
        return [self.bank.keys[row][:2] for row in np.flatnonzero(self.state.active)]

    def _effective(self, runs: Runs) -> list[Transition]:
        """Runs that lasted long enough, where they change something; the last run of a row stays open."""
        delay = np.where(runs.cond, self.bank.on_delay[runs.row], self.bank.off_delay[runs.row])
        closed = ~runs.open & (runs.end - runs.start >= delay)
        at = np.flatnonzero(closed)
        row, cond = runs.row[at], runs.cond[at]
        fresh = np.ones(len(at), np.bool_)
        fresh[1:] = row[1:] != row[:-1]
        before = np.empty(len(at), np.bool_)
        before[1:] = cond[:-1]
        before[fresh] = self.state.active[row[fresh]]
        at = at[cond != before]
        found = self._transitions(
            runs.row[at], runs.start[at] + delay[at], runs.cond[at], runs.value[at], runs.gated[at]
        )
        last = np.flatnonzero(runs.open)
        rows = runs.row[last]
        self.state.cond[rows] = runs.cond[last]
        self.state.since[rows] = runs.start[last]
        self.state.value[rows] = runs.value[last]
        self.state.gated[rows] = runs.gated[last]
        return found

    def _settle(self, rows: Ints, until: Ints) -> list[Transition]:
        """Open runs of ``rows`` that have lasted long enough at ``until``."""
        state, bank = self.state, self.bank
        cond, since = state.cond[rows], state.since[rows]
        delay = np.where(cond, bank.on_delay[rows], bank.off_delay[rows])
        due = (cond != state.active[rows]) & (since != NEVER) & (since + delay <= until)
        rows, delay = rows[due], delay[due]
        return self._transitions(rows, since[due] + delay, cond[due], state.value[rows], state.gated[rows])

    def _transitions(self, rows: Ints, times: Ints, active: Flags, values: Floats, gated: Flags) -> list[Transition]:
        found = []
        bank, state = self.bank, self.state
        columns = (rows.tolist(), times.tolist(), active.tolist(), values.tolist(), gated.tolist())
        for row, time, now, value, hidden in zip(*columns, strict=True):
            # A gap that ended before it was noticed, or a clock set back: an alarm never ends before it began.
            time = max(time, int(state.changed[row]))
            state.active[row], state.changed[row] = now, time
            rule, device, _, _ = bank.keys[row]
            found.append(
                Transition(
                    org=int(bank.org[row]),
                    device=device,
                    rule=rule,
                    series=int(bank.series[bank.main[row]]),
                    time=time,
                    active=now,
                    value=value if value == value else None,
                    reason="suppressed" if hidden and not now else "",
                )
            )
        return found

    def _remember(self, rows: Rows, clock: int | None) -> None:
        last = np.flatnonzero(np.append(rows.index[1:] != rows.index[:-1], True))
        index = rows.index[last]
        self.series.time[index] = rows.time[last]
        self.series.heard[index] = rows.time[last] if clock is None else clock
        self.series.value[index] = np.where(rows.bad[last], np.nan, rows.value[last])

    def _stepped_back(
        self, rows: Rows, series: Ints, orgs: Ints, times: Ints, values: Floats, bad: Flags, clock: int
    ) -> Rows:
        """Follow series that have told only old times for a while; ``rows`` again."""
        index = np.searchsorted(self.bank.series, series)
        index[index == len(self.bank.series)] = 0
        known = (self.bank.series[index] == series) & (self.bank.series_org[index] == orgs)
        old = known & (times < self.series.time[index] - _STEP) & (clock - self.series.heard[index] > STEP_BACK)
        old &= ~np.isin(index, rows.index)
        if not old.any():
            return rows
        for one in np.unique(index[old]).tolist():
            begin = int(times[old & (index == one)].min())
            self.series.time[one] = NEVER
            at = self.bank.touched[self.bank.first[one] : self.bank.first[one + 1]]
            self.state.set_back(at, begin)
        return find_rows(self.bank, self.series, series, orgs, times, values, bad)[0]

    def _take_over(self, bank: Bank, state: State, series: SeriesState) -> None:
        place = {key: row for row, key in enumerate(bank.keys)}
        pairs = [(row, place.pop(key)) for row, key in enumerate(self.bank.keys) if key in place]
        new, old = np.array(pairs, np.int64).reshape(-1, 2).T
        self.state.copy(new, state, old)
        known = np.flatnonzero(np.isin(self.bank.series, bank.series))
        self.series.copy(known, series, np.searchsorted(bank.series, self.bank.series[known]))
        gone = [row for row in place.values() if state.active[row]]
        self.dropped = [
            Transition(
                org=int(bank.org[row]),
                device=bank.keys[row][1],
                rule=bank.keys[row][0],
                series=bank.keys[row][2],
                time=int(state.changed[row]),
                active=False,
                reason="changed",
            )
            for row in gone
        ]


def as_columns(
    series: Sequence[int], times: Sequence[int], values: Sequence[float], org: int = 1
) -> tuple[Ints, Ints, Ints, Floats, Flags]:
    """Good readings of one organisation as :meth:`Evaluator.take` wants them."""
    count = len(series)
    return (
        np.array(series, np.int64),
        np.full(count, org, np.int64),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.zeros(count, np.bool_),
    )
