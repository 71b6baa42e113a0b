"""Alarm rules: how much of a core 10,000 rules over 100,000 readings a second take, and how late an alarm is.

``rules_core_share``: processor time of ``gongfu streams`` a second (all threads: receiving, decoding, evaluating,
remembering), while a publisher sends 100,000 readings a second; 1.0 is one core. ``delay_p99_ms``: from just before
the publish of the reading that crosses a limit until the alarm is heard on the bus. ``evaluator_core_share`` is the
evaluation alone, without the bus.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from harness import Node, Result, free_ports, result

from gongfu.data.alarms import bank
from gongfu.data.alarms.evaluate import Evaluator
from gongfu.data.alarms.rules import Binding, Kind, RuleConfig, Transition
from gongfu.data.streams import ensuring
from gongfu.kernel import bus
from gongfu.kernel.readings import Readings, encode

RULES, SERIES, DEVICES, RATE = 10_000, 10_000, 100, 100_000
PER_DEVICE = SERIES // DEVICES
S = 1_000_000


def rules() -> list[RuleConfig]:
    """A mixture: six in ten are limits, the others of every kind that looks at one or two tags."""
    made = []
    for number in range(RULES):
        series, device = number + 1, number // PER_DEVICE + 1
        partner = (device - 1) * PER_DEVICE + 1
        kinds = [Kind.HIGH, Kind.HIGH_HIGH, Kind.LOW] * 2 + [Kind.RATE, Kind.DEVIATION, Kind.FROZEN, Kind.NO_DATA]
        kind = kinds[number % 10]
        gate = partner if number % 20 == 0 else 0
        made.append(
            RuleConfig(
                id=number + 1,
                org=1,
                kind=kind,
                limit=-1e6 if kind in (Kind.LOW, Kind.LOW_LOW) else 900.0,
                deadband=1.0,
                on_delay=0.0,
                window=60.0,
                gate_operator=">",
                gate_value=-1e9,
                bindings=[Binding(device, series, partner if kind == Kind.DEVIATION else 0, gate)],
            )
        )
    return made


def tenth(begin: int, random: np.random.Generator) -> list[Readings]:
    """A tenth of a second of readings of every device: one of each series."""
    found = []
    for device in range(DEVICES):
        series = np.arange(device * PER_DEVICE + 1, (device + 1) * PER_DEVICE + 1, dtype=np.uint32)
        found.append(
            Readings(
                org=1,
                device=device + 1,
                arrived=begin,
                series=series,
                times=np.full(PER_DEVICE, begin, np.int64),
                values=random.normal(50, 10, PER_DEVICE),
                qualities=np.zeros(PER_DEVICE, np.uint8),
                texts=[],
            )
        )
    return found


def evaluator_share(seconds: int) -> float:
    """Processor seconds for one second of readings, the evaluation alone."""
    random = np.random.default_rng(1)
    one = Evaluator(bank.build(rules()), 0)
    spent = 0.0
    for tick in range(seconds * 10):
        parts = tenth((1_000_000 + tick) * S // 10, random)
        columns = [np.concatenate([getattr(p, name) for p in parts]) for name in ("series", "times", "values")]
        series, times = columns[0].astype(np.int64), columns[1]
        orgs, bad = np.ones(len(series), np.int64), np.zeros(len(series), np.bool_)
        begin = time.process_time()
        one.take(series, orgs, times, columns[2], bad, int(times[0]))
        one.tick(int(times[0]))
        spent += time.process_time() - begin
    return spent / seconds


async def whole(node: Node, seconds: int) -> tuple[float, list[float], float]:
    """Core share, delays in seconds, and readings a second that were really sent."""
    client = await bus.connect(node.settings, "bench")
    js = await bus.ensure(node.settings, client)
    store = await js.key_value(ensuring.RULES)
    for rule in rules():
        await store.put(f"alarms.1.{rule.id}", msgspec.json.encode(rule))
    await asyncio.sleep(5)
    random = np.random.default_rng(2)
    sent: dict[int, float] = {}
    delays: list[float] = []
    decoder = msgspec.json.Decoder(Transition)

    async def hear(message: object) -> None:
        one = decoder.decode(message.data)  # type: ignore[attr-defined]
        if one.active and one.time in sent and one.value is not None and one.value > 900:
            delays.append(time.perf_counter() - sent[one.time])

    await client.subscribe("alarms.>", cb=hear)
    before, started = node.cpu_seconds()["streams"], time.perf_counter()
    count = 0
    limits = [number for number in range(RULES) if number % 10 in (0, 1, 3, 4) and number % 20]
    for tick in range(seconds * 10):
        now = time.time_ns() // 1000
        crossing = int(random.choice(limits))
        for part in tenth(now, random):
            device, place = divmod(crossing, PER_DEVICE)
            if part.device == device + 1:
                part.values[place] = 1000.0
                part.times[place] = now + 1
                sent[now + 1] = time.perf_counter()
            await client.publish(bus.readings_subject(1, part.device), encode(part))
            count += len(part.series)
        await client.flush()
        late = started + (tick + 1) / 10 - time.perf_counter()
        if late > 0:
            await asyncio.sleep(late)
    took = time.perf_counter() - started
    spent = node.cpu_seconds()["streams"] - before
    await asyncio.sleep(3)
    await client.close()
    return spent / took, delays, count / took


def run(quick: bool = False) -> Result:
    """Bus and streams as processes in a temporary home."""
    started = time.perf_counter()
    seconds = 8 if quick else 30
    alone = evaluator_share(3 if quick else 10)
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory() as folder, Node(Path(folder), GONGFU_STREAMS_PORT=str(port)) as node:
        node.start_bus()
        node.start("streams", port)
        share, delays, rate = asyncio.run(whole(node, seconds))
    metrics = {
        "rules_core_share": round(share * RATE / rate, 3),
        "delay_p99_ms": round(1000 * float(np.quantile(delays, 0.99)), 1) if delays else float("nan"),
        "delay_median_ms": round(1000 * float(np.median(delays)), 1) if delays else float("nan"),
        "evaluator_core_share": round(alone, 3),
        "readings_per_s": round(rate),
        "alarms_heard_share": round(len(delays) / (seconds * 10), 3),
    }
    return result("alarms", metrics, {}, started)
