"""History, last values and events as charts and pages need them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
import rig
from hypothesis import given
from hypothesis import strategies as st

from gongfu.data.telemetry import rules, services
from gongfu.kernel import bus
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.readings import array, decode, encode
from gongfu.kernel.settings import Settings
from gongfu.kernel.store import StoreClient

START = datetime(2026, 10, 20, tzinfo=UTC)
DAY = START + timedelta(days=1)


@pytest.fixture(scope="module")
def filled(node: rig.Node) -> Iterator[StoreClient]:
    """Organisation 1: series 1 a sine each second with one spike and an hour missing, 2 five readings, 3 only NaN."""
    store = StoreClient(node.settings)
    store.command(
        "INSERT INTO readings SELECT 1, 1, toDateTime64('2026-10-20 00:00:00', 6, 'UTC') + toIntervalSecond(number),"
        " if(number = 30000, 999, round(50 + 10 * sin(number / 3600), 2)), 0, now() FROM numbers(86400)"
        " WHERE NOT (number BETWEEN 36000 AND 39599)"
    )
    for series, value in ((2, "number"), (3, "nan")):
        store.command(
            f"INSERT INTO readings SELECT 1, {series}, toDateTime64('2026-10-20 01:00:00', 6, 'UTC') +"
            f" toIntervalSecond(number * 10), {value}, if({series} = 3, 2, 0), now() FROM numbers(5)"
        )
    store.command("INSERT INTO readings SELECT 2, 1, toDateTime64('2026-10-20 00:00:00', 6, 'UTC'), -1, 0, now()")
    store.command(
        "INSERT INTO latest VALUES (1, 1, '2026-10-20 10:00:00', 7, '', 1, 0), (1, 4, '2026-10-20', nan, 'RUN', 0, 0)"
    )
    store.command(
        "INSERT INTO events SELECT 1, 9, toDateTime64('2026-10-20 00:00:00', 6, 'UTC') + toIntervalSecond(number),"
        " 'online', toString(number), now() FROM numbers(20)"
    )
    store.command("INSERT INTO texts VALUES (1, 4, '2026-10-20 02:00:00', 'IDLE', 0, now())")
    yield store
    store.close()


def test_a_day_fits_the_screen_and_keeps_its_spike_and_its_gap(filled: StoreClient) -> None:
    (series,) = services.history([1], [1], START, DAY, 1000, store=filled)
    assert 800 < len(series.points) <= 1010
    assert not series.complete
    times = [point.time for point in series.points]
    assert times == sorted(times)
    assert max(point.value or 0 for point in series.points) == 999
    assert [point.value for point in series.points].count(None) == 1
    gap = next(index for index, point in enumerate(series.points) if point.value is None)
    after = series.points[gap + 1].time - series.points[gap - 1].time
    assert 3_500_000 < after < 3_900_000


def test_a_few_readings_come_as_they_are(filled: StoreClient) -> None:
    (series,) = services.history([1], [2], START, DAY, 1000, store=filled)
    assert series.complete
    assert [point.value for point in series.points] == [0, 1, 2, 3, 4]
    assert series.points[1].time - series.points[0].time == 10_000


def test_only_bad_values_are_points_without_value(filled: StoreClient) -> None:
    (series,) = services.history([1], [3], START, DAY, 10, store=filled)
    assert {(point.value, point.quality) for point in series.points} == {(None, 2)}


def test_every_series_asked_is_answered_in_order(filled: StoreClient) -> None:
    found = services.history([1], [3, 77, 1], START, DAY, 100, store=filled)
    assert [one.series for one in found] == [1, 3, 77]
    assert found[2].points == []
    assert services.history([], [1], START, DAY, store=filled)[0].points == []


def test_another_organisation_gets_its_own_series_of_that_number(filled: StoreClient) -> None:
    (series,) = services.history([2], [1], START, DAY, store=filled)
    assert [point.value for point in series.points] == [-1]
    assert services.count([2], [1], START, DAY, store=filled) == 1
    assert services.count([1], [1], START, DAY, store=filled) == 82_800
    assert services.last_values([2], [1, 4], store=filled) == {}


def test_last_values_carry_number_or_text(filled: StoreClient) -> None:
    found = services.last_values([1], [1, 4, 5], store=filled)
    assert found[1].point == services.Point(1_792_490_400_000, 7.0, 1)
    assert (found[4].value, found[4].point.value) == (None, "RUN")
    assert 5 not in found


def test_texts_have_a_history(filled: StoreClient) -> None:
    (series,) = services.states([1], [4], START, DAY, store=filled)
    assert [point.value for point in series.points] == ["IDLE"]


def test_events_come_newest_first(filled: StoreClient) -> None:
    found = services.events([1], [9], START, 3, store=filled)
    assert [event.detail for event in found] == ["19", "18", "17"]
    assert (found[0].device, found[0].kind) == (9, "online")
    assert services.events([2], [9], START, store=filled) == []


def test_export_holds_every_reading(filled: StoreClient) -> None:
    table = services.export([1], [1, 2], START, DAY, store=filled)
    assert table.num_rows == 82_805
    assert table.column_names == ["series", "ts", "value", "quality", "arrived"]


def test_rates_name_only_who_speaks(filled: StoreClient) -> None:
    filled.command(
        "INSERT INTO readings SELECT 1, 8, now64(6) - toIntervalMillisecond(number * 100), 1, 0, now()"
        " FROM numbers(100)"
    )
    rates = services.rates([1], [1, 8], 60, store=filled)
    assert rates == {8: pytest.approx(100 / 60)}


def test_ten_thousand_last_values_are_one_question(filled: StoreClient) -> None:
    filled.command("INSERT INTO latest SELECT 3, number, now64(6), number, '', 0, 0 FROM numbers(10000)")
    assert len(services.last_values([3], range(10_000), store=filled)) == 10_000


@pytest.mark.parametrize(
    ("start", "end", "points"),
    [
        (DAY, START, 100),
        (START, START, 100),
        (START.replace(tzinfo=None), DAY, 100),
        (START, DAY, 5),
        (START, DAY, 10**9),
        (datetime(1900, 1, 1, tzinfo=UTC), DAY, 100),
    ],
)
def test_questions_that_make_no_sense_are_refused(start: datetime, end: datetime, points: int) -> None:
    with pytest.raises(Invalid):
        services.history([1], [1], start, end, points)


def test_without_a_store_the_answer_says_what_to_do(settings_of_nowhere: Settings) -> None:
    store = StoreClient(settings_of_nowhere)
    assert not store.healthy()
    with pytest.raises(Unavailable, match="gongfu up"):
        store.query_arrow("SELECT 1", orgs=[1])


@pytest.fixture
def settings_of_nowhere(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("nowhere"), store_port=rig.free_ports(1)[0])


@given(st.integers(0, 2**52), st.integers(1, 2**40), st.integers(10, 20_000))
def test_buckets_are_never_more_than_half_the_points(start: int, length: int, points: int) -> None:
    width = rules.bucket_width(start, start + length, points)
    assert width >= 1
    assert (length - 1) // width + 1 <= max(1, points // 2)


def test_a_line_breaks_where_nothing_came_for_long() -> None:
    times = np.array([0, 10, 20, 30, 500, 510])
    threshold = rules.gap_threshold(rules.usual_spacing(times), 0)
    assert rules.breaks(times, threshold).tolist() == [3]
    assert rules.usual_spacing(np.array([5])) == 0


def test_a_month_comes_from_rollups_and_its_end_from_readings(filled: StoreClient) -> None:
    """What the roller has not seen yet is read; what it has seen is not."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    start = now - timedelta(days=30)
    filled.command(
        f"INSERT INTO readings SELECT 5, 1, toDateTime64({start.timestamp()}, 6, 'UTC') + toIntervalMinute(number),"
        f" number % 100, 0, now() FROM numbers({30 * 1440})"
    )
    filled.command(
        f"INSERT INTO rollups SELECT 5, 1, 3600, toDateTime({start.timestamp():.0f}, 'UTC') + toIntervalHour(number),"
        " 60, 60, -1, 1000, 0, now64(), 0, now64(), 0, 0, 0, 0 FROM numbers(30 * 24)"
    )
    (rolled,) = services.history([5], [1], start, now, 500, store=filled)
    values = [point.value for point in rolled.points if point.value is not None]
    assert min(values) == -1
    assert max(values) == 1000
    filled.command(f"INSERT INTO dirty VALUES (0, 5, 1, 0, {start.timestamp() + 86_400:.0f}, {now.timestamp():.0f})")
    (mixed,) = services.history([5], [1], start, now, 500, store=filled)
    later = [
        point.value
        for point in mixed.points
        if point.value is not None and point.time > (start.timestamp() + 2 * 86_400) * 1000
    ]
    assert (min(later), max(later)) == (0, 99)
    assert max(point.value or 0 for point in mixed.points) == 1000


def test_readings_in_files_are_asked_like_the_others(filled: StoreClient, node: rig.Node) -> None:
    """The recorder reads ``readings_cold``; here it is what a server has: an ordinary table."""
    filled.command("DROP TABLE readings_cold")
    filled.command("CREATE TABLE readings_cold AS readings")
    filled.command(
        "INSERT INTO readings_cold SELECT 6, 1, toDateTime64('2020-01-01', 6, 'UTC') + number, number, 0, 0"
        " FROM numbers(100)"
    )
    filled.command("INSERT INTO readings SELECT 6, 1, toDateTime64('2020-01-01', 6, 'UTC') + 7, -1, 0, now()")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    (series,) = services.history([6], [1], start, start + timedelta(hours=1), store=filled)
    assert [point.value for point in series.points] == [-1.0 if n == 7 else n for n in range(100)]
    assert services.count([6], [1], start, start + timedelta(hours=1), store=filled) == 100
    assert services.export([6], [1], start, start + timedelta(hours=1), store=filled).num_rows == 100
    assert services.count([7], [1], start, start + timedelta(hours=1), store=filled) == 0
    for name, said in (("texts", "toString(number)"), ("arrays", "[number, 2.], 10.")):
        filled.command(f"DROP TABLE {name}_cold")
        filled.command(f"CREATE TABLE {name}_cold AS {name}")
        for table, arrived, count in ((f"{name}_cold", "0", 5), (name, "now()", 1)):
            filled.command(
                f"INSERT INTO {table} SELECT 6, 2, toDateTime64('2020-01-01', 6, 'UTC') + number, {said}, 0, {arrived}"
                f" FROM numbers({count})"
            )
    (words,) = services.states([6], [2], start, start + timedelta(hours=1), store=filled)
    assert [point.value for point in words.points] == ["0", "1", "2", "3", "4"]
    assert services.export_texts([6], [2], start, start + timedelta(hours=1), store=filled).num_rows == 5
    waves = services.arrays([6], [2], start, start + timedelta(hours=1), store=filled)
    assert [wave.points[0][1] for wave in waves] == [4, 3, 2, 1, 0]
    assert services.states([7], [2], start, start + timedelta(hours=1), store=filled)[0].points == []


async def test_a_waveform_goes_from_the_bus_to_a_drawing(filled: StoreClient, node: rig.Node) -> None:
    values = np.sin(np.arange(20_000) / 50)
    values[12_345] = 9.0
    wave = array(3, int(START.timestamp() * 1e6), values, rate=25_600)
    nothing = decode(rig.batch(8, 1, [], [], [], arrived=int(START.timestamp() * 1e6)))
    client = await bus.connect(node.settings, "test")
    js = await bus.ensure(node.settings, client)
    await js.publish("readings.8.1", encode(msgspec.structs.replace(nothing, arrays=[wave])))
    await client.close()
    deadline = time.monotonic() + 30
    while not (found := services.arrays([8], [3], START, DAY, 400, store=filled)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert (found[0].rate, found[0].length, len(found[0].points) <= 400) == (25_600, 20_000, True)
    assert (12_345, 9.0) in found[0].points
    assert services.last_values([8], [3], store=filled)[3].length == 20_000
    assert services.arrays([9], [3], START, DAY, store=filled) == []


def test_a_batch_without_arrays_is_read_by_those_who_know_none() -> None:
    plain = rig.batch(8, 1, [1], [0], [1.0], arrived=0)
    assert msgspec.msgpack.decode(plain)["v"] == 1
    assert "arr" not in msgspec.msgpack.decode(plain)
