"""The SQL of a cluster, as far as one machine can run it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gongfu.cli.plan import _NAMES
from gongfu.data.cluster import ddl
from gongfu.data.cluster.capacity import Costs, Server, Wish, plan
from gongfu.data.telemetry import schema
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.kernel.errors import Invalid


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(tmp_path_factory.mktemp("cluster"))
    schema.migrate(one)
    yield one
    one.close()


def test_the_engine_understands_every_statement(engine: EmbeddedEngine) -> None:
    for sql in ddl.statements("plant"):
        assert engine.query(f"EXPLAIN AST {sql}", "TSV"), sql


def test_every_table_of_the_store_is_there_twice_and_with_all_its_columns(engine: EmbeddedEngine) -> None:
    written = "\n".join(ddl.statements("plant"))
    rows = engine.query("SELECT table, name FROM system.columns WHERE database = 'gongfu'", "TSV").decode()
    columns = [tuple(row.split("\t")) for row in rows.splitlines()]
    tables = {table for table, _ in columns} - {"schema"}
    assert tables
    for table in tables:
        local = next(line for line in written.splitlines() if f"`{table}_local` ON CLUSTER" in line)
        assert "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/" in local
        assert f"ENGINE = Distributed(`plant`, `gongfu`, `{table}_local`" in written
        for name in (name for owner, name in columns if owner == table):
            assert f"`{name}` " in local


def test_the_local_half_runs_and_the_whole_is_refused_only_for_want_of_a_cluster(engine: EmbeddedEngine) -> None:
    for table in ddl.tables():
        alone = ddl.local(table, "plant", "gongfu").replace(" ON CLUSTER `plant`", "")
        plain = alone.replace(
            f"ReplicatedReplacingMergeTree('/clickhouse/tables/{{shard}}/gongfu/{table.name}', '{{replica}}', ",
            "ReplacingMergeTree(",
        ).replace(
            f"ReplicatedReplacingMergeTree('/clickhouse/tables/{{shard}}/gongfu/{table.name}', '{{replica}}')",
            "ReplacingMergeTree()",
        )
        engine.execute(plain)
        whole = ddl.distributed(table, "plant", "gongfu").replace(" ON CLUSTER `plant`", "")
        whole = whole.replace(f"`gongfu`.`{table.name}` AS", f"`gongfu`.`{table.name}_whole` AS")
        with pytest.raises(StoreFailure, match="CLUSTER_DOESNT_EXIST"):
            engine.execute(whole)
        # The same sharding expression over the local half: what Distributed evaluates for each row.
        assert engine.query(f"SELECT {ddl.sharding(table)} FROM `{table.name}_local`", "TSV") == b""


def test_rows_of_one_key_share_a_shard() -> None:
    for table in ddl.tables():
        named = ddl.sharding(table).removeprefix("cityHash64(").removesuffix(")").replace("`", "").split(", ")
        assert set(named) <= set(table.key), table.name


@pytest.mark.parametrize("name", ["a b", "", "x'; DROP", "`"])
def test_names_that_need_quoting_are_refused(name: str) -> None:
    with pytest.raises(Invalid):
        ddl.statements(name)


def test_a_petabyte_is_reckoned_step_by_step() -> None:
    found = plan(Wish(points_per_day=1e12, sensors=10_000_000, raw_days=365, replicas=2), Server(), Costs())
    assert found.value("disk of readings") == pytest.approx(1e12 * 365 * 2.9)
    assert found.value("disk of all copies") > 1e15
    assert found.servers == found.shards * 2
    assert found.shards >= found.value("disk of one copy") / 20e12
    assert all(step.formula and step.what in _NAMES for step in found.steps)
    twice = plan(Wish(points_per_day=2e12, sensors=10_000_000, raw_days=365, replicas=2))
    assert twice.shards > found.shards


def test_a_small_plant_fits_one_server() -> None:
    assert plan(Wish(points_per_day=1e6, sensors=100, replicas=1)).servers == 1


@pytest.mark.parametrize("wish", [Wish(-1, 1), Wish(1e9, 0), Wish(float("nan"), 1), Wish(1e9, 1, replicas=0)])
def test_what_cannot_be_is_refused_with_its_name(wish: Wish) -> None:
    with pytest.raises(Invalid, match=r"points-per-day|sensors|replicas"):
        plan(wish)
