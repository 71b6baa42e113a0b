"""From messages of the local stream to messages for the node: fewer, larger, with corrected times. Pure.

The same block makes the same messages again, byte for byte: that is what makes repeating harmless.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from gongfu.kernel import events, readings
from gongfu.kernel.bus import MAX_PAYLOAD
from gongfu.kernel.errors import Invalid
from gongfu.kernel.readings import Quality, Readings, TextReading
from gongfu.network.edge.ledger import UNKNOWN_SHIFT, Block, Shift

NEAR = 3_000_000
"""Microseconds. A source time no farther than this from the arrival is taken for the edge's own clock; a clock that is
off by less is not corrected. So a device's own time, when the edge's clock is wrong, is always farther away."""
_ROOM = MAX_PAYLOAD * 3 // 4
_TOGETHER = 60_000_000
"""Microseconds between the arrivals of messages that become one."""


class Stored(msgspec.Struct, frozen=True):
    """One message of the local stream."""

    sequence: int
    subject: str
    payload: bytes


class Outgoing(msgspec.Struct, frozen=True):
    """One message for the node; ``rows`` counts what is in it."""

    subject: str
    payload: bytes
    id: str
    rows: int


def pack_readings(stored: Iterable[Stored], block: Block, name: str) -> list[Outgoing]:
    """What to send of a block of ``READINGS``; ``name`` makes the ids unique among edges and streams."""
    groups: dict[str, list[list[Readings]]] = {}
    sizes: dict[str, int] = {}
    raw: list[Stored] = []
    for message in stored:
        try:
            batch = corrected(readings.decode(message.payload), block.shift)
        except (Invalid, OverflowError):
            raw.append(message)  # the node says what is wrong with it, as it would of one of its own
            continue
        parts = groups.setdefault(message.subject, [])
        size = len(message.payload)
        fits = bool(parts) and sizes[message.subject] + size <= _ROOM
        if fits and abs(batch.arrived - parts[-1][0].arrived) <= _TOGETHER:
            parts[-1].append(batch)
            sizes[message.subject] += size
        else:
            parts.append([batch])
            sizes[message.subject] = size
    found = [
        (subject, readings.encode(whole), len(whole))
        for subject, parts in groups.items()
        for part in parts
        for whole in [merged(part)]
    ]
    found += [(message.subject, message.payload, 0) for message in raw]
    return _numbered(found, block, name)


def pack_events(stored: Iterable[Stored], block: Block, name: str) -> list[Outgoing]:
    """What to send of a block of ``EVENTS``: the same, with corrected times."""
    found = []
    for message in stored:
        payload = message.payload
        if isinstance(block.shift, int) and abs(block.shift) >= NEAR:
            try:
                event = events.decoder.decode(payload)
                payload = events.encoder.encode(msgspec.structs.replace(event, time=event.time + block.shift))
            except msgspec.DecodeError:
                payload = message.payload
        found.append((message.subject, payload, 1))
    return _numbered(found, block, name)


def merged(batches: Sequence[Readings]) -> Readings:
    """Batches of one device as one, which arrived with the last of them."""
    if len(batches) == 1:
        return batches[0]
    return Readings(
        org=batches[0].org,
        device=batches[0].device,
        arrived=max(batch.arrived for batch in batches),
        series=np.concatenate([batch.series for batch in batches]),
        times=np.concatenate([batch.times for batch in batches]),
        values=np.concatenate([batch.values for batch in batches]),
        qualities=np.concatenate([batch.qualities for batch in batches]),
        texts=[text for batch in batches for text in batch.texts],
    )


def corrected(batch: Readings, shift: Shift) -> Readings:
    """``batch`` by the node's clock: times of the edge's clock are shifted, and no longer *good*.

    Of a clock that nobody can account for the times stay, and are no longer *good* either.
    """
    unknown = shift == UNKNOWN_SHIFT
    amount = 0 if isinstance(shift, str) else shift
    if not unknown and abs(amount) < NEAR:
        return batch
    own = np.abs(batch.times - batch.arrived) < NEAR
    doubtful = own & (batch.qualities == Quality.GOOD)
    return Readings(
        org=batch.org,
        device=batch.device,
        arrived=batch.arrived + amount,
        series=batch.series,
        times=np.where(own, batch.times + amount, batch.times),
        values=batch.values,
        qualities=np.where(doubtful, np.uint8(Quality.UNCERTAIN), batch.qualities),
        texts=[_text(text, batch.arrived, amount) for text in batch.texts],
    )


def _text(text: TextReading, arrived: int, amount: int) -> TextReading:
    if abs(text.time - arrived) >= NEAR:
        return text
    quality = text.quality if text.quality != Quality.GOOD else int(Quality.UNCERTAIN)
    return TextReading(text.series, text.time + amount, text.text, quality)


def _numbered(found: Sequence[tuple[str, bytes, int]], block: Block, name: str) -> list[Outgoing]:
    prefix = f"{name}-{block.first}-{block.last}"
    return [
        Outgoing(subject, payload, f"{prefix}-{number}", rows) for number, (subject, payload, rows) in enumerate(found)
    ]
