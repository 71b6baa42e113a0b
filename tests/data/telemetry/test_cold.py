"""Old months go to Parquet files, are still read, and come back when something late arrives; a kill loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.data.telemetry import cold, keeping
from gongfu.data.telemetry.cold import ColdStore
from gongfu.data.telemetry.dirt import Dirt
from gongfu.data.telemetry.roller import Roller
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.engine import StoreFailure

JANUARY = 1_420_070_400
"""2015-01-01 UTC: long before what other tests store."""
ALL = "SELECT count(), sum(value) FROM (SELECT * FROM readings FINAL UNION ALL SELECT * FROM readings_cold)"


@pytest.fixture
def filled(engine: EmbeddedEngine, tmp_path: Path) -> Iterator[ColdStore]:
    engine.execute("TRUNCATE TABLE cold")
    engine.execute(
        f"INSERT INTO readings SELECT 700, number % 3, toDateTime64({JANUARY}, 6, 'UTC') + number * 3600, number, 0,"
        " '2016-01-01' FROM numbers(1400)"
    )
    yield ColdStore(engine, tmp_path / "cold")
    engine.execute("ALTER TABLE readings DELETE WHERE org = 700 SETTINGS mutations_sync = 1")
    engine.execute("TRUNCATE TABLE cold")


def counted(engine: EmbeddedEngine, where: str = "org = 700") -> tuple[int, float]:
    text = engine.query(f"{ALL} WHERE {where}", "TSVRaw").decode().split()
    return int(text[0]), float(text[1])


def test_what_is_cold_is_still_read_and_no_longer_in_the_store(filled: ColdStore, engine: EmbeddedEngine) -> None:
    before = counted(engine)
    assert filled.freeze(201502) == [201501]
    assert counted(engine) == before
    assert engine.background("SELECT count() FROM readings WHERE org = 700 AND toYYYYMM(ts) = 201501") == "0"
    assert [(one.month, one.rows, one.state) for one in filled.months()] == [(201501, 744, "cold")]
    assert filled.freeze(201502) == []
    rows = engine.query(
        "SELECT count() FROM readings_cold",
        "TSVRaw",
        settings={"readonly": 1, "additional_table_filters": "{'gongfu.readings_cold': 'org = 701'}"},
    )
    assert rows == b"0\n"


def test_a_late_reading_brings_its_month_back_and_rollups_come_out_right(
    filled: ColdStore, engine: EmbeddedEngine
) -> None:
    filled.freeze(201503)
    dirt = Dirt(engine)
    engine.execute(f"INSERT INTO readings VALUES (700, 1, toDateTime64({JANUARY} + 3600, 6, 'UTC'), 99, 0, now())")
    engine.execute(f"INSERT INTO dirty VALUES ({dirt.generation}, 700, 1, 0, {JANUARY + 3600}, {JANUARY + 3660})")
    assert filled.thaw_touched() == [201501]
    Roller(engine, dirt).roll(JANUARY + 90_000)
    found = engine.background(
        f"SELECT last FROM rollups FINAL WHERE org = 700 AND step = 60 AND start = {JANUARY + 3600}"
    )
    assert float(found) == 99
    assert counted(engine)[0] == 1400
    assert filled.freeze(201503) == [201501]
    assert counted(engine)[0] == 1400


def test_killed_between_any_two_steps_nothing_is_lost(
    filled: ColdStore, engine: EmbeddedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counted(engine, "org = 700 AND toYYYYMM(ts) != 201501")
    for step in ("_note", "_attach"):
        with monkeypatch.context() as patched:
            patched.setattr(ColdStore, step, _killed)
            with pytest.raises(KeyboardInterrupt):
                filled.freeze(201502)
        again = ColdStore(engine, tmp_path / "cold")
        distinct = engine.background(
            "SELECT uniqExact(org, series, ts) FROM (SELECT * FROM readings UNION ALL SELECT * FROM readings_cold)"
            " WHERE org = 700"
        )
        assert distinct == "1400"
        again.freeze(201502)
        assert counted(engine)[0] == 1400
        again.thaw(201501)
        assert counted(engine)[0] == 1400
    assert counted(engine, "org = 700 AND toYYYYMM(ts) != 201501") == before


def test_a_torn_file_is_set_aside_and_the_others_are_read(
    filled: ColdStore, engine: EmbeddedEngine, tmp_path: Path
) -> None:
    assert filled.freeze(201503) == [201501, 201502]
    path = filled.path(201501)
    path.write_bytes(path.read_bytes()[:900])
    again = ColdStore(engine, tmp_path / "cold")
    assert [(one.month, one.state) for one in again.months()] == [(201501, "torn"), (201502, "cold")]
    assert counted(engine)[0] == 1400 - 744
    assert path.with_suffix(".torn").exists()


def test_a_full_disk_leaves_the_month_in_the_store(
    filled: ColdStore, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold, "_flush", _full)
    with pytest.raises(StoreFailure):
        filled.freeze(201502)
    assert list(filled.path(201501).parent.iterdir()) == []
    assert engine.background("SELECT count() FROM readings WHERE org = 700") == "1400"


def test_what_arrives_while_a_month_is_written_is_kept(
    filled: ColdStore, engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = cold._flush

    def late(path: Path) -> None:
        flush(path)
        engine.execute(f"INSERT INTO readings VALUES (700, 9, toDateTime64({JANUARY}, 6, 'UTC'), 1, 0, now())")

    monkeypatch.setattr(cold, "_flush", late)
    assert filled.freeze(201502) == []
    assert counted(engine)[0] == 1401


@pytest.fixture(params=["texts", "arrays"])
def others(request: pytest.FixtureRequest, engine: EmbeddedEngine, tmp_path: Path) -> Iterator[ColdStore]:
    """Texts and arrays of two months, each with one that the store holds twice."""
    table = {one.name: one for one in cold.TIERED}[request.param]
    said = "concat('状态 ', toString(number))" if table.name == "texts" else "range(number % 50), 25600."
    engine.execute("TRUNCATE TABLE cold")
    for _ in range(2):
        engine.execute(
            f"INSERT INTO {table.name} SELECT 700, number % 3,"
            f" toDateTime64({JANUARY}, 6, 'UTC') + number * 3600, {said}, 0, '2016-01-01' FROM numbers(1400)"
        )
    yield ColdStore(engine, tmp_path / "cold", table)
    engine.execute(f"TRUNCATE TABLE {table.name}")
    engine.execute("TRUNCATE TABLE cold")
    engine.execute("TRUNCATE TABLE dirty")


def content(engine: EmbeddedEngine, name: str) -> str:
    return engine.query(
        f"SELECT count(), sum(cityHash64(*)) FROM (SELECT * FROM {name} FINAL UNION ALL SELECT * FROM {name}_cold)"
        " WHERE org = 700",
        "TSVRaw",
    ).decode()


def test_texts_and_arrays_go_the_same_way_and_come_back_as_they_were(
    others: ColdStore, engine: EmbeddedEngine, tmp_path: Path
) -> None:
    name = others.table.name
    before = content(engine, name)
    assert before.startswith("1400\t")
    assert others.freeze(201502) == [201501]
    assert [(one.month, one.rows, one.state) for one in others.months()] == [(201501, 744, "cold")]
    assert engine.background(f"SELECT count() FROM {name} WHERE toYYYYMM(ts) = 201501") == "0"
    assert content(engine, name) == before
    said = "'spät'" if name == "texts" else "[9.5], 10."
    engine.execute(f"INSERT INTO {name} VALUES (700, 1, toDateTime64({JANUARY} + 7, 6, 'UTC'), {said}, 0, now())")
    if name == "texts":  # of which durations are kept
        engine.execute(f"INSERT INTO dirty VALUES (1, 700, 1, 1, {JANUARY}, {JANUARY + 60})")
        assert others.thaw_touched() == [201501]
        engine.execute("TRUNCATE TABLE dirty")
    assert content(engine, name).startswith("1401\t")
    assert others.freeze(201502) == [201501]
    assert content(engine, name).startswith("1401\t")
    path = others.path(201501)
    path.write_bytes(path.read_bytes()[:-1])
    again = ColdStore(engine, tmp_path / "cold", others.table)
    assert [one.state for one in again.months()] == ["torn"]
    assert content(engine, name).startswith("656\t")


def test_an_erasure_reaches_what_is_cold_and_proves_it(
    others: ColdStore, filled: ColdStore, engine: EmbeddedEngine
) -> None:
    """The recorder's part, which the erasure waits for, is done while it waits."""
    assert others.freeze(201502) == filled.freeze(201502) == [201501]
    turns = []

    def wait() -> None:
        turns.append((others.thaw_touched(), filled.thaw_touched()))
        assert len(turns) < 5

    store = EmbeddedEngineView(engine)
    counted = {one.table: one for one in keeping.erase(700, [1], JANUARY, JANUARY + 10 * 3600, wait, store=store)}  # type: ignore[arg-type]
    for name in ("readings", others.table.name):
        assert (counted[name].before, counted[name].after) == (3, 0), name
        assert engine.background(f"SELECT count() FROM {name}_cold") == "0"
    mine = "org = 700 AND series = 1 AND ts < toDateTime64('2015-01-01 10:00:00', 6, 'UTC')"
    for name in ("readings", others.table.name):
        both = f"(SELECT org, series, ts FROM {name} UNION ALL SELECT org, series, ts FROM {name}_cold)"
        assert engine.background(f"SELECT count() FROM {both} WHERE {mine}") == "0"
        assert engine.background(f"SELECT uniqExact(series, ts) FROM {both} WHERE org = 700") == "1397"
    assert others.freeze(201502) == []  # for an hour it stays where an erasure wanted it


class EmbeddedEngineView:
    """What the erasure asks of a store, answered by the engine itself."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self.command = engine.background


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _full(path: Path) -> None:
    raise StoreFailure("no space left on device", number=243)
