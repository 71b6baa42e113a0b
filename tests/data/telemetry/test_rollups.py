"""Roll-ups say what the readings say, in whatever order, however often and however corrected these arrived."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest
import rig
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.data.telemetry import batch
from gongfu.data.telemetry.batch import Message
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.roller import Roller
from gongfu.data.telemetry.rollup_sql import KEY
from gongfu.data.telemetry.schema import STEPS
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.kernel.readings import Readings, TextReading, encode

DAY = 1_772_323_200
"""2026-03-01 00:00 UTC, in seconds."""
US = 1_000_000
_organisations = itertools.count(5000)


@dataclass(frozen=True)
class Arrival:
    """One reading on its way; times in microseconds."""

    series: int
    time: int
    value: float
    quality: int
    arrived: int


@dataclass
class Truth:
    """What a bucket holds, reckoned one reading after the other."""

    n: int = 0
    values: list[float] = field(default_factory=list)
    area: float = 0.0
    held: float = 0.0
    states: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def brute(arrivals: list[Arrival], hold: int, step: int, until: int) -> dict[tuple[int, int], Truth]:
    """Truth of each (series, start of bucket in seconds) before ``until``; ``hold`` in microseconds."""
    winners: dict[tuple[int, int], Arrival] = {}
    for one in arrivals:  # in the order of insertion; a later second of arrival wins, then the later insertion
        key = (one.series, one.time)
        if key not in winners or one.arrived // US >= winners[key].arrived // US:
            winners[key] = one
    found: dict[tuple[int, int], Truth] = defaultdict(Truth)
    for series in {one.series for one in winners.values()}:
        row = sorted((one for one in winners.values() if one.series == series), key=lambda one: one.time)
        for one, following in itertools.zip_longest(row, row[1:]):
            usable = one.quality < 2 and math.isfinite(one.value)
            bucket = found[series, one.time // US // step * step]
            bucket.n += 1
            if not usable:
                continue
            bucket.values.append(one.value)
            end = min(one.time + hold, following.time if following else one.time + hold, until * US)
            at = one.time
            while at < end:
                start = at // US // step * step
                stop = min(end, (start + step) * US)
                into = found[series, start]
                into.area += one.value * (stop - at) / US
                into.held += (stop - at) / US
                into.states[f"{one.value:g}"] += (stop - at) / US
                at = stop
    return {key: truth for key, truth in found.items() if key[1] < until}


def rolled(engine: EmbeddedEngine, org: int, step: int) -> dict[tuple[int, int], list[float]]:
    """Rows of the store that say something."""
    text = engine.query(
        "SELECT series, toUnixTimestamp(start), n, good, least, greatest, total, first, last, area, held FROM rollups"
        f" FINAL WHERE org = {org} AND step = {step} AND (n > 0 OR held > 0) ORDER BY series, start",
        "TSVRaw",
    ).decode()
    rows = [line.split("\t") for line in text.splitlines()]
    return {(int(row[0]), int(row[1])): [float(value) for value in row[2:]] for row in rows}


def store(engine: EmbeddedEngine, dirt: Dirt, org: int, arrivals: list[Arrival]) -> None:
    """As the recorder does: readings, then what they touch."""
    for _, part in itertools.groupby(arrivals, key=lambda one: one.arrived):
        some = list(part)
        data = encode(
            Readings(
                org=org,
                device=1,
                arrived=some[0].arrived,
                series=np.array([one.series for one in some], np.uint32),
                times=np.array([one.time for one in some], np.int64),
                values=np.array([one.value for one in some], np.float64),
                qualities=np.array([one.quality for one in some], np.uint8),
                texts=[],
            )
        )
        rows = batch.readings([Message(f"readings.{org}.1", data)])
        assert not rows.rejected
        for table, block in rows.blocks:
            engine.insert(table, block)
        dirt.tell(rows.touched)


def compare(found: list[float], truth: Truth) -> None:
    n, good, least, greatest, total, first, last, area, held = found
    assert n == truth.n
    assert good == len(truth.values)
    if truth.values:
        assert (least, greatest) == (min(truth.values), max(truth.values))
        assert (first, last) == (truth.values[0], truth.values[-1])
        assert total == pytest.approx(sum(truth.values), abs=1e-6)
    assert area == pytest.approx(truth.area, abs=1e-3)
    assert held == pytest.approx(truth.held, abs=1e-5)


def random_arrivals(seed: int) -> tuple[list[Arrival], list[int]]:
    """Arrivals of a dozen series over two days, shuffled, doubled and corrected; and places to roll up between."""
    chance = np.random.default_rng(seed)
    made: list[Arrival] = []
    for series in range(1, 13):
        times = DAY * US + np.cumsum(
            chance.choice(
                [200_000, 1_000_000, 7_300_000, 61 * US, 299 * US, 900 * US, 9 * 3600 * US],
                size=30,
                p=[0.2, 0.3, 0.2, 0.15, 0.05, 0.06, 0.04],
            )
        )
        for time in times.tolist():
            value = float(chance.choice([1.0, 2.5, -3.0, 1e6, float("nan")], p=[0.4, 0.3, 0.2, 0.05, 0.05]))
            made.append(Arrival(series, int(time), value, int(chance.choice([0, 1, 2], p=[0.85, 0.08, 0.07])), 0))
    again = [made[i] for i in chance.integers(0, len(made), 30)]
    corrected = [
        Arrival(one.series, one.time, float(chance.integers(0, 9)), int(chance.choice([0, 2], p=[0.8, 0.2])), 0)
        for one in (made[i] for i in chance.integers(0, len(made), 40))
    ]
    everything = [*made, *again, *corrected]
    order = chance.permutation(len(everything)).tolist()
    moments = np.sort(chance.integers(DAY + 86_400, DAY + 86_420, len(order))).tolist()
    arrivals = [
        Arrival(one.series, one.time, one.value, one.quality, int(moment) * US)
        for one, moment in zip((everything[i] for i in order), moments, strict=True)
    ]
    return arrivals, sorted(chance.integers(0, len(arrivals), 2).tolist())


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_rollups_equal_what_is_reckoned_by_hand_whatever_the_order(engine: EmbeddedEngine, seed: int) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    roller = Roller(engine, dirt, most_rows=150, at_once=2)
    arrivals, stops = random_arrivals(seed)
    until = DAY + 10 * 86_400
    for first, last in itertools.pairwise([0, *stops, len(arrivals)]):
        store(engine, dirt, org, arrivals[first:last])
        roller.roll(until)
    for step in (60, 600, 3600, 86_400):
        truths = brute(arrivals, 300 * US, step, until)
        found = rolled(engine, org, step)
        assert found.keys() == {key for key, truth in truths.items() if truth.n or truth.held}
        for key, values in found.items():
            compare(values, truths[key])


def test_a_store_without_roll_ups_of_ten_minutes_gets_them_from_its_minutes(engine: EmbeddedEngine) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    arrivals, _stops = random_arrivals(7)
    engine.execute(f"INSERT INTO series (org, series, kind, at) VALUES ({org}, 1, 'state', now64())")
    store(engine, dirt, org, arrivals)
    Roller(engine, dirt).roll(DAY + 10 * 86_400)
    states = (
        f"SELECT series, start, mapSort(states) FROM durations FINAL WHERE org = {org} AND step = 600 ORDER BY 1, 2"
    )
    before = rolled(engine, org, 600), engine.query(states, "TSV")
    assert before[0]
    assert before[1]
    for table in ("rollups", "durations"):
        engine.execute(f"ALTER TABLE {table} DELETE WHERE org = {org} AND step = 600 SETTINGS mutations_sync = 2")
    assert rolled(engine, org, 600) == {}
    for _ in range(2):  # a recorder that was killed in the midst begins again
        for statement in STEPS[5]:
            engine.execute(statement)
        found = rolled(engine, org, 600)
        assert found.keys() == before[0].keys()
        assert all(found[key] == pytest.approx(before[0][key], nan_ok=True) for key in found)
        assert engine.query(states, "TSV") == before[1]


def test_a_bucket_is_computed_when_it_is_over_and_again_when_something_comes_late(engine: EmbeddedEngine) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    roller = Roller(engine, dirt)
    store(engine, dirt, org, [Arrival(1, (DAY + 30) * US, 4.0, 0, (DAY + 30) * US)])
    roller.roll(DAY + 45)
    assert rolled(engine, org, 60) == {}
    roller.roll(DAY + 65)
    assert rolled(engine, org, 60)[1, DAY][-2:] == [120.0, 30.0]
    roller.roll(DAY + 125)  # nothing came: the value is still held
    assert rolled(engine, org, 60)[1, DAY + 60][-2:] == [240.0, 60.0]
    store(engine, dirt, org, [Arrival(1, (DAY + 40) * US, 1.0, 0, (DAY + 130) * US)])
    roller.roll(DAY + 130)
    assert rolled(engine, org, 60)[1, DAY][-2:] == [60.0, 30.0]
    assert rolled(engine, org, 60)[1, DAY + 60][-2:] == [60.0, 60.0]
    store(engine, dirt, org, [Arrival(1, (DAY + 40) * US, float("nan"), 2, (DAY + 140) * US)])
    roller.roll(DAY + 130)  # the late reading was bad: nothing is held after it, and the row it had made is empty
    assert rolled(engine, org, 60)[1, DAY][-2:] == [40.0, 10.0]
    assert (1, DAY + 60) not in rolled(engine, org, 60)
    roller.roll(DAY + 86_400)
    assert engine.query(f"SELECT count() FROM dirty WHERE org = {org}", "TSVRaw") == b"0\n"


def test_states_last_across_buckets_until_the_hold_of_their_series_ends(engine: EmbeddedEngine) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    engine.execute(
        f"INSERT INTO series (org, series, kind, hold, at) VALUES ({org}, 2, 'state', 7200, now64()),"
        f" ({org}, 3, 'number', 30, now64()), ({org}, 4, 'text', 86400, now64())"
    )
    minutes = [(0, 1.0), (10, 3.0), (70, 1.0), (400, 0.0)]
    arrivals = [Arrival(s, (DAY + m * 60) * US, v, 0, (DAY + 90_000) * US) for s in (2, 3) for m, v in minutes]
    store(engine, dirt, org, arrivals)
    words = [TextReading(4, DAY * US, "running"), TextReading(4, (DAY + 3 * 3600) * US, "停机")]
    rows = batch.readings([Message(f"readings.{org}.1", rig.texts(org, 1, words, arrived=DAY * US))])
    for table, block in rows.blocks:
        engine.insert(table, block)
    dirt.tell(rows.touched)
    Roller(engine, dirt).roll(DAY + 2 * 86_400)
    text = engine.query(
        "SELECT series, toUnixTimestamp(start), mapSort(states) FROM durations FINAL"
        f" WHERE org = {org} AND step = 86400 AND notEmpty(states) ORDER BY series, start",
        "TSVRaw",
    ).decode()
    minute = 60.0
    assert text.splitlines() == [
        f"2\t{DAY}\t" + "{" + f"'0':{120 * minute:g},'1':{130 * minute:g},'3':{60 * minute:g}" + "}",
        f"4\t{DAY}\t" + "{'running':10800,'停机':75600}",
        f"4\t{DAY + 86_400}\t" + "{'停机':10800}",
    ]
    truth = brute([one for one in arrivals if one.series == 2], 7200 * US, 60, DAY + 2 * 86_400)
    held = engine.query(
        f"SELECT toUnixTimestamp(start), arraySum(mapValues(states)) FROM durations FINAL WHERE org = {org}"
        " AND step = 60 AND series = 2 AND notEmpty(states)",
        "TSVRaw",
    ).decode()
    found = dict(map(float, line.split("\t")) for line in held.splitlines())
    assert found == {key[1]: pytest.approx(sum(one.states.values())) for key, one in truth.items() if one.states}


def test_fast_series_have_rollups_of_a_second(engine: EmbeddedEngine) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    engine.execute(
        f"INSERT INTO series (org, series, kind, interval, hold, at) VALUES ({org}, 1, 'number', 0.01, 1, now64())"
    )
    arrivals = [Arrival(1, DAY * US + i * 10_000, float(i % 7), 0, DAY * US) for i in range(250)]
    arrivals += [Arrival(2, DAY * US + i * 10_000, 1.0, 0, DAY * US) for i in range(50)]
    store(engine, dirt, org, arrivals)
    Roller(engine, dirt).roll(DAY + 3600)
    truths = brute([one for one in arrivals if one.series == 1], US, 1, DAY + 3600)
    found = rolled(engine, org, 1)
    assert found.keys() == truths.keys()
    for key, values in found.items():
        compare(values, truths[key])


def test_a_pass_that_was_killed_is_made_again(engine: EmbeddedEngine) -> None:
    """Whatever the roller had done, what it was told is still there until the roll-ups are."""
    org = next(_organisations)
    store(engine, Dirt(engine), org, [Arrival(1, DAY * US, 4.0, 0, DAY * US)])
    killed = Roller(engine, Dirt(engine))
    killed._gather(f"generation <= {killed._dirt.advance()}", DAY + 600)  # and no further
    Roller(engine, Dirt(engine)).roll(DAY + 600)
    assert rolled(engine, org, 60)[1, DAY][-2:] == [240.0, 60.0]


class _Poor:
    """An engine with too little memory for statements over all series together."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine
        self.refused = 0

    def background(self, sql: str) -> str:
        if sql.startswith("INSERT INTO rollups"):
            (between,) = set(re.findall(r"BETWEEN \d+ AND \d+", sql))
            if int(self._engine.background(f"SELECT uniq(series) FROM rolling WHERE {KEY} {between}")) > 2:
                self.refused += 1
                raise StoreFailure("too much", number=241)
        return self._engine.background(sql)


def test_what_takes_too_much_memory_is_computed_in_parts(engine: EmbeddedEngine) -> None:
    org = next(_organisations)
    dirt = Dirt(engine)
    store(engine, dirt, org, [Arrival(series, DAY * US, 4.0, 0, DAY * US) for series in range(1, 9)])
    poor = _Poor(engine)
    Roller(poor, dirt).roll(DAY + 600)  # type: ignore[arg-type]
    assert poor.refused == 3
    assert {series for series, _ in rolled(engine, org, 60)} == set(range(1, 9))
    assert engine.query(f"SELECT count() FROM dirty WHERE org = {org} AND lo < {DAY + 60}", "TSVRaw") == b"0\n"
