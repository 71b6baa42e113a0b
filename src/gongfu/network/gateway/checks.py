"""What every raw value passes before it becomes a reading. Pure: no clock, no I/O.

| raw value | becomes |
|---|---|
| a number, or text that reads as one | ``raw * scale + offset`` |
| nothing, NaN, infinity, text that is no number | NaN, *bad* |
| outside ``low`` … ``high`` | kept, *uncertain* |
| source time more than 300 s ahead, or before 1990 | arrival time, *uncertain* |
| source time 0 | arrival time |

Of an array each element is scaled; one that is no finite number makes the whole *bad*.

A tag with a dead-band or an interval of its own keeps fewer, see :mod:`gongfu.network.gateway.thinning`.
Past times are kept: late readings and replays are normal.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from gongfu.kernel import readings
from gongfu.kernel.events import EventKind
from gongfu.kernel.readings import ARRAY_LIMIT, ArrayReading, Quality, Readings, TextReading
from gongfu.network.drivers.contract import Numbers, Sample
from gongfu.network.gateway.config import TagConfig
from gongfu.network.gateway.thinning import Thinner, thinner

EARLIEST = 631_152_000_000_000
"""1990-01-01 UTC in microseconds: older source times are unset clocks."""
AHEAD = 300_000_000
"""How far a source clock may be ahead, microseconds."""
TEXT_LIMIT = 4096
"""Characters kept of a text reading."""
ROWS_PER_MESSAGE = 20_000
TEXT_BYTES_PER_MESSAGE = 400_000
"""With 21 bytes a row both limits together stay below :data:`gongfu.kernel.bus.MAX_PAYLOAD`."""

Raw = float | bool | str | None | list[float]
_GOOD, _UNCERTAIN, _BAD = int(Quality.GOOD), int(Quality.UNCERTAIN), int(Quality.BAD)
_WORDS = {"true": 1.0, "false": 0.0, "on": 1.0, "off": 0.0}
_ROW_BYTES = 21
_MOST_PLANS = 64


class Columns:
    """Readings of one device that wait to be published. ``size`` is their memory, roughly, in bytes."""

    __slots__ = ("arrays", "qualities", "series", "size", "texts", "times", "values")

    def __init__(self) -> None:
        self.series = array("I")
        self.times = array("q")
        self.values = array("d")
        self.qualities = array("B")
        self.texts: list[TextReading] = []
        self.arrays: list[ArrayReading] = []
        self.size = 0

    def __len__(self) -> int:
        return len(self.series) + len(self.texts) + len(self.arrays)

    def batches(self, org: int, device: int, arrived: int) -> list[Readings]:
        """The rows as messages that each fit the bus."""
        made: list[Readings] = []
        texts = _text_parts(self.texts)
        numbers = range(0, len(self.series), ROWS_PER_MESSAGE)
        for part in range(max(len(numbers), len(texts))):
            rows = slice(part * ROWS_PER_MESSAGE, (part + 1) * ROWS_PER_MESSAGE)
            made.append(
                Readings(
                    org=org,
                    device=device,
                    arrived=arrived,
                    series=np.array(self.series[rows], np.uint32),
                    times=np.array(self.times[rows], np.int64),
                    values=np.array(self.values[rows], np.float64),
                    qualities=np.array(self.qualities[rows], np.uint8),
                    texts=texts[part] if part < len(texts) else [],
                )
            )
        for arrays in _array_parts(self.arrays):
            made.append(
                Readings(
                    org=org,
                    device=device,
                    arrived=arrived,
                    series=np.array([], np.uint32),
                    times=np.array([], np.int64),
                    values=np.array([], np.float64),
                    qualities=np.array([], np.uint8),
                    texts=[],
                    arrays=arrays,
                )
            )
        return made


class Finding(msgspec.Struct, frozen=True):
    """Something worth an event. ``detail`` names the tag and the value."""

    kind: EventKind
    detail: str


class _Tag(msgspec.Struct, frozen=True):
    name: str
    text: bool
    array: bool
    scale: float
    offset: float
    low: float
    high: float
    thin: Thinner | None


class Checker:
    """The checks of one device; remembers only which tags are out of range, to report the change and not the state."""

    def __init__(self, tags: Iterable[TagConfig]) -> None:
        self._tags = {
            tag.series: _Tag(
                name=tag.name,
                text=tag.kind == "text",
                array=tag.kind == "array",
                scale=tag.scale,
                offset=tag.offset,
                low=-math.inf if tag.low is None else tag.low,
                high=math.inf if tag.high is None else tag.high,
                thin=thinner(tag),
            )
            for tag in tags
        }
        self._outside: set[int] = set()
        self._plans: dict[int, _Plan] = {}

    def check(self, samples: Iterable[Sample | Numbers], arrived: int, into: Columns) -> list[Finding]:
        """Append the readings of ``samples`` to ``into``; ``arrived`` in microseconds UTC.

        Samples of a series the device does not have are left out and found as *malformed*.
        """
        findings: list[Finding] = []
        tags, outside = self._tags, self._outside
        latest = arrived + AHEAD
        rows = 0
        for sample in samples:
            if isinstance(sample, Numbers):
                if not self._take(sample, arrived, into):
                    findings += self.check(sample.samples(), arrived, into)
                continue
            tag = tags.get(sample.series)
            if tag is None:
                findings.append(Finding(EventKind.MALFORMED, f"series {sample.series} is not a tag of this device"))
                continue
            quality = int(sample.quality)
            time = sample.time
            if not EARLIEST <= time <= latest:
                if time != 0:
                    quality = max(quality, _UNCERTAIN)
                    findings.append(Finding(EventKind.CLOCK_AHEAD, f"{tag.name}: source time {time} µs"))
                time = arrived
            if tag.array:
                one = _array(sample, tag, time, quality)
                into.arrays.append(one)
                into.size += 60 + len(one.data)
                continue
            if tag.text:
                text, well = _text(sample.value)
                if tag.thin is not None and not tag.thin.keep_text(text, time, max(quality, well)):
                    continue
                into.texts.append(TextReading(sample.series, time, text, max(quality, well)))
                into.size += 60 + 2 * len(text)
                continue
            value = _number(sample.value, tag)
            if value != value:  # NaN
                quality = _BAD
            elif not tag.low <= value <= tag.high:
                quality = max(quality, _UNCERTAIN)
                if sample.series not in outside:
                    outside.add(sample.series)
                    findings.append(Finding(EventKind.OUT_OF_RANGE, f"{tag.name} = {value:g}"))
            elif outside:
                outside.discard(sample.series)
            if tag.thin is not None and not tag.thin.keep(value, time, quality):
                continue
            into.series.append(sample.series)
            into.times.append(time)
            into.values.append(value)
            into.qualities.append(quality)
            rows += 1
        into.size += rows * _ROW_BYTES
        return findings

    def _take(self, numbers: Numbers, arrived: int, into: Columns) -> bool:
        """Append ``numbers`` at once; False, and nothing is appended, unless all of them are plainly right."""
        series = numbers.series
        plan = self._plans.get(id(series))
        if plan is None or plan.series is not series:
            plan = self._plans[id(series)] = self._plan(series)
        time = numbers.time or arrived
        if not plan.plain or not EARLIEST <= time <= arrived + AHEAD or self._outside:
            return False
        values = array("d", numbers.values)
        if plan.scaled or plan.limited:
            seen = np.frombuffer(values)
            if plan.scaled:
                with np.errstate(over="ignore", invalid="ignore"):
                    seen = seen * plan.scale + plan.offset
            # NaN is within no limits, so it is found here, too.
            if not (plan.low <= seen).all() or not (seen <= plan.high).all():
                return False
            if plan.scaled:
                values = array("d", seen.tobytes())
        if not math.isfinite(sum(values)):  # of huge ones, too: then each is looked at
            return False
        into.series.extend(plan.column)
        into.times.extend(plan.times(time))
        into.values.extend(values)
        into.qualities.frombytes(plan.good)
        into.size += len(series) * _ROW_BYTES
        return True

    def _plan(self, series: tuple[int, ...]) -> _Plan:
        if len(self._plans) >= _MOST_PLANS:  # a driver that makes them anew gains nothing by them
            self._plans.clear()
        return _Plan(series, [self._tags.get(one) for one in series])


class _Plan:
    """What is the same in all :class:`Numbers` of one run of series."""

    def __init__(self, series: tuple[int, ...], tags: Sequence[_Tag | None]) -> None:
        self.series = series
        known = [tag for tag in tags if tag is not None]
        self.plain = (
            bool(known) and len(known) == len(tags) and not any(tag.text or tag.array or tag.thin for tag in known)
        )
        self.column = array("I", series) if self.plain else array("I")
        self.good = bytes([_GOOD]) * len(series)
        self.scale, self.offset, self.low, self.high = (
            np.array([getattr(tag, name) for tag in known]) for name in ("scale", "offset", "low", "high")
        )
        self.scaled = bool((self.scale != 1).any() or (self.offset != 0).any())
        self.limited = bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    def times(self, time: int) -> array[int]:
        """``time`` for each of the series."""
        return array("q", (time,)) * len(self.series)


def _array(sample: Sample, tag: _Tag, time: int, quality: int) -> ArrayReading:
    """The elements in engineering units; empty and *bad* when there are none, cut at what fits a message."""
    if not isinstance(sample.value, list):
        return readings.array(sample.series, time, np.array([], np.float64), 0.0, _BAD)
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.array(sample.value[:ARRAY_LIMIT], np.float64) * tag.scale + tag.offset
    if len(sample.value) > ARRAY_LIMIT:
        quality = max(quality, _UNCERTAIN)
    if not np.isfinite(values).all():
        quality = _BAD
    rate = sample.rate if math.isfinite(sample.rate) and sample.rate > 0 else 0.0
    return readings.array(sample.series, time, values, rate, quality)


def _number(raw: Raw, tag: _Tag) -> float:
    """Engineering value, NaN for what is no finite number."""
    try:
        if isinstance(raw, str):
            text = raw.strip()
            raw = _WORDS.get(text.lower()) if text[:1].isalpha() else float(text)
        if raw is None or isinstance(raw, list):
            return math.nan
        value = raw * tag.scale + tag.offset
        return value if math.isfinite(value) else math.nan
    except (ValueError, OverflowError, TypeError):
        return math.nan


def _text(raw: Raw) -> tuple[str, int]:
    """Text and the quality it deserves; cut at :data:`TEXT_LIMIT`, without what UTF-8 cannot carry."""
    if raw is None or isinstance(raw, list):
        return "", _BAD
    if isinstance(raw, bool):
        return ("true" if raw else "false"), _GOOD
    if not isinstance(raw, str):
        try:
            return f"{raw:.15g}", _GOOD
        except OverflowError:  # an integer of hundreds of digits
            return "", _BAD
    text = raw if raw.isascii() else raw.encode("utf-8", "replace").decode()
    return (text, _GOOD) if len(text) <= TEXT_LIMIT else (text[:TEXT_LIMIT], _UNCERTAIN)


def _array_parts(arrays: list[ArrayReading]) -> list[list[ArrayReading]]:
    parts: list[list[ArrayReading]] = []
    room = 0
    for one in arrays:
        need = len(one.data) + 64
        if need > room:
            parts.append([])
            room = max(need, TEXT_BYTES_PER_MESSAGE)
        parts[-1].append(one)
        room -= need
    return parts


def _text_parts(texts: list[TextReading]) -> list[list[TextReading]]:
    parts: list[list[TextReading]] = []
    room = 0
    for text in texts:
        need = 4 * len(text.text) + 32
        if need > room:
            parts.append([])
            room = TEXT_BYTES_PER_MESSAGE
        parts[-1].append(text)
        room -= need
    return parts
