"""What the measurements of the store share: batches of readings, the bare insert, the recorder's rounds without it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from gongfu.data.telemetry import native
from gongfu.data.telemetry.schema import READINGS, migrate
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel.readings import Readings

ORG = 1
BLOCK_ROWS = 400_000
"""Rows of one insertion, as many as the recorder's."""


def batches(devices: int, tags: int, rows: int, size: int, start: int) -> Iterator[Readings]:
    """Messages of ``size`` readings in turn from each device, ``rows`` in all; times in microseconds from ``start``.

    Sensor values: a slow sine, noise, two decimals; jitter of a millisecond on a grid of ten.
    """
    noise = np.random.default_rng(1)
    done = 0
    turn = 0
    while done < rows:
        device, cycle = turn % devices, turn // devices
        count = min(size, rows - done)
        index = cycle * size + np.arange(count)
        moment = index // tags
        values = 50 + 10 * np.sin(moment / 5000 + index % tags) + noise.normal(0, 0.2, count)
        yield Readings(
            org=ORG,
            device=device + 1,
            arrived=start + int(moment[-1]) * 10_000,
            series=(device * tags + index % tags + 1).astype(np.uint32),
            times=start + moment * 10_000 + noise.integers(0, 1000, count),
            values=np.round(values, 2),
            qualities=np.zeros(count, np.uint8),
            texts=[],
        )
        done += count
        turn += 1


def bare(folder: Path, messages: list[Readings]) -> dict[str, float]:
    """Readings a second of nothing but insertions into an empty store, as Arrow and in the engine's own format."""
    blocks = list(_blocks(messages))
    found = {}
    engine = EmbeddedEngine(folder)
    migrate(engine)
    columns = ", ".join(column.name for column in READINGS.columns)
    for name in ("arrow", "native"):
        engine.execute("TRUNCATE TABLE readings")
        spent = 0.0
        for block in blocks:
            if name == "arrow":
                data, form = _arrow(block), "ArrowStream"
            else:
                data, form = native.block(native.typed(READINGS, block)), "Native"
            began = time.perf_counter()
            engine.insert_raw(f"INSERT INTO readings ({columns})", form, data)
            spent += time.perf_counter() - began
        found[name] = sum(len(block[0]) for block in blocks) / spent
    engine.close()
    return found


def _blocks(messages: list[Readings]) -> Iterator[list[np.ndarray]]:  # type: ignore[type-arg]
    waiting: list[Readings] = []
    for message in messages:
        waiting.append(message)
        if sum(map(len, waiting)) >= BLOCK_ROWS:
            yield _columns(waiting)
            waiting = []
    if waiting:
        yield _columns(waiting)


def _columns(messages: list[Readings]) -> list[np.ndarray]:  # type: ignore[type-arg]
    lengths = [len(one) for one in messages]
    return [
        np.repeat(np.array([one.org for one in messages], np.uint32), lengths),
        np.concatenate([one.series for one in messages]),
        np.concatenate([one.times for one in messages]),
        np.concatenate([one.values for one in messages]),
        np.concatenate([one.qualities for one in messages]),
        np.repeat(np.array([one.arrived // 1_000_000 for one in messages], np.uint32), lengths),
    ]


def _arrow(block: list[np.ndarray]) -> bytes:  # type: ignore[type-arg]
    times = pa.array(block[2], pa.timestamp("us", "UTC"))
    arrived = pa.array(block[5].astype(np.int64), pa.timestamp("s", "UTC"))
    arrays = [pa.array(column) for column in block]
    arrays[2], arrays[5] = times, arrived
    table = pa.Table.from_arrays(arrays, names=[column.name for column in READINGS.columns])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
