"""Computed tags as a stage of ``gongfu streams``."""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict
from typing import Final

import msgspec
import numpy as np
import structlog
from prometheus_client import Counter, Gauge

from gongfu.data.computed import rules
from gongfu.data.computed.evaluate import Calculation, CalculationMemory, Result, Row
from gongfu.data.computed.rules import ComputedConfig
from gongfu.data.streams.stage import Batch, Missed, Output
from gongfu.kernel import bus
from gongfu.kernel.errors import Invalid
from gongfu.kernel.readings import Readings, TextReading, encode

TAGS = Gauge("gongfu_computed_tags", "Computed tags at work")
VALUES = Counter("gongfu_computed_values_total", "Values computed")
LATE = Counter("gongfu_computed_late_total", "Readings that came after their moment was computed")
UNREADABLE = Counter("gongfu_computed_unreadable_total", "Computed tags that cannot be computed")

log = structlog.get_logger(__name__)
_decoder: Final = msgspec.json.Decoder(ComputedConfig)
_memories: Final = msgspec.msgpack.Decoder(dict[int, CalculationMemory])


class ComputedStage:
    """A :class:`gongfu.data.streams.stage.Stage`."""

    name = rules.STAGE

    def __init__(self) -> None:
        self._all: dict[int, Calculation] = {}
        self._memory: dict[int, CalculationMemory] = {}
        self._watched: np.ndarray = np.empty(0, np.int64)
        self._listening: dict[int, list[Calculation]] = {}

    def configure(self, rules_: dict[str, bytes], clock: int) -> list[Output]:
        """Replace the tags; one whose configuration stayed goes on, one that changed remembers what still fits."""
        before, self._all = self._all, {}
        for key, data in sorted(rules_.items()):
            try:
                config = _decoder.decode(data)
                known = before.get(config.series)
                if known is not None and known.config == config:
                    self._all[config.series] = known
                    continue
                made = Calculation(config)
                if known is not None:
                    made.recall(known.memory())
            except (msgspec.DecodeError, Invalid, ValueError, TypeError) as error:
                UNREADABLE.inc()
                log.warning("computed tag cannot be computed", key=key, reason=str(error)[:300])
                continue
            self._all[config.series] = made
        self._listening = defaultdict(list)
        for calculation in self._all.values():
            for series in calculation.members:
                self._listening[series].append(calculation)
        self._watched = np.array(sorted(self._listening), np.int64)
        TAGS.set(len(self._all))
        return []

    def take(self, batch: Batch, clock: int) -> list[Output]:
        """Values that follow from ``batch``."""
        rows: dict[int, list[Row]] = defaultdict(list)

        def hear(org: int, row: Row) -> None:
            for calculation in self._listening[row.series]:
                if calculation.config.org == org:
                    rows[calculation.config.series].append(row)

        for at in np.flatnonzero(np.isin(batch.series, self._watched)).tolist():
            reading = Row(
                int(batch.times[at]), int(batch.series[at]), float(batch.values[at]), int(batch.qualities[at])
            )
            hear(int(batch.orgs[at]), reading)
        for org, text in batch.texts:
            if text.series in self._listening:
                hear(org, Row(text.time, text.series, text.text, text.quality))
        found = []
        for series, heard in rows.items():
            calculation = self._all[series]
            late = calculation.late
            found.append((calculation.config, calculation.take(sorted(heard, key=_by_time), clock)))
            LATE.inc(calculation.late - late)
        return outputs(found)

    def tick(self, clock: int) -> list[Output]:
        """Moments that are complete, and multiples of intervals."""
        return outputs([(one.config, results) for one in self._all.values() if (results := one.tick(clock))])

    def state(self, clock: int) -> bytes:
        """What all tags remember."""
        return msgspec.msgpack.encode({series: one.memory() for series, one in self._all.items()})

    def missed(self) -> Missed | None:
        """Nothing: a time that was left out is computed anew by whoever wants it (``recomputing``)."""
        return None

    def catch_up(self, batch: Batch, until: int) -> list[Output]:
        """Never asked."""
        del batch, until
        return []

    def restore(self, state: bytes, clock: int) -> None:
        """Go on from :meth:`state`; a tag whose part does not fit begins anew."""
        for series, memory in _memories.decode(state).items():
            if (known := self._all.get(series)) is not None:
                try:
                    known.recall(memory)
                except (ValueError, TypeError) as error:
                    log.warning("memory of a computed tag cannot be read", series=series, reason=str(error)[:300])


def _by_time(row: Row) -> int:
    return row.time


def outputs(found: list[tuple[ComputedConfig, list[Result]]]) -> list[Output]:
    """One message for each device. Its id follows from what it says: the same readings make the same message."""
    devices: dict[tuple[int, int], list[tuple[ComputedConfig, Result]]] = defaultdict(list)
    for config, results in found:
        devices[config.org, config.device] += [(config, result) for result in results]
    outputs = []
    for (org, device), said in devices.items():
        if not said:
            continue
        numbers = [(config.series, one) for config, one in said if not isinstance(one.value, str)]
        message = Readings(
            org=org,
            device=device,
            arrived=time.time_ns() // 1000,
            series=np.array([series for series, _ in numbers], np.uint32),
            times=np.array([one.time for _, one in numbers], np.int64),
            values=np.array([math.nan if one.value is None else one.value for _, one in numbers], np.float64),
            qualities=np.array([one.quality for _, one in numbers], np.uint8),
            texts=[
                TextReading(config.series, one.time, one.value, one.quality)
                for config, one in said
                if isinstance(one.value, str)
            ],
        )
        told = [(config.series, one.time, one.value if one.value == one.value else None) for config, one in said]
        VALUES.inc(len(said))
        digest = hashlib.blake2b(msgspec.msgpack.encode(told), digest_size=16).hexdigest()
        outputs.append(Output(bus.readings_subject(org, device), encode(message), f"computed.{digest}"))
    return outputs
