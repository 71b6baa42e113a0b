"""With store_url the recorder writes to a ClickHouse server; here another recorder plays that server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rig
from test_recorder import publish, until

from gongfu.data.backup.sources import server
from gongfu.data.telemetry.schema import VERSION, migrate
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.data.telemetry.store.remote import RemoteEngine
from gongfu.kernel.errors import Conflict
from gongfu.kernel.secrets import secret
from gongfu.kernel.store import StoreClient

NOW = int(datetime(2026, 11, 20, tzinfo=UTC).timestamp() * 1e6)


async def test_readings_reach_the_server_and_are_read_from_there(node: rig.Node, tmp_path: Path) -> None:
    password = secret(node.settings.home, "store-internal")
    edge = rig.Node(tmp_path, store_url=f"http://gongfu:{password}@127.0.0.1:{node.settings.store_port}/gongfu")
    try:
        edge.start_bus()
        edge.start_recorder()
        await publish(edge, ("readings.60.1", rig.batch(60, 1, [1, 2], [NOW, NOW], [1.0, 2.0], arrived=NOW)))
        behind, store = StoreClient(node.settings), StoreClient(edge.settings)
        await until(lambda: behind.command("SELECT count() FROM readings WHERE org = 60"), "2")
        assert store.query_arrow("SELECT sum(value) AS s FROM readings", orgs=[60]).to_pylist() == [{"s": 3.0}]
        assert store.query_arrow("SELECT count() AS n FROM readings", orgs=[61]).to_pylist() == [{"n": 0}]
        assert edge.get("/ping")[0] == 404  # it serves no store of its own
        assert not (tmp_path / "telemetry").exists()
        behind.close()
        store.close()
    finally:
        edge.close()


def test_the_tables_are_made_once(node: rig.Node) -> None:
    password = secret(node.settings.home, "store-internal")
    engine = RemoteEngine(f"http://gongfu:{password}@127.0.0.1:{node.settings.store_port}/gongfu")
    migrate(engine)
    assert engine.scalar("SELECT count() FROM `schema`") == str(VERSION)
    with pytest.raises(StoreFailure) as caught:
        engine.execute("SELECT * FROM nowhere")
    assert caught.value.number == 60
    engine.close()


def test_a_server_that_is_away_is_a_store_failure() -> None:
    with pytest.raises(StoreFailure, match="store_url"):
        RemoteEngine(f"http://gongfu:x@127.0.0.1:{rig.free_ports(1)[0]}/gongfu")


def address(node: rig.Node) -> str:
    """As ``store_url`` has it."""
    return f"http://gongfu:{secret(node.settings.home, 'store-internal')}@127.0.0.1:{node.settings.store_port}/gongfu"


class Gathered:
    """What a backup gathers, by name; ``before`` is what the one before knew."""

    def __init__(self, before: Mapping[str, int]) -> None:
        self.before, self.files, self.states = before, dict[str, bytes](), dict[str, int]()

    def expect(self, part: str, octets: int) -> None:
        """Told of progress."""

    def keep(self, name: str, state: int, octets: int) -> bool:
        self.states[name] = state
        return bool(state) and self.before.get(name) == state

    def add_pieces(self, contents: Iterable[bytes], name: str, *, state: int = 0) -> None:
        self.files[name] = b"".join(contents)


async def test_a_backup_of_a_server_is_incremental_and_fills_an_empty_one(node: rig.Node, tmp_path: Path) -> None:
    """Another recorder plays the server that is restored into."""
    url, source = address(node), StoreClient(node.settings)
    source.command(
        "INSERT INTO readings SELECT 62, 1, toDateTime64('2026-01-31', 6, 'UTC') + number * 3600, number, 0, now()"
        " FROM numbers(48)"
    )
    source.command("INSERT INTO texts VALUES (62, 2, '2026-01-31', '自动 \\t', 0, now())")
    source.command("INSERT INTO arrays VALUES (62, 3, '2026-01-31', [1, nan, 3], 25600, 0, now())")
    source.command("INSERT INTO latest VALUES (62, 1, '2026-02-01', 47, '', 0, 0)")
    first = Gathered({})
    copied = server.copy(url, first)  # type: ignore[arg-type]
    assert "server/readings/202601.parquet" in first.files
    source.command("INSERT INTO readings VALUES (62, 1, '2026-02-01 12:30:00', 99, 0, now())")
    second = Gathered(first.states)
    server.copy(url, second)  # type: ignore[arg-type]
    assert set(second.files) & set(first.files) >= {"server/readings/202602.parquet"}
    assert "server/readings/202601.parquet" not in second.files
    for name, content in first.files.items():
        path = tmp_path / "parts" / name.removeprefix(server.PREFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    empty = rig.Node(tmp_path / "empty")
    try:
        empty.start_bus()
        empty.start_recorder()
        target = StoreClient(empty.settings)
        await until(lambda: str(target.healthy()), "True")
        there, moment = address(empty), time.time_ns()
        server.restore(there, copied, tmp_path / "parts", tmp_path, moment)
        server.restore(there, copied, tmp_path / "parts", tmp_path, moment)  # it was interrupted: nothing doubles
        for table in ("readings", "texts", "arrays", "latest"):
            asked = (
                f"SELECT concat(toString(count()), ' ', toString(sum(cityHash64(*)))) FROM {table} FINAL WHERE org = 62"
            )
            before = asked + (" AND value != 99" if table == "readings" else "")
            assert target.command(asked) == source.command(before), table
        await until(lambda: target.command("SELECT sum(n) FROM rollups FINAL WHERE org = 62 AND step = 86400"), "48")
        with pytest.raises(Conflict, match="not empty"):
            server.restore(url, copied, tmp_path / "parts", tmp_path / "parts", moment)
        target.close()
    finally:
        empty.close()
    source.close()
