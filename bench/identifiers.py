"""Identifiers as a secondary node gets them: 2,000 enterprises that register batches of 1,000 in turn.

Each identifier has five values. Nine enterprises of ten number their products in order, the tenth draws random
suffixes. Everything follows from two numbers, so that a load generator can ask for what was registered.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore

ENTERPRISES = 2_000
BATCH = 1_000
VALUES = 5
_RANDOM = 10  # every tenth enterprise draws random suffixes
_PRODUCTS = [
    f"{kind} {model}" for kind in ("数控机床", "立式加工中心", "工业机器人") for model in ("A6150", "B850", "C6")
]
_MIX = 0x9E37_79B9_7F4A_7C15
_BEGIN = 1_767_225_600


class Loaded(msgspec.Struct, frozen=True):
    """How a store was filled."""

    identifiers: int
    per_s: float
    """Identifiers a second in ``put_many`` alone: packed, on disk, in the journal; 0 when nothing was missing."""
    wall_s: float
    """The whole load, the making of the records included; of its last part if it was killed in between."""
    last_per_s: float
    """As ``per_s``, over the last tenth."""
    bytes_per_id: float
    """Of the file on disk, journal and free pages included."""


def prefix(enterprise: int) -> str:
    """Prefix of an enterprise, counted from 0."""
    return f"88.118.{enterprise + 1}"


def suffix(enterprise: int, number: int) -> str:
    """Suffix of its identifier ``number``."""
    if enterprise % _RANDOM == 0:
        return f"{(number * _MIX + enterprise) % 2**64:016X}"
    return f"SN26{number:08}"


def of(place: int, identifiers: int) -> str:
    """The identifier at ``place`` among so many that were loaded, in no particular order."""
    batches = identifiers // BATCH
    batch, number = divmod(place, BATCH)
    rounds, enterprise = divmod(batch % batches, ENTERPRISES)
    return f"{prefix(enterprise)}/{suffix(enterprise, rounds * BATCH + number)}"


def batch(number: int) -> list[Record]:
    """The batch that arrives as the ``number``-th."""
    rounds, enterprise = divmod(number, ENTERPRISES)
    name, now = prefix(enterprise), _BEGIN + number // 50
    same = {product: Value(2, "NAME", product.encode(), timestamp=now) for product in _PRODUCTS}
    maker = Value(3, "MANUFACTURER", f"上海第{enterprise}装备制造有限公司".encode(), timestamp=now)
    records = []
    for place in range(rounds * BATCH, (rounds + 1) * BATCH):
        own = suffix(enterprise, place)
        lot = (place * _MIX ^ enterprise * 0x5851_F42D) % 2**40
        product = _PRODUCTS[(enterprise + place // 250) % len(_PRODUCTS)]
        values = (
            Value(1, "URL", f"https://id.example.cn/{name}/{own}".encode(), timestamp=now),
            same[product],
            maker,
            Value(4, "SERIAL_NUMBER", own.encode(), timestamp=now),
            Value(5, "LOT", b"%010X" % lot, timestamp=now),
        )
        records.append(Record(Handle(name, own), values, now, now))
    return records


def load(folder: Path, identifiers: int) -> Loaded:
    """Fill the store in ``folder``, or what is missing in it; or say how it was filled when that was done before.

    A load that was killed goes on where it was: every batch it acknowledged is there, and no half of one.
    """
    told = folder / f"loaded-{identifiers}.json"
    if told.exists():
        return msgspec.json.decode(told.read_bytes(), type=Loaded)
    store = IdentifierStore(folder)
    there = store.last_change() // BATCH
    for enterprise in range(ENTERPRISES if not there else 0):
        store.home(prefix(enterprise))
    batches = identifiers // BATCH
    began = time.perf_counter()
    times = [_timed(store, records) for records in _batches(there, batches)]
    wall = time.perf_counter() - began
    number = store.last_change()
    store.close()
    tail = times[-max(1, len(times) // 10) :]
    found = Loaded(
        number,
        round(len(times) * BATCH / sum(times)) if times else 0,
        round(wall, 1),
        round(len(tail) * BATCH / sum(tail)) if times else 0,
        round(bytes_on_disk(folder) / number, 1),
    )
    told.write_bytes(msgspec.json.encode(found))
    return found


def bytes_on_disk(folder: Path) -> int:
    """Of the store's file, as the disk counts."""
    return (folder / "data.mdb").stat().st_blocks * 512


def _batches(first: int, end: int) -> Iterator[list[Record]]:
    gc.disable()  # the making of a million objects is the load's cost, not the store's
    try:
        for number in range(first, end):
            yield batch(number)
    finally:
        gc.enable()


def _timed(store: IdentifierStore, records: list[Record]) -> float:
    began = time.perf_counter()
    store.put_many(records, replace=False)
    return time.perf_counter() - began


if __name__ == "__main__":
    import sys

    print(load(Path(sys.argv[1]), int(sys.argv[2])))
