"""The message every room shares: a batch of readings on the bus.

One message holds readings of one device, in columns, so that a batch of ten thousand decodes as fast
as a batch of ten. It is MessagePack (https://msgpack.org): a map with these keys.

| key | content |
|---|---|
| ``v`` | version, 1 |
| ``org``, ``dev`` | owner organisation and device, integers |
| ``at`` | when the gateway had them: microseconds since 1970-01-01 UTC |
| ``s`` | series ids, little-endian ``uint32[n]`` |
| ``t`` | source times, little-endian ``int64[n]``, microseconds since 1970-01-01 UTC |
| ``x`` | values, little-endian ``float64[n]``; booleans are 0 and 1; NaN only with quality *bad* |
| ``q`` | qualities, ``uint8[n]``, :class:`Quality` |
| ``txt`` | text readings, list of ``[series, time, text, quality]`` |

Subject: :func:`gongfu.kernel.bus.readings_subject`.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

VERSION = 1


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

    def __len__(self) -> int:
        return len(self.series) + len(self.texts)


class _Wire(msgspec.Struct, frozen=True):
    v: int
    org: int
    dev: int
    at: int
    s: bytes
    t: bytes
    x: bytes
    q: bytes
    txt: list[TextReading] = []


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Wire)


def encode(batch: Readings) -> bytes:
    """The bytes of ``batch``."""
    return _encoder.encode(
        _Wire(
            v=VERSION,
            org=batch.org,
            dev=batch.device,
            at=batch.arrived,
            s=batch.series.astype("<u4", copy=False).tobytes(),
            t=batch.times.astype("<i8", copy=False).tobytes(),
            x=batch.values.astype("<f8", copy=False).tobytes(),
            q=batch.qualities.astype("u1", copy=False).tobytes(),
            txt=batch.texts,
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
        )
    except (msgspec.DecodeError, ValueError) as error:
        raise Invalid(mark("Not a batch of readings: {reason}."), reason=error) from error
    if wire.v != VERSION:
        raise Invalid(mark("Readings of format {version} cannot be read."), version=wire.v)
    if not len(batch.series) == len(batch.times) == len(batch.values) == len(batch.qualities):
        raise Invalid(mark("Not a batch of readings: {reason}."), reason="columns differ in length")
    return batch
