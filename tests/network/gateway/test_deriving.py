"""Derived tags on their way through the gateway: stored like any other, over restarts, never invented."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.network.drivers import registry
from gongfu.network.gateway.checks import Columns
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.gateway.deriving import Deriver, deriver, read_tags
from gongfu.network.retrofit.recipes import Level, Mode, Output, Pulse, Threshold, write
from tests.network.gateway.fake import driver as fake
from tests.network.nats import Bus, plane, running_bus, running_gateway

SECOND = 1_000_000
START = 1_760_000_000 * SECOND
GOOD, UNCERTAIN, BAD = 0, 1, 2

CLAMP = Level(input="current", run=Threshold(4, 5), idle=Threshold(0.5, 1), dwell=2, stale=30)
PIECES = Pulse(input="pieces")
TAGS = [
    TagConfig(series=1, name="current", address="holding:0:float32"),
    TagConfig(series=2, name="pieces", address="holding:2:uint16"),
    TagConfig(series=11, name="state", address=write(CLAMP, Output.STATE)),
    TagConfig(series=12, name="sure", address=write(CLAMP, Output.CONFIDENCE)),
    TagConfig(series=13, name="count", address=write(PIECES, Output.COUNT)),
]


def fed(one: Deriver, *rows: tuple[int, float, float, int]) -> list[tuple[int, float, float, int]]:
    """What follows from rows of series, value, second, quality."""
    columns = Columns()
    for series, value, second, quality in rows:
        first = len(columns.series)
        columns.series.append(series)
        columns.times.append(START + int(second * SECOND))
        columns.values.append(value)
        columns.qualities.append(quality)
        one.take(columns, first, START + int(second * SECOND))
    return [row for row in told(columns) if row[0] > 10]


def told(columns: Columns) -> list[tuple[int, float, float, int]]:
    rows = zip(columns.series, columns.values, columns.times, columns.qualities, strict=True)
    return [(series, value, (at - START) / SECOND, quality) for series, value, at, quality in rows]


def ticked(one: Deriver, second: float) -> list[tuple[int, float, float, int]]:
    columns = Columns()
    one.tick(START + int(second * SECOND), columns)
    return told(columns)


def test_a_device_without_derived_tags_has_no_deriver_and_a_driver_never_sees_one() -> None:
    assert deriver(TAGS[:2]) is None
    config = DeviceConfig(device=1, org=1, org_code="acme", name="press", driver="modbus", tags=TAGS)
    assert [tag.series for tag in read_tags(config).tags] == [1, 2]


def test_a_state_is_stored_when_it_changes_and_once_a_minute() -> None:
    one = Deriver(TAGS)
    states = [row for row in fed(one, *((1, 8.0, n, GOOD) for n in range(130))) if row[0] == 11]
    assert states == [(11, 3.0, 0, GOOD), (11, 3.0, 60, GOOD), (11, 3.0, 120, GOOD)]
    after = [row for row in fed(one, *((1, 0.0, n, GOOD) for n in range(130, 140))) if row[0] == 11]
    assert after == [(11, 0.0, 132, GOOD)]


def test_bad_inputs_say_nothing_and_uncertain_ones_make_what_follows_uncertain() -> None:
    one = Deriver(TAGS)
    assert fed(one, (1, float("nan"), 0, BAD)) == []
    assert {quality for _, _, _, quality in fed(one, (1, 8.0, 1, UNCERTAIN))} == {UNCERTAIN}


def test_low_confidence_is_stored_as_uncertain() -> None:
    unsure = Level(input="current", run=Threshold(4, 5), sure=0.4)
    one = Deriver([TAGS[0], TagConfig(series=11, name="state", address=write(unsure, Output.STATE))])
    assert fed(one, (1, 9.0, 0, GOOD)) == [(11, 3.0, 0, UNCERTAIN)]


def test_silent_inputs_make_it_uncertain_once_and_then_a_gap() -> None:
    one = Deriver(TAGS)
    fed(one, (1, 8.0, 0, GOOD))
    assert ticked(one, 29) == []
    assert {row[3] for row in ticked(one, 31)} == {UNCERTAIN}
    assert ticked(one, 300) == []
    assert (11, 3.0, 301, GOOD) in fed(one, (1, 8.0, 301, GOOD))


def test_one_recipe_that_cannot_be_read_spoils_no_other() -> None:
    wrong = [
        TagConfig(series=20, name="typo", address="derived:level/state?input=current"),
        TagConfig(series=21, name="orphan", address=write(Pulse(input="nothing"), Output.COUNT)),
    ]
    one = Deriver([*TAGS, *wrong])
    assert [finding.detail.partition(":")[0] for finding in one.findings] == ["typo", "orphan"]
    assert fed(one, (1, 8.0, 0, GOOD))


def test_a_count_goes_on_after_a_restart_and_another_debounce() -> None:
    one = Deriver(TAGS)
    fed(one, *((2, 100.0 + n, n, GOOD) for n in range(10)))
    changed = Pulse(input="pieces", debounce=0.2)
    again = Deriver([*TAGS[:2], TagConfig(series=13, name="count", address=write(changed, Output.COUNT))])
    again.recall(one.memory())
    assert fed(again, (2, 111.0, 12, GOOD)) == [(13, 11.0, 12, GOOD)]


@pytest.mark.parametrize("memory", [b"", b"{", b'{"pulse:pieces": 3}', b"\xff", b'{"pulse:pieces": {"last": "x"}}'])
def test_a_memory_that_cannot_be_read_is_none(memory: bytes) -> None:
    one = Deriver(TAGS)
    one.recall(memory)
    assert fed(one, (2, 100.0, 0, GOOD)) == [(13, 0.0, 0, GOOD)]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    monkeypatch.setattr(registry, "_packages", lambda: {"fake": "tests.network.gateway.fake"})
    registry.manifest.cache_clear()
    fake.runs.clear()
    fake.emitted.clear()
    with running_bus(tmp_path) as running:
        yield running
    registry.manifest.cache_clear()


async def test_a_gateway_that_restarts_counts_on_where_it_stopped(server: Bus) -> None:
    recipe = Pulse(input="speed", mode=Mode.COUNTER, debounce=1e-6)
    machine = DeviceConfig(
        device=1,
        org=7,
        org_code="acme",
        name="press",
        driver="fake",
        options={"mode": "burst", "count": 50},
        tags=[
            TagConfig(series=1, name="speed", address="x"),
            TagConfig(series=2, name="count", address=write(recipe, Output.COUNT)),
        ],
    )
    async with plane(server.settings) as node:
        counts: list[float] = []
        for wanted in (49.0, 99.0, 149.0):  # each run of the fake driver climbs by 50 more
            async with running_gateway(server.settings):
                await node.desire(machine)
                give_up = time.monotonic() + 20
                while wanted not in counts and time.monotonic() < give_up:
                    counts = [value for series, _, value, _ in await node.rows(1, within=0.2) if series == 2]
                    await asyncio.sleep(0.05)
        assert counts == sorted(counts)
        assert counts[-1] == 149
