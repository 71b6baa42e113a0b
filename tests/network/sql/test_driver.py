"""Tables of other systems, read from SQLite and from a real PostgreSQL: each row once, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Refusal
from gongfu.network.drivers.sql import driver
from gongfu.network.drivers.sql.simulator import SqlSimulator
from gongfu.network.drivers.surroundings import Surroundings, provide
from gongfu.network.gateway.config import DeviceConfig, TagConfig

START = 1_700_000_000
TAG = TagConfig(series=1, name="v", address="v")
GROWS = {"table": "r", "time": "t", "after": "id"}


@pytest.fixture(autouse=True)
def root(tmp_path: Path) -> Path:
    provide(Surroundings(positions=tmp_path / "positions.sqlite3", roots=(tmp_path / "root",)))
    return tmp_path / "root"


@pytest.fixture
def table(root: Path) -> Iterator[SqlSimulator]:
    with SqlSimulator(root / "acme" / "a.db", "r", "id INTEGER, t INTEGER, v REAL") as made:
        yield made


def device(*tags: TagConfig, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="lab",
        driver="sql",
        options={"url": "sqlite:///a.db", "timeout": 5, **options},  # type: ignore[dict-item]
        interval=0.02,
        tags=list(tags or (TAG,)),
    )


def values(recorder, series: int = 1) -> list[object]:
    return [sample.value for sample in recorder.of(series)]


async def settled(recorder, count: int) -> None:
    await recorder.until(lambda: len(recorder.samples) >= count, 20)
    await asyncio.sleep(0.1)


def rows(first: int, count: int) -> list[tuple[int, int, float]]:
    return [(n, START + n, float(n)) for n in range(first, first + count)]


async def test_rows_that_are_added_come_once_also_after_a_restart(recorder, running, table) -> None:
    table.add(rows(0, 25))
    for life in range(3):
        async with running(driver, device(**GROWS, batch=7), recorder):
            await settled(recorder, 25 + 30 * life)
            table.add(rows(25 + 30 * life, 15))
            table.add(rows(40 + 30 * life, 15))
    async with running(driver, device(**GROWS, batch=7), recorder):
        await settled(recorder, 115)
    assert values(recorder) == [float(n) for n in range(115)]
    assert recorder.samples[3].time == (START + 3) * 1_000_000
    assert recorder.complaints == []


async def test_many_rows_with_the_same_value_are_all_read(recorder, running, table) -> None:
    table.add([(5, START + n, float(n)) for n in range(50)])
    async with running(driver, device(**GROWS, batch=4), recorder):
        await settled(recorder, 50)
        table.add([(5, START + 50, 50.0), (6, START + 51, 51.0)])
        await settled(recorder, 52)
    assert sorted(values(recorder)) == [float(n) for n in range(52)]  # type: ignore[type-var]


async def test_rows_the_bus_did_not_take_come_again(recorder, running, table) -> None:
    table.add(rows(0, 3))
    take = recorder.emit_acknowledged

    async def fail(samples) -> None:
        raise BrokenPipeError("the bus is away")

    recorder.emit_acknowledged = fail
    with pytest.raises(BrokenPipeError):
        await driver.run(device(**GROWS), recorder)
    recorder.emit_acknowledged = take
    async with running(driver, device(**GROWS), recorder):
        await settled(recorder, 3)
    assert values(recorder) == [0, 1, 2]


async def test_only_what_is_added_from_now_on_when_so_wanted(recorder, running, table) -> None:
    table.add(rows(0, 3))
    async with running(driver, device(**GROWS, start="newest"), recorder):
        await recorder.until(lambda: recorder.times_online)
        table.add(rows(10, 2))
        await settled(recorder, 2)
    assert values(recorder)[-2:] == [10, 11]
    assert 0.0 not in values(recorder)


async def test_a_table_of_the_present_is_read_at_each_interval_rows_with_time_once(recorder, running, table) -> None:
    table.add(rows(0, 2))
    async with running(driver, device(table="r", time="t"), recorder):
        await recorder.until(lambda: len(recorder.batches) >= 4)
        assert values(recorder) == [0, 1]
    async with running(driver, device(table="r"), recorder):
        await recorder.until(lambda: len(recorder.samples) >= 8)


async def test_a_bad_row_is_reported_and_null_is_bad(recorder, running, table) -> None:
    table.add([(1, "soon", 1.0), (2, START, None), (3, START + 1, "text"), (4, START + 2, 4.0), (None, START, 9.0)])
    async with running(driver, device(**GROWS), recorder):
        await settled(recorder, 3)
    assert [(s.value, s.quality) for s in recorder.samples] == [
        (None, Quality.BAD),
        (None, Quality.BAD),
        (4.0, Quality.GOOD),
    ]
    assert "Line 1: 'soon' in the column t is not a time" in recorder.complaints[0]


async def test_a_changed_schema_is_bad_for_that_tag_or_unavailable_in_the_databases_words(
    recorder, running, table
) -> None:
    other = TagConfig(series=2, name="id", address="id")
    table.add(rows(0, 1))
    async with running(driver, device(TAG, other, table="r"), recorder) as task:
        await recorder.until(lambda: values(recorder))
        table.run("ALTER TABLE r RENAME COLUMN v TO w")
        await recorder.until(lambda: recorder.last()[1].quality is Quality.BAD)
        assert recorder.last()[2].quality is Quality.GOOD
        table.run("DROP TABLE r")
        await asyncio.wait([task], timeout=10)
        with pytest.raises(DeviceUnavailable, match="no such table: r"):
            task.result()
    assert recorder.complaints == ["v (v): there is no such column"]


async def test_a_session_browses_and_reads_the_newest(table) -> None:
    table.add(rows(0, 30))
    async with driver.open_session(device(**GROWS, batch=5)) as session:
        assert (await session.identify()).vendor == "sqlite"
        assert [(p.address, p.folder) for p in await session.browse("")] == [("r", True)]
        assert [(p.address, p.kind) for p in await session.browse("r")] == [
            ("id", "number"),
            ("t", "number"),
            ("v", "number"),
        ]
        assert [s.value for s in await session.read([TAG, TagConfig(series=2, name="x", address="x")])] == [29.0, None]
        with pytest.raises(Refusal):
            await session.write(TAG, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"url": "sqlite:////etc/passwd"},
        {"url": "sqlite:///../rival/a.db"},
        {"url": "sqlite://"},
        {"url": "sqlite:///:memory:"},
        {"url": "sqlite:///a.db?mode=rw"},
        {"url": "postgresql:///name?host=/run"},
        {"url": "postgresql://u:secret@h/name"},
        {"url": "postgresql://u@h,k/name"},
        {"url": "postgresql+asyncpg://u@h/name"},
        {"url": "mysql://h/name?read_default_file=/etc/my.cnf"},
        {"url": "nonsense"},
        {"table": ""},
        {"table": "r", "query": "SELECT 1"},
        {"table": "", "query": "DELETE FROM r"},
        {"zone": "Mars"},
    ],
)
async def test_options_that_cannot_work_are_refused(recorder, table, options: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration) as problem:
        await asyncio.wait_for(driver.run(device(**{"table": "r", **options}), recorder), 5)
    assert "secret" not in str(problem.value)


async def test_a_query_cannot_open_another_file(recorder, table, root) -> None:
    for query in ("SELECT * FROM pragma_database_list", "SELECT writefile('x', 'y')"):
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(driver.run(device(query=query), recorder), 5)


async def test_a_query_that_never_ends_is_given_up_and_the_loop_lives(recorder, table) -> None:
    query = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT max(n) AS v FROM x"
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    beside = asyncio.create_task(tick())
    with pytest.raises(DeviceUnavailable):
        await asyncio.wait_for(driver.run(device(query=query, timeout=0.3), recorder), 20)
    assert ticks > 2
    beside.cancel()


@pytest.fixture
def plant(postgres: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS r")
        connection.execute("CREATE TABLE r (id bigint, t timestamptz, v numeric, ok boolean, name text)")
        yield connection


def there(cable, *tags: TagConfig, **options: object) -> DeviceConfig:
    return device(*tags, url=f"postgresql://reader@127.0.0.1:{cable.port}/postgres", **options)


def insert(plant: psycopg.Connection, first: int, count: int) -> None:
    plant.execute(
        "INSERT INTO r SELECT 3000000000 + n, to_timestamp(%s + n), n / 2.0, n %% 2 = 0, 'n' || n"
        " FROM generate_series(%s::int, %s::int) AS n",
        (START, first, first + count - 1),
    )


async def test_postgresql_is_read_through_broken_lines(recorder, running, plant, cable) -> None:
    insert(plant, 0, 10)
    tags = [TAG, TagConfig(series=2, name="ok", address="ok", kind="boolean")]
    tags.append(TagConfig(series=3, name="n", address="name@ok=True", kind="text"))
    for life in range(3):
        async with running(driver, there(cable, *tags, **GROWS, batch=4), recorder) as task:
            await recorder.until(lambda: len(recorder.of(1)) >= 10 + 10 * life, 20)  # noqa: B023
            cable.cut()
            await asyncio.wait([task], timeout=10)
            assert isinstance(task.exception(), DeviceUnavailable)
        insert(plant, 10 + 10 * life, 10)
    async with running(driver, there(cable, *tags, **GROWS, batch=4), recorder):
        await recorder.until(lambda: len(recorder.of(1)) >= 40, 20)
    assert values(recorder) == [n / 2 for n in range(40)]
    assert values(recorder, 2)[:2] == [True, False]
    assert values(recorder, 3) == [f"n{n}" for n in range(0, 40, 2)]
    assert recorder.of(1)[7].time == (START + 7) * 1_000_000


async def test_a_growing_time_column_and_a_query_with_colons_and_percent(recorder, running, plant, cable) -> None:
    insert(plant, 0, 5)
    query = "SELECT t, v::float8 AS v, to_char(t, 'HH24:MI') AS m FROM r WHERE name LIKE 'n%'"
    config = there(cable, query=query, time="t", after="t", overlap=60, batch=3)
    for life in range(2):
        async with running(driver, config, recorder):
            await recorder.until(lambda: len(recorder.of(1)) >= 5 + life, 20)  # noqa: B023
            await asyncio.sleep(0.1)
        insert(plant, 5 + life, 1)
    assert sorted(values(recorder)) == [n / 2 for n in range(6)]  # type: ignore[type-var]


async def test_postgresql_lets_nothing_be_changed(recorder, plant, cable, postgres) -> None:
    plant.execute("CREATE OR REPLACE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM r; SELECT 1'")
    insert(plant, 0, 3)
    with pytest.raises(DeviceUnavailable, match=r"read-only transaction|permission denied"):
        await driver.run(there(cable, query="SELECT wipe() AS v"), recorder)
    assert plant.execute("SELECT count(*) FROM r").fetchone() == (3,)


async def test_a_line_that_is_dead_without_a_word_is_given_up(recorder, running, plant, cable) -> None:
    insert(plant, 0, 1)
    async with running(driver, there(cable, table="r", timeout=0.5), recorder) as task:
        await recorder.until(lambda: recorder.samples)
        cable.dead = True
        await asyncio.wait([task], timeout=15)
        with pytest.raises(DeviceUnavailable, match=r"did not answer within 3 s"):
            task.result()
        cable.dead = False
    async with running(driver, there(cable, table="r"), recorder):
        seen = len(recorder.batches)
        await recorder.until(lambda: len(recorder.batches) > seen, 10)


async def test_a_slow_query_is_ended_by_the_database(recorder, plant, cable) -> None:
    with pytest.raises(DeviceUnavailable, match="statement timeout"):
        await driver.run(there(cable, query="SELECT pg_sleep(30) AS v", timeout=0.3), recorder)


async def test_nobody_there_and_rubbish_are_unavailable(recorder, closed_port, rubbish_port) -> None:
    for port in (closed_port, rubbish_port):
        config = device(url=f"postgresql://u@127.0.0.1:{port}/x", table="r", timeout=0.5)
        with pytest.raises(DeviceUnavailable):
            await asyncio.wait_for(driver.run(config, recorder), 20)
