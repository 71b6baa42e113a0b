"""Keeps roll-ups up to date: takes what :mod:`.dirt` was told and computes those buckets again from the readings.

The minute at hand is left for later: a bucket is computed when it is over, and once more for whatever comes late.
Every pass takes the same care of a correction of last year as of the last minute.
"""
# ruff: noqa: S608 - the parts put together here are constants and integers

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final

import structlog
from prometheus_client import Counter

from gongfu.data.telemetry import rollup_sql as sql
from gongfu.data.telemetry.dirt import OUTSIDE, Dirt
from gongfu.data.telemetry.rollup_sql import DAY, HOUR, MINUTE, SECOND, TEN, Window
from gongfu.data.telemetry.store.engine import Engine, StoreFailure

MOST_ROWS: Final = 600_000
"""Readings one statement may take into memory; where each has a bucket of its own, about half a kilobyte each."""
AT_ONCE: Final = min(2, max(1, (os.cpu_count() or 1) // 2))
"""Windows computed at the same time: half of the processors, and no more than the engine has memory for."""
_TOO_MUCH_MEMORY: Final = 241  # ClickHouse: MEMORY_LIMIT_EXCEEDED
FAILED: Final = Counter("gongfu_recorder_rollup_failures_total", "Windows whose roll-ups could not be computed")

log = structlog.get_logger(__name__)


class Roller:
    """Passes over the dirty ranges of one store. One at a time; blocks."""

    def __init__(
        self,
        engine: Engine,
        dirt: Dirt,
        clock: Callable[[], float] = time.time,
        *,
        most_rows: int = MOST_ROWS,
        at_once: int = AT_ONCE,
    ) -> None:
        self._engine = engine
        self._dirt = dirt
        self._clock = clock
        self._most = most_rows
        self._at_once = at_once

    def roll(self, until: int | None = None) -> int:
        """One pass over everything told before it; ``until`` (seconds) ends the last bucket. How many windows."""
        end = (int(self._clock()) if until is None else until) // MINUTE * MINUTE
        before = self._dirt.advance()
        found = self._engine.background(
            "SELECT arrayStringConcat(arrayMap(x -> toString(x), groupUniqArray(generation)), ',') FROM dirty"
            f" WHERE generation <= {before} OR generation >= {OUTSIDE}"
        )
        taken = f"generation IN ({found})"
        if not found or self._engine.background(f"SELECT count() FROM dirty WHERE {taken} AND lo < {end}") == "0":
            return 0  # what there is belongs to minutes that are not over
        self._gather(taken, end)
        done = self._compute_all(window for short in (True, False) for window in self._windows(short=short))
        self._carry(taken, end)
        for generation in found.split(","):
            self._engine.background(f"ALTER TABLE dirty DROP PARTITION {int(generation)}")
        return done

    def _gather(self, taken: str, end: int) -> None:
        """What to compute, with what the series says of itself."""
        self._engine.background("TRUNCATE TABLE rolling")
        hold = f"if(s.hold > 0, s.hold, {sql.HOLD})"
        # Readings beyond their retention are gone or going: what was computed from them must stay.
        since = f"greatest(d.lo, if(s.keep_raw > 0, {end} - s.keep_raw * {DAY}, 0))"
        self._engine.background(
            "INSERT INTO rolling (org, series, text, lo, hi, hold, states, fine)"
            f" SELECT d.org, d.series, d.text, {since},"
            f" least({end}, intDiv(d.hi + toInt64(ceil({hold})) + 59, 60) * 60),"
            f" toInt64({hold} * 1000000), d.text OR s.kind IN ('state', 'boolean'),"
            f" s.interval > 0 AND s.interval < {sql.FINE}"
            f" FROM (SELECT org, series, text, lo, max(hi) AS hi FROM dirty WHERE {taken}"
            f" AND lo < {end} GROUP BY org, series, text, lo) AS d"
            " LEFT ANY JOIN (SELECT org, series, hold, kind, interval, keep_raw FROM series FINAL) AS s"
            " ON d.org = s.org AND d.series = s.series"
        )

    def _windows(self, *, short: bool) -> Iterator[Window]:
        held = f"hold {'<=' if short else '>'} {sql.SHORT}"
        longest = int(self._engine.background(f"SELECT max(hold) FROM rolling WHERE {held}"))
        if not longest:
            return
        first, last = self._engine.background(
            f"SELECT concat(toString(min(lo)), ',', toString(max(hi))) FROM rolling WHERE {held} AND hi > lo"
        ).split(",")
        if int(last) > int(first):
            yield from self._split(Window(int(first) // DAY * DAY, -(-int(last) // DAY) * DAY, longest, short))

    def _split(self, window: Window) -> Iterator[Window]:
        """Parts of ``window`` that one statement can take; none where nothing is to do."""
        chosen, length = sql.overlap(window), window.end - window.start
        # A statement takes one range for each series. Where that would be mostly what nobody asked for, it is split.
        ranged, asked = self._engine.background(
            "SELECT concat(toString(sum(range_end - range_start)), ',', toString(sum(asked))) FROM ("
            f"SELECT least(max(hi), {window.end}) AS range_end, greatest(min(lo), {window.start}) AS range_start,"
            f" sum(least(hi, {window.end}) - greatest(lo, {window.start})) AS asked FROM rolling WHERE {chosen}"
            " GROUP BY org, series, text)"
        ).split(",")
        if asked == "0":
            return
        if length > DAY and int(ranged) > 2 * int(asked) + 2 * HOUR:
            yield from self._halves(window)
            return
        for first, last, rows in self._parts(window, chosen):
            one = replace(window, first=first, last=last)
            if rows > 2 * self._most and length > MINUTE:
                yield from self._halves(one)
            else:
                yield one

    def _parts(self, window: Window, chosen: str) -> list[tuple[int, int, int]]:
        """The series of ``window`` in parts of neighbours: first and last key, and about how much work they are.

        Shared out among series rather than cut in time: a part reads one stretch of the disk, and each hour and day is
        computed once.
        """
        span = (
            f"ts >= fromUnixTimestamp64Micro({max(0, window.start * 1_000_000 - window.longest)}, 'UTC')"
            f" AND ts < fromUnixTimestamp64Micro({window.end * 1_000_000}, 'UTC')"
            f" AND (org, series) IN (SELECT org, series FROM rolling WHERE {chosen})"
        )
        counted = " UNION ALL ".join(
            f"SELECT {sql.KEY} AS key, count() AS n, 0 AS minutes, 0 AS held FROM {table} WHERE {span} GROUP BY key"
            for table in ("readings", "texts")
        )
        ranged = (
            f"SELECT {sql.KEY} AS key, 0 AS n, intDiv(least(max(hi), {window.end}) - greatest(min(lo), {window.start}),"
            f" {MINUTE}) AS minutes, intDiv(max(hold), {MINUTE * 1_000_000}) AS held FROM rolling WHERE {chosen}"
            " GROUP BY key"
        )
        # A bucket in which a value is only held is work too, though less than one of readings.
        work = "sum(n) + intDiv(least(sum(minutes), sum(n) * sum(held)), 8)"
        lines = self._engine.background(
            f"SELECT arrayStringConcat(groupArray(concat(toString(most), ' ', toString(rows))), ',') FROM ("
            "SELECT max(key) AS most, sum(rows) AS rows FROM ("
            f"SELECT key, rows, intDiv(sum(rows) OVER (ORDER BY key) - rows, {self._most}) AS part FROM ("
            f"SELECT key, {work} AS rows FROM ({counted} UNION ALL {ranged}) GROUP BY key"
            ")) GROUP BY part ORDER BY most)"
        )
        found, first = [], window.first
        for line in lines.split(","):
            last, rows = map(int, line.split())
            found.append((first, last, rows))
            first = last + 1
        found[-1] = (found[-1][0], window.last, found[-1][2])
        return found

    def _halves(self, window: Window) -> Iterator[Window]:
        for half in _cut(window):
            yield from self._split(half)

    def _fewer(self, window: Window) -> list[Window]:
        """The same work in two; empty when it cannot be less."""
        median, most = self._engine.background(
            "SELECT concat(toString(quantileExactLow(0.5)(key)), ',', toString(max(key)))"
            f" FROM (SELECT DISTINCT {sql.KEY} AS key FROM rolling WHERE {sql.overlap(window)})"
        ).split(",")
        if int(median) < int(most):
            return [replace(window, last=int(median)), replace(window, first=int(median) + 1)]
        return _cut(window) if window.end - window.start > MINUTE else []

    def _compute_all(self, windows: Iterator[Window]) -> int:
        """How many there were. Those of the same series one after the other: days are made of all their minutes."""
        done, running = 0, dict[Future[None], Window]()
        with ThreadPoolExecutor(self._at_once, "rollups") as pool:
            for window in windows:
                while len(running) >= self._at_once or any(window.shares(other) for other in running.values()):
                    for ended in wait(running, return_when=FIRST_COMPLETED).done:
                        del running[ended]
                        ended.result()
                running[pool.submit(self._compute, window)] = window
                done += 1
            for last in running:
                last.result()
        return done

    def _compute(self, window: Window) -> None:
        try:
            for statement in self._statements(window):
                self._engine.background(statement)
        except StoreFailure as error:
            if error.number == _TOO_MUCH_MEMORY and (fewer := self._fewer(window)):
                for one in fewer:
                    self._compute(one)
                return
            FAILED.inc()
            log.error("roll-ups of a window failed, will try again", window=str(window), reason=str(error)[:300])
            # Told anew, so that one window that cannot be computed does not keep the others.
            self._engine.background(
                f"INSERT INTO dirty SELECT {self._dirt.generation}, org, series, text, greatest(lo, {window.start}),"
                f" least(hi, {window.end}) FROM rolling WHERE {sql.overlap(window)}"
            )

    def _statements(self, window: Window) -> Iterator[str]:
        kinds = self._engine.background(
            "SELECT max(text = 0) * 1 + max(text) * 2 + max(text = 0 AND states) * 4 + max(fine) * 8"
            f" FROM rolling WHERE {sql.overlap(window)}"
        )
        found = int(kinds)
        if found & 8:
            yield sql.numbers(SECOND, window, again=self._any(sql.standing(SECOND, window)))
        if found & 1:
            yield sql.numbers(MINUTE, window, again=self._any(sql.standing(MINUTE, window)))
            yield from (sql.coarser(step, window) for step in (TEN, HOUR, DAY))
        for flag, text in ((2, True), (4, False)):
            if found & flag:
                yield sql.states(window, text=text, again=self._any(sql.standing_states(window, text=text)))
                yield from (sql.coarser_states(step, window, text=text) for step in (TEN, HOUR, DAY))

    def _any(self, counting: str) -> bool:
        return self._engine.background(counting) != "0"

    def _carry(self, taken: str, end: int) -> None:
        """What lies after ``end`` comes with a later pass, also minutes in which a value is only still held."""
        hold = f"if(s.hold > 0, s.hold, {sql.HOLD})"
        self._engine.background(
            f"INSERT INTO dirty SELECT {self._dirt.generation}, d.org, d.series, d.text, greatest(d.lo, {end}), d.hi"
            " FROM (SELECT org, series, text, min(lo) AS lo, max(hi) AS hi FROM dirty"
            f" WHERE {taken} GROUP BY org, series, text) AS d"
            " LEFT ANY JOIN (SELECT org, series, hold FROM series FINAL) AS s"
            f" ON d.org = s.org AND d.series = s.series WHERE d.hi + {hold} > {end}"
        )


def _cut(window: Window) -> list[Window]:
    """Two halves, at a whole day or hour where there is one between."""
    length = window.end - window.start
    unit = DAY if length >= 2 * DAY else HOUR if length >= 2 * HOUR else MINUTE
    middle = (window.start + window.end) // 2 // unit * unit
    return [replace(window, end=middle), replace(window, start=middle)]
