"""JSON payloads to samples. Pure, and never surprised: any bytes give samples or a reason.

A payload is an object, an array of objects (a batch, oldest first), or a bare number, text or boolean for the
tag whose address is empty. A tag's address is a path: ``/spindle/speed``, ``spindle.speed`` and, into arrays,
``/axes/0/load``. Inside a JSON pointer ``~1`` stands for ``/`` and ``~0`` for ``~`` (RFC 6901).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Point, Sample
from gongfu.network.gateway.config import TagConfig

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

BATCH_LIMIT = 100_000
"""Elements of one array."""
FIELD_LIMIT = 1000
DEPTH_LIMIT = 16
"""How many fields of a message are told, and how deep they may lie."""


class Malformed(Invalid):
    """A payload that is not what the device's configuration says."""


class _Missing(msgspec.Struct, frozen=True):
    """Stands for a path that leads nowhere."""


_MISSING = _Missing()
_decode = msgspec.json.Decoder().decode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Mapping:
    """How one device's payloads are read. ``time`` is a path, empty for none; ``time_unit`` as in the manifest."""

    def __init__(self, tags: Sequence[TagConfig], time: str = "", time_unit: str = "auto") -> None:
        self._tags = [(tag.series, path(tag.address)) for tag in tags if tag.address.strip("/. ")]
        self._bare = [tag.series for tag in tags if not tag.address.strip("/. ")]
        self._time = path(time)
        self._read_time = _TIME_READERS[time_unit]

    def samples(self, payload: bytes, stored: int) -> list[Sample]:
        """The samples in ``payload``; ``stored`` (µs UTC) is the time of a payload that carries none.

        Raises :class:`Malformed`. A tag that a payload does not mention gets no sample; one that it mentions
        with something that is neither number, text nor boolean gets a bad one.
        """
        return self.document(decode(payload), stored)

    def document(self, document: Json, stored: int) -> list[Sample]:
        """Like :meth:`samples`, of what has been decoded already."""
        if isinstance(document, dict):
            return self._object(document, stored)
        if isinstance(document, list):
            return self._batch(document, stored)
        if not self._bare:
            raise Malformed(
                mark("The payload is a bare {kind}, but no tag has an empty address."), kind=_kind(document)
            )
        return [Sample(series, document, stored) for series in self._bare]

    def _batch(self, elements: list[Json], stored: int) -> list[Sample]:
        if len(elements) > BATCH_LIMIT:
            raise Malformed(mark("The payload has more than {limit} elements."), limit=BATCH_LIMIT)
        samples: list[Sample] = []
        for number, element in enumerate(elements):
            if not isinstance(element, dict):
                raise Malformed(
                    mark("Element {number} of the payload is a {kind}, not an object."),
                    number=number,
                    kind=_kind(element),
                )
            # Elements without a time of their own stay distinct, and the same when delivered again.
            samples.extend(self._object(element, stored + number))
        return samples

    def _object(self, document: dict[str, Json], stored: int) -> list[Sample]:
        time = stored
        if self._time:
            time = self._read_time(_find(document, self._time))
        samples: list[Sample] = []
        for series, steps in self._tags:
            value = document.get(steps[0], _MISSING) if len(steps) == 1 else _find(document, steps)
            if isinstance(value, float | int | str | bool):
                samples.append(Sample(series, value, time))
            elif value is not _MISSING:
                samples.append(Sample(series, None, time))
        return samples


def fields(payload: bytes) -> list[Point]:
    """Every number, text and boolean in ``payload`` with the address that finds it; nothing when it is no JSON.

    Of a batch the last element counts.
    """
    try:
        document: Json = _decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return []
    if isinstance(document, list):
        document = document[-1] if document else None
    found: list[Point] = []
    _collect(document, "", found, 0)
    return found


def _collect(here: Json, address: str, into: list[Point], depth: int) -> None:
    if len(into) >= FIELD_LIMIT or depth > DEPTH_LIMIT:
        return
    if isinstance(here, dict):
        for name, value in here.items():
            _collect(value, f"{address}/{name.replace('~', '~0').replace('/', '~1')}", into, depth + 1)
    elif isinstance(here, list):
        for number, value in enumerate(here):
            _collect(value, f"{address}/{number}", into, depth + 1)
    elif here is not None:
        name = address.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        into.append(Point(address=address, name=name, kind=_kind(here), detail=f"{here!s:.80}"))


def decode(payload: bytes) -> Json:
    """The JSON in ``payload``; raises :class:`Malformed`."""
    try:
        document: Json = _decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise Malformed(mark("The payload is not JSON: {reason}."), reason=str(error)[:200]) from error
    return document


def path(address: str) -> tuple[str, ...]:
    """The steps of an address: a JSON pointer when it begins with a slash, else dotted."""
    if address.startswith("/"):
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in address[1:].split("/"))
    return tuple(address.split(".")) if address else ()


def written_to(address: str, value: float | bool | str) -> tuple[str, float | bool | str]:
    """The path in ``address``, and ``value`` as the device has it."""
    return address, value


def lead(document: Json, address: str) -> Json:
    """What ``address`` leads to in ``document``; raises :class:`Malformed` when it leads nowhere."""
    found = _find(document, path(address))
    if isinstance(found, _Missing):
        raise Malformed(mark("The payload has nothing at {path}."), path=address[:100])
    return found


def _find(document: Json, steps: tuple[str, ...]) -> Json | _Missing:
    here: Json = document
    for step in steps:
        if isinstance(here, dict):
            if step not in here:
                return _MISSING
            here = here[step]
        elif isinstance(here, list) and step.isdecimal() and step.isascii() and len(step) < 7 and int(step) < len(here):
            here = here[int(step)]
        else:
            return _MISSING
    return here


def _micros(value: float, factor: float) -> int:
    time = value * factor
    if not math.isfinite(time) or abs(time) >= 2**62:
        raise _bad_time(value)
    return int(time)


def _number_time(value: Json | _Missing, factor: int) -> int:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _bad_time(value) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad_time(value)
    if isinstance(value, int):
        if abs(value) >= 2**62 // factor:
            raise _bad_time(value)
        return value * factor
    return _micros(value, factor)


def _iso_time(value: Json | _Missing) -> int:
    if not isinstance(value, str):
        raise _bad_time(value)
    try:
        moment = msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        raise _bad_time(value) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _any_time(value: Json | _Missing) -> int:
    """ISO 8601 text; else seconds, milliseconds, microseconds or nanoseconds by size (all read as 1990 to 2150)."""
    if isinstance(value, str) and not value.strip().lstrip("-").replace(".", "", 1).isdecimal():
        return _iso_time(value)
    try:
        size = abs(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise _bad_time(value) from None
    if size < 1e11:
        return _number_time(value, 1_000_000)
    if size < 1e14:
        return _number_time(value, 1000)
    if size < 1e17:
        return _number_time(value, 1)
    return _number_time(value, 1) // 1000


_TIME_READERS: dict[str, Callable[[Json | _Missing], int]] = {
    "auto": _any_time,
    "iso": _iso_time,
    "s": lambda value: _number_time(value, 1_000_000),
    "ms": lambda value: _number_time(value, 1000),
    "us": lambda value: _number_time(value, 1),
}


def _bad_time(value: Json | _Missing) -> Malformed:
    if value is _MISSING:
        return Malformed(mark("The payload has no source time where the device's configuration says."))
    return Malformed(mark("The payload's source time cannot be read: {value}."), value=repr(value)[:100])


def _kind(value: Json) -> str:
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "text", list: "array", dict: "object"}[type(value)]
