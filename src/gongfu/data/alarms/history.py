"""What a rule would have said of stored readings: the same evaluator, fed from the store."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import numpy as np

from gongfu.data.alarms import bank, binding
from gongfu.data.alarms.evaluate import Evaluator
from gongfu.data.alarms.models import AlarmRule
from gongfu.data.alarms.rules import Binding, Kind, RuleConfig, Transition, text_code
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient

LONGEST: Final = dt.timedelta(days=92)
SHORT: Final = 1_000_000
"""Readings that are looked at while the page waits; more is a job."""
MOST_TOLD: Final = 500
_DEVICES: Final = 25
_SLICE: Final = dt.timedelta(days=1)


class Firing(msgspec.Struct, frozen=True):
    """One time the alarm would have come; milliseconds since 1970, ``end`` None: it would still be there."""

    device: int
    series: int
    start: int
    end: int | None
    value: float | None


class Trial(msgspec.Struct, frozen=True):
    """What came of it; ``firings`` are the first ones, ``count`` is of all."""

    count: int
    devices: int
    readings: int
    start: int
    end: int
    series: int
    """A tag to draw: where it would have come most often."""
    firings: list[Firing]


def readings(rule: AlarmRule, start: dt.datetime, end: dt.datetime, store: StoreClient | None = None) -> int:
    """How many readings a trial would look at."""
    series = {one for binding_ in binding.bound(rule).bindings for one in _series(binding_)}
    return telemetry.count([rule.organisation_id], sorted(series)[:10_000], start, end, store=store)


def trial(
    rule: AlarmRule,
    start: dt.datetime,
    end: dt.datetime,
    *,
    report: Callable[[float], None] = lambda _percent: None,
    store: StoreClient | None = None,
) -> Trial:
    """Evaluate ``rule``, which need not be saved, from ``start`` to ``end``; ``report`` hears percents.

    Raises :class:`Invalid` for a rule that cannot be evaluated, that has no device, or a range that is too long.
    """
    if not dt.timedelta(0) < end - start <= LONGEST:
        raise Invalid(mark("A rule is tried on at most {days} days."), days=LONGEST.days)
    config = binding.bound(rule)
    if not config.bindings:
        raise Invalid(
            mark("No device in service has the tags that this rule names."), remedy=mark("Check the keys of the tags.")
        )
    found: list[Transition] = []
    seen = 0
    parts = [config.bindings[first : first + _DEVICES] for first in range(0, len(config.bindings), _DEVICES)]
    for number, part in enumerate(parts):
        one = _Run(msgspec.structs.replace(config, bindings=part), start, end, store)
        for share in one.run():
            report(100 * (number + share) / len(parts))
        found += one.found
        seen += one.seen
    firings = _paired(found)
    often = max((firing.series for firing in firings), key=[f.series for f in firings].count, default=0)
    return Trial(
        count=len(firings),
        devices=len(config.bindings),
        readings=seen,
        start=_milliseconds(start),
        end=_milliseconds(end),
        series=often or config.bindings[0].series,
        firings=firings[:MOST_TOLD],
    )


class _Run:
    """Some devices, day by day."""

    def __init__(self, config: RuleConfig, start: dt.datetime, end: dt.datetime, store: StoreClient | None) -> None:
        self._config, self._start, self._end, self._store = config, start, end, store
        self._series = sorted({one for binding_ in config.bindings for one in _series(binding_)})
        self._evaluator = Evaluator(bank.build([config]), _milliseconds(start) * 1000)
        self.found: list[Transition] = []
        self.seen = 0

    def run(self) -> Sequence[float]:
        """Shares of the way that are done, one by one."""
        shares = []
        begin = self._start
        while begin < self._end:
            until = min(begin + _SLICE, self._end)
            self._slice(begin, until)
            shares.append((until - self._start) / (self._end - self._start))
            begin = until
        return shares

    def _slice(self, begin: dt.datetime, until: dt.datetime) -> None:
        orgs = [self._config.org]
        table = telemetry.export(orgs, self._series, begin, until, store=self._store)
        if table.num_rows >= telemetry.EXPORT_ROWS and until - begin > dt.timedelta(minutes=1):
            middle = begin + (until - begin) / 2
            self._slice(begin, middle)
            self._slice(middle, until)
            return
        series = table.column("series").to_numpy().astype(np.int64)
        times = table.column("ts").to_numpy().astype("datetime64[us]").astype(np.int64)
        values = table.column("value").to_numpy().astype(np.float64)
        bad = table.column("quality").to_numpy() >= 2
        if self._config.kind == Kind.EQUALS and self._config.text:
            for history in telemetry.states(orgs, self._series, begin, until, 20_000, store=self._store):
                points = [point for point in history.points if isinstance(point.value, str)]
                series = np.append(series, np.full(len(points), history.series, np.int64))
                times = np.append(times, np.array([point.time * 1000 for point in points], np.int64))
                values = np.append(values, np.array([text_code(str(point.value)) for point in points]))
                bad = np.append(bad, np.array([point.quality >= 2 for point in points], np.bool_))
        self.seen += len(series)
        self.found += self._evaluator.take(series, np.full(len(series), self._config.org), times, values, bad, None)
        self.found += self._evaluator.tick(_milliseconds(until) * 1000)


def _series(one: Binding) -> list[int]:
    return [series for series in (one.series, one.other, one.gate, *one.inputs) if series]


def _paired(found: Sequence[Transition]) -> list[Firing]:
    """Coming and going together, oldest first."""
    open_: dict[int, Transition] = {}
    firings: list[Firing] = []
    for one in sorted(found, key=lambda one: one.time):
        if one.active:
            open_[one.device] = one
        elif (begun := open_.pop(one.device, None)) is not None:
            firings.append(_firing(begun, one.time // 1000))
    firings += [_firing(begun, None) for begun in open_.values()]
    return sorted(firings, key=lambda firing: firing.start)


def _firing(begun: Transition, end: int | None) -> Firing:
    return Firing(begun.device, begun.series, begun.time // 1000, end, begun.value)


def _milliseconds(moment: dt.datetime) -> int:
    return round(moment.timestamp() * 1000)
