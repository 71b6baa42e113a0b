"""The message every room shares: a batch of readings on the bus.

One message holds readings of one device, in columns, so that a batch of ten thousand decodes as fast
as a batch of ten. It is MessagePack (https://msgpack.org): a map with these keys.

| key | content |
|---|---|
| ``v`` | version: 1, or 2 when there are arrays; who knows 1 only refuses 2 instead of losing them |
| ``org``, ``dev`` | owner organisation and device, integers |
| ``at`` | when the gateway had them: microseconds since 1970-01-01 UTC |
| ``s`` | series ids, little-endian ``uint32[n]`` |
| ``t`` | source times, little-endian ``int64[n]``, microseconds since 1970-01-01 UTC |
| ``x`` | values, little-endian ``float64[n]``; booleans are 0 and 1; NaN only with quality *bad* |
| ``q`` | qualities, ``uint8[n]``, :class:`Quality` |
| ``txt`` | text readings, list of ``[series, time, text, quality]`` |
| ``arr`` | arrays and waveforms, list of ``[series, time, rate, quality, width, little-endian float32 or float64]`` |

Subject: :func:`gongfu.kernel.bus.readings_subject`.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

VERSION = 2
_PLAIN = 1
"""Version of a batch without arrays: what readers before version 2 understand."""
ARRAY_LIMIT = 100_000
"""Elements of one array: as ``float64`` it still fits a message."""


class Quality(IntEnum):
    """How far a value may be believed (OPC UA Part 8 §5.2: good, uncertain, bad)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class TextReading(msgspec.Struct, frozen=True, array_like=True):
    """One text value: a state, a program name."""

    series: int
    time: int
    text: str
    quality: int = 0


class ArrayReading(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """Many numbers of one moment: a waveform, a spectrum, a profile, a recipe.

    ``time`` is that of the first element, ``rate`` elements a second (0: no samples in time), ``width`` octets of an
    element (4 or 8), ``data`` little-endian floats.
    """

    series: int
    time: int
    rate: float
    quality: int
    width: int
    data: bytes

    @property
    def values(self) -> NDArray[np.float64]:
        """Its elements."""
        return np.frombuffer(self.data, "<f4" if self.width == 4 else "<f8").astype(np.float64)

    @property
    def whole(self) -> bool:
        """Whether ``data`` is a number of elements of a known width."""
        return self.width in (4, 8) and len(self.data) % self.width == 0 and len(self.data) <= ARRAY_LIMIT * 8


def array(series: int, time: int, values: NDArray[np.float64], rate: float = 0.0, quality: int = 0) -> ArrayReading:
    """A reading of ``values``, in half the octets where that loses nothing."""
    with np.errstate(over="ignore"):  # what is too large for it becomes infinite, and is told apart below
        narrow = values.astype("<f4")
    if np.array_equal(narrow.astype(np.float64), values, equal_nan=True):
        return ArrayReading(series, time, rate, quality, 4, narrow.tobytes())
    return ArrayReading(series, time, rate, quality, 8, values.astype("<f8").tobytes())


class Readings(msgspec.Struct, frozen=True, eq=False):
    """A batch of readings of one device. Arrays share their length; times in microseconds UTC."""

    org: int
    device: int
    arrived: int
    series: NDArray[np.uint32]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.uint8]
    texts: list[TextReading]
    arrays: list[ArrayReading] = []

    def __len__(self) -> int:
        return len(self.series) + len(self.texts) + len(self.arrays)


class _Wire(msgspec.Struct, frozen=True, omit_defaults=True):
    v: int
    org: int
    dev: int
    at: int
    s: bytes
    t: bytes
    x: bytes
    q: bytes
    txt: list[TextReading] = []
    arr: list[ArrayReading] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


def encode(batch: Readings) -> bytes:
    """The bytes of ``batch``."""
    return _encoder.encode(
        _Wire(
            v=VERSION if batch.arrays else _PLAIN,
            org=batch.org,
            dev=batch.device,
            at=batch.arrived,
            s=batch.series.astype("<u4", copy=False).tobytes(),
            t=batch.times.astype("<i8", copy=False).tobytes(),
            x=batch.values.astype("<f8", copy=False).tobytes(),
            q=batch.qualities.astype("u1", copy=False).tobytes(),
            txt=batch.texts,
            arr=batch.arrays,
        )
    )


def decode(data: bytes) -> Readings:
    """The batch in ``data``; raises :class:`Invalid` for anything that is not one."""
    try:
        wire = _decoder.decode(data)
        batch = Readings(
            org=wire.org,
            device=wire.dev,
            arrived=wire.at,
            series=np.frombuffer(wire.s, "<u4"),
            times=np.frombuffer(wire.t, "<i8"),
            values=np.frombuffer(wire.x, "<f8"),
            qualities=np.frombuffer(wire.q, "u1"),
            texts=wire.txt,
            arrays=wire.arr,
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise Invalid(mark("Not a batch of readings: {reason}."), reason=error) from error
    if wire.v not in (_PLAIN, VERSION):
        raise Invalid(mark("Readings of format {version} cannot be read."), version=wire.v)
    if not len(batch.series) == len(batch.times) == len(batch.values) == len(batch.qualities):
        raise Invalid(mark("Not a batch of readings: {reason}."), reason="columns differ in length")
    if not all(one.whole for one in batch.arrays):
        raise Invalid(mark("Not a batch of readings: {reason}."), reason="an array of broken elements")
    return batch
