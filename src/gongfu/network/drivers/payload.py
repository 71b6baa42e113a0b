"""JSON payloads to samples. Pure, and never surprised: any bytes give samples or a reason.

A payload is an object, an array of objects (a batch, oldest first), or a bare number, text or boolean for the
tag whose address is empty. How addresses are written stands in :mod:`gongfu.network.drivers.selecting`.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Point, Sample
from gongfu.network.drivers.moments import Malformed, check_format, reader
from gongfu.network.drivers.rows import zone
from gongfu.network.drivers.selecting import (
    MISSING,
    Index,
    Json,
    Missing,
    Scalar,
    Selector,
    Step,
    conditions,
    escaped,
    find,
    path,
    selector,
)
from gongfu.network.drivers.values import numbers
from gongfu.network.gateway.config import TagConfig

__all__ = ["Json", "Malformed", "Mapping", "Reading", "decode", "fields", "lead"]

BATCH_LIMIT = 100_000
"""Elements of one array."""
FIELD_LIMIT = 1000
DEPTH_LIMIT = 16
WAVEFORM = 16
"""So many numbers in a row are offered as one array."""
_FASTEST = 1e12
"""Elements a second beyond which a rate is a mistake."""
"""How many fields of a message are told, and how deep they may lie."""
_TOPICS = 1000
_NAMING = ("name", "n", "key", "tag", "id", "code")
"""Keys by which the objects of an array are told apart, the likely ones first."""

_decode = msgspec.json.Decoder().decode


class Reading(msgspec.Struct, frozen=True):
    """What a message held. ``problems``: why parts of it could not be read, the first and how many."""

    samples: list[Sample]
    problem: Malformed | None = None
    problems: int = 0


class _Tag(msgspec.Struct, frozen=True):
    series: int
    steps: tuple[Step, ...]
    time: tuple[Step, ...]
    selector: Selector | None
    """None when there is nothing to filter."""


class _Plan(msgspec.Struct, frozen=True):
    """The tags that hear one topic."""

    tags: list[_Tag]
    whole: list[_Tag]
    """Of an array as a whole: their address begins with the number of an element."""
    bare: list[_Tag]


class Mapping:
    """How one device's payloads are read; raises :class:`BadConfiguration`.

    ``time`` is a path, empty for none; ``time_unit`` as in the manifest of the mqtt driver. ``time_format`` is
    strptime's, ``time_zone`` that of times which name none. ``items`` is the path of an array whose elements are read
    like messages of their own; ``only`` are conditions that a message, or an element, must fulfil.
    """

    def __init__(
        self,
        tags: Sequence[TagConfig],
        time: str = "",
        time_unit: str = "auto",
        *,
        time_format: str = "",
        time_zone: str = "UTC",
        items: str = "",
        only: str = "",
    ) -> None:
        self._selectors = [(tag.series, selector(tag.address)) for tag in tags]
        self._plans: dict[str, _Plan] = {}
        self._time = path(time)
        if time_format:
            check_format(time_format)
        self._read_time = reader(time_unit, time_format, zone(time_zone))
        self._items = path(items)
        self._only = conditions(only) if only else None

    def samples(self, payload: bytes, stored: int) -> list[Sample]:
        """The samples in ``payload``; ``stored`` (µs UTC) is the time of a payload that carries none.

        Raises :class:`Malformed`. A tag that a payload does not mention gets no sample; one that it mentions
        with something that is neither number, text nor boolean gets a bad one.
        """
        return self.document(decode(payload), stored)

    def document(self, document: Json, stored: int) -> list[Sample]:
        """Like :meth:`samples`, of what has been decoded already."""
        reading = self.read(document, stored)
        if reading.problem is not None:
            raise reading.problem
        return reading.samples

    def read(self, document: Json, stored: int, topic: str = "") -> Reading:
        """Like :meth:`document`, but what cannot be read takes nothing else along. ``topic``: where it was said."""
        plan = self._plan(topic)
        if not (plan.tags or plan.whole or plan.bare):
            return Reading([])
        around = document
        if self._items:
            found = find(document, self._items)
            if isinstance(found, Missing):
                return _unread(Malformed(mark("The payload has no array of readings where the configuration says.")))
            document = found
        if isinstance(document, list):
            return self._batch(plan, document, around, stored)
        try:
            if isinstance(document, dict):
                return Reading(self._object(plan.tags, document, around, stored))
            if not plan.bare:
                raise Malformed(
                    mark("The payload is a bare {kind}, but no tag has an empty address."), kind=_kind(document)
                )
        except Malformed as error:
            return _unread(error)
        return Reading([Sample(tag.series, _value(tag, document), stored) for tag in plan.bare])

    def _plan(self, topic: str) -> _Plan:
        plan = self._plans.get(topic)
        if plan is None:
            plan = _Plan([], [], [])
            for series, known in self._selectors:
                if known.hears(topic):
                    tag = _Tag(series, known.steps, known.time, known if known.filters else None)
                    first = known.steps[0] if known.steps else None
                    (plan.bare if first is None else plan.whole if isinstance(first, Index) else plan.tags).append(tag)
            if len(self._plans) >= _TOPICS:
                self._plans.clear()
            self._plans[topic] = plan
        return plan

    def _batch(self, plan: _Plan, elements: list[Json], around: Json, stored: int) -> Reading:
        if len(elements) > BATCH_LIMIT:
            return _unread(Malformed(mark("The payload has more than {limit} elements."), limit=BATCH_LIMIT))
        samples: list[Sample] = []
        problem, problems = None, 0
        if plan.whole:
            self._take(plan.whole, elements, stored, samples)
        # Without tags of single elements they are not looked at: the array is a list of plain values.
        for number, element in enumerate(elements if plan.tags or not plan.whole else ()):
            try:
                if not isinstance(element, dict):
                    raise Malformed(
                        mark("Element {number} of the payload is a {kind}, not an object."),
                        number=number,
                        kind=_kind(element),
                    )
                # Elements without a time of their own stay distinct, and the same when delivered again.
                samples.extend(self._object(plan.tags, element, around, stored + number))
            except Malformed as error:
                problem = problem or error
                problems += 1
        return Reading(samples, problem, problems)

    def _object(self, tags: list[_Tag], document: dict[str, Json], around: Json, stored: int) -> list[Sample]:
        if self._only is not None and not self._only.fits(document, around):
            return []
        time = stored
        if self._time:
            told = find(document, self._time)
            time = self._read_time(find(around, self._time) if told is MISSING else told)
        samples: list[Sample] = []
        self._take(tags, document, time, samples)
        return samples

    def _take(self, tags: list[_Tag], document: Json, time: int, into: list[Sample]) -> None:
        for tag in tags:
            found = find(document, tag.steps)
            if isinstance(found, Missing):
                continue
            rate = _rate(found) if isinstance(found, dict) else 0.0
            value = _value(tag, found)
            if not tag.time:
                into.append(Sample(tag.series, value, time, rate=rate))
                continue
            try:
                into.append(Sample(tag.series, value, self._read_time(find(document, tag.time)), rate=rate))
            except Malformed:
                into.append(Sample(tag.series, value, time, Quality.UNCERTAIN, rate))


def _value(tag: _Tag, found: Json) -> Scalar | list[float] | None:
    if tag.selector is not None:
        return tag.selector.value(found)
    if isinstance(found, dict):
        found = found.get("values")
        return numbers(found) if isinstance(found, list) else None
    if isinstance(found, list):
        return numbers(found)  # for a tag of the kind array; any other takes it as no value
    return found if isinstance(found, float | int | str | bool) else None


def _rate(found: dict[str, Json]) -> float:
    """Elements a second of ``{"rate": 25600, "values": […]}``."""
    rate = found.get("rate")
    return float(rate) if isinstance(rate, int | float) and 0 < rate < _FASTEST else 0.0


def _unread(problem: Malformed) -> Reading:
    return Reading([], problem, 1)


def fields(payload: bytes, items: str = "") -> list[Point]:
    """Every number, text and boolean in ``payload`` with the address that finds it; nothing when it is no JSON.

    Of a batch the last element counts. Objects in an array that have a name are found by it, others by number.
    ``items`` as for :class:`Mapping`.
    """
    try:
        document: Json = _decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return []
    if items:
        inside = find(document, path(items))
        document = None if isinstance(inside, Missing) else inside
    if isinstance(document, list) and not _naming(document):
        document = document[-1] if document else None
    found: list[Point] = []
    _collect(document, "", found, 0)
    return found


def _collect(here: Json, address: str, into: list[Point], depth: int) -> None:
    if len(into) >= FIELD_LIMIT or depth > DEPTH_LIMIT or set(address) & set('|>"'):
        return  # enough, or not to be written as an address
    if isinstance(here, dict):
        for name, value in here.items():
            _collect(value, f"{address}/{escaped(name)}", into, depth + 1)
    elif isinstance(here, list):
        by = _naming(here)
        if len(here) >= WAVEFORM and numbers(here) is not None:
            name = address.rpartition("/")[2]
            into.append(Point(address=address, name=name, kind="array", detail=f"[{len(here)}] {here[:4]!s:.80}"))
            return
        for number, value in enumerate(here):
            if by and isinstance(value, dict):
                others = {key: inner for key, inner in value.items() if key != by}
                _collect(others, f"{address}/[{by}={escaped(str(value[by]))}]", into, depth + 1)
                continue
            _collect(value, f"{address}/{number}", into, depth + 1)
    elif here is not None:
        name = address.rpartition("/")[2].replace("~2", "[").replace("~1", "/").replace("~0", "~")
        into.append(Point(address=address, name=name, kind=_kind(here), detail=f"{here!s:.80}"))


def _naming(elements: list[Json]) -> str:
    """The key whose texts tell the objects of an array apart; empty when there is none."""
    for key in _NAMING:
        names = [element.get(key) if isinstance(element, dict) else None for element in elements[:FIELD_LIMIT]]
        texts = {name for name in names if isinstance(name, str) and name and not set(name) & set('"[]=,|')}
        if names and len(texts) == len(names) and all(name == name.strip() for name in texts):
            return key
    return ""


def decode(payload: bytes) -> Json:
    """The JSON in ``payload``; raises :class:`Malformed`."""
    try:
        document: Json = _decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Malformed(mark("The payload is not JSON: {reason}."), reason=str(error)[:200]) from error
    return document


def lead(document: Json, address: str) -> Json:
    """What ``address`` leads to in ``document``; raises :class:`Malformed` when it leads nowhere."""
    found = find(document, path(address))
    if isinstance(found, Missing):
        raise Malformed(mark("The payload has nothing at {path}."), path=address[:100])
    return found


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}[type(value)]
