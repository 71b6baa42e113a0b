"""With store_url the recorder writes to a ClickHouse server; here another recorder plays that server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import rig
from test_recorder import publish, until

from gongfu.data.telemetry.schema import VERSION, migrate
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.data.telemetry.store.remote import RemoteEngine
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
        server, store = StoreClient(node.settings), StoreClient(edge.settings)
        await until(lambda: server.command("SELECT count() FROM readings WHERE org = 60"), "2")
        assert store.query_arrow("SELECT sum(value) AS s FROM readings", orgs=[60]).to_pylist() == [{"s": 3.0}]
        assert store.query_arrow("SELECT count() AS n FROM readings", orgs=[61]).to_pylist() == [{"n": 0}]
        assert edge.get("/ping")[0] == 404  # it serves no store of its own
        assert not (tmp_path / "telemetry").exists()
        server.close()
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
