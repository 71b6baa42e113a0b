"""Ways to keep identifiers, beside each other: the table of adr/0009-identifier-storage.md.

    gongfu bench stores [--quick]

The same identifiers of five values in the same order (100 enterprises, ten batches of 1,000 each in turn; two each with
``--quick``), each batch on disk before the next: octets on disk for each, identifiers a second in such batches, and
microseconds of processor time from a key to its values as they go over the wire. ``rocksdb`` appears when ``rocksdict``
is installed.
"""

from __future__ import annotations

import importlib
import random
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import harness
import identifiers
import lmdb

from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore

_ENTERPRISES = 100
_TOGETHER = 64  # look-ups in one transaction


class Store(Protocol):
    """One way."""

    def put(self, batch: list[Record]) -> None:
        """All of it is on disk when this returns."""

    def get(self, keys: list[bytes]) -> list[bytes]:
        """The values of each as on the wire."""

    def close(self) -> None:
        """Ends it."""


class Whole:
    """LMDB, whole keys and whole values, perhaps compressed one by one: the layout before this one."""

    def __init__(self, folder: Path, deflate: bool = False) -> None:
        self._env = lmdb.open(str(folder), map_size=2**36)
        self._pack: Callable[[bytes], bytes] = (lambda octets: zlib.compress(octets, 1)) if deflate else bytes
        self._unpack: Callable[[bytes], bytes] = zlib.decompress if deflate else bytes

    def put(self, batch: list[Record]) -> None:
        """As :class:`Store` says."""
        items = sorted((record.handle.key, self._pack(records.encode(record))) for record in batch)
        with self._env.begin(write=True) as txn:
            txn.cursor().putmulti(items)

    def get(self, keys: list[bytes]) -> list[bytes]:
        """As :class:`Store` says."""
        with self._env.begin() as txn:
            return [records.public_slice(self._unpack(txn.get(key, b"")))[1] for key in keys]

    def close(self) -> None:
        """As :class:`Store` says."""
        self._env.close()


class Shapes:
    """What was chosen: LMDB, numbers for prefixes and shapes; journal, counts and all."""

    def __init__(self, folder: Path) -> None:
        self._store = IdentifierStore(folder)
        for enterprise in range(_ENTERPRISES):
            self._store.home(identifiers.prefix(enterprise))

    def put(self, batch: list[Record]) -> None:
        """As :class:`Store` says."""
        self._store.put_many(batch, replace=False)

    def get(self, keys: list[bytes]) -> list[bytes]:
        """As :class:`Store` says."""
        with self._store.view() as view:
            return [found[1] if (found := view.public(key)) else b"" for key in keys]

    def close(self) -> None:
        """As :class:`Store` says."""
        self._store.close()


class SubTrees:
    """What a shaped record keeps, as sorted duplicates: each prefix has a tree of its own, which fills its pages."""

    def __init__(self, folder: Path) -> None:
        self._env = lmdb.open(str(folder), map_size=2**36, max_dbs=1)
        self._ids = self._env.open_db(b"ids", dupsort=True)

    def put(self, batch: list[Record]) -> None:
        """As :class:`Store` says, without the packing: a record of 23 octets stands for what is left of it."""
        items = []
        for record in batch:
            prefix, _, suffix = record.handle.key.partition(b"/")
            items.append((prefix[-3:], suffix + b"\0" + record.handle.key[-1:] * 8 + record.values[4].data))
        items.sort()
        with self._env.begin(write=True) as txn:
            txn.cursor(self._ids).putmulti(items)

    def get(self, keys: list[bytes]) -> list[bytes]:
        """As :class:`Store` says, without the rendering."""
        found = []
        with self._env.begin(self._ids) as txn:
            cursor = txn.cursor()
            for key in keys:
                prefix, _, suffix = key.partition(b"/")
                cursor.set_range_dup(prefix[-3:], suffix + b"\0")
                found.append(cursor.value())
        return found

    def close(self) -> None:
        """As :class:`Store` says."""
        self._env.close()


class Rocks:
    """RocksDB with its block compression, whole values, one durable batch after another."""

    def __init__(self, folder: Path) -> None:
        self._rocks = importlib.import_module("rocksdict")
        options = self._rocks.Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_compression_type(self._rocks.DBCompressionType.zstd())
        self._db = self._rocks.Rdict(str(folder), options)
        self._durable = self._rocks.WriteOptions()
        self._durable.sync = True

    def put(self, batch: list[Record]) -> None:
        """As :class:`Store` says."""
        together = self._rocks.WriteBatch(raw_mode=True)
        for record in batch:
            together.put(record.handle.key, records.encode(record))
        self._db.write(together, self._durable)

    def get(self, keys: list[bytes]) -> list[bytes]:
        """As :class:`Store` says."""
        return [records.public_slice(self._db[key])[1] for key in keys]

    def close(self) -> None:
        """As :class:`Store` says."""
        self._db.flush()
        self._db.close()


def run(quick: bool) -> harness.Result:
    """Measure each; takes about two minutes, with ``quick`` half a minute."""
    started = time.perf_counter()
    rounds = 2 if quick else 10
    ways: dict[str, Callable[[Path], Store]] = {
        "whole": Whole,
        "deflated": lambda folder: Whole(folder, deflate=True),
        "shapes": Shapes,
        "sub_trees": SubTrees,
        "rocksdb": Rocks,
    }
    metrics: dict[str, float] = {}
    missing = {}
    for name, way in ways.items():
        with tempfile.TemporaryDirectory(prefix="gongfu-bench-") as folder:
            try:
                store = way(Path(folder))
            except ImportError:
                missing[name] = "rocksdict is not installed"
                continue
            with closing(store):
                metrics |= {f"{name}_{what}": value for what, value in _measured(store, Path(folder), rounds).items()}
    return harness.result("stores", metrics, {}, started, missing)


def _measured(store: Store, folder: Path, rounds: int) -> dict[str, float]:
    spent = 0.0
    for batch in _batches(rounds):
        began = time.perf_counter()
        store.put(batch)
        spent += time.perf_counter() - began
    number = _ENTERPRISES * rounds * identifiers.BATCH
    chance = random.Random(7)
    keys = []
    for _ in range(100_000):
        enterprise, place = chance.randrange(_ENTERPRISES), chance.randrange(rounds * identifiers.BATCH)
        keys.append(f"{identifiers.prefix(enterprise)}/{identifiers.suffix(enterprise, place)}".encode())
    quickest = min(_look_up(store, keys) for _ in range(3))
    size = sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.name != "lock.mdb")
    return {
        "bytes_per_id": round(size / number, 1),
        "batch_per_s": round(number / spent),
        "look_up_us": round(quickest * 1e6, 2),
    }


def _look_up(store: Store, keys: list[bytes]) -> float:
    began = time.process_time()
    for start in range(0, len(keys), _TOGETHER):
        if not all(store.get(keys[start : start + _TOGETHER])):
            raise RuntimeError("an identifier was not found")
    return (time.process_time() - began) / len(keys)


def _batches(rounds: int) -> Iterator[list[Record]]:
    for turn in range(rounds):
        for enterprise in range(_ENTERPRISES):
            yield identifiers.batch(turn * identifiers.ENTERPRISES + enterprise)
