"""Official clients and plain HTTP meet a ClickHouse server."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime

import clickhouse_connect
import pyarrow as pa
import pytest
import rig
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from gongfu.kernel.secrets import secret

WHEN = datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.fixture
def client(node: rig.Node) -> Client:
    return clickhouse_connect.get_client(
        host="127.0.0.1",
        port=node.settings.store_port,
        username="gongfu",
        password=secret(node.settings.home, "store-internal"),
        database="gongfu",
    )


def call(node: rig.Node, query: dict[str, str], body: bytes | None = None, **headers: str) -> tuple[int, bytes, str]:
    key = secret(node.settings.home, "store-internal")
    headers = {"X-ClickHouse-User": "gongfu", "X-ClickHouse-Key": key} | headers
    url = f"http://127.0.0.1:{node.settings.store_port}/?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers.get("X-ClickHouse-Format", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers.get("X-ClickHouse-Exception-Code", "")


def test_ping_and_queries_in_every_way(node: rig.Node) -> None:
    assert node.get("/ping") == (200, "Ok.\n")
    assert call(node, {"query": "SELECT 1"}) == (200, b"1\n", "TabSeparated")
    assert call(node, {}, b"SELECT 1, 'x' FORMAT CSV") == (200, b'1,"x"\n', "CSV")
    assert call(node, {"query": "SELECT 1 AS a", "default_format": "JSONEachRow"}) == (200, b'{"a":1}\n', "JSONEachRow")
    assert call(node, {"query": "SELECT 1 +"}, b"1")[1] == b"2\n"
    assert call(node, {"query": "SELECT {n:UInt8} + 1", "param_n": "41"})[1] == b"42\n"
    assert call(node, {"query": "SELECT {s:String}", "param_s": "a\\tb'; DROP"})[1] == b"a\\tb\\'; DROP\n"
    assert call(node, {}, gzip.compress(b"SELECT 2"), **{"Content-Encoding": "gzip"})[1] == b"2\n"
    assert call(node, {"query": "SELECT getSetting('max_block_size')", "max_block_size": "77"})[1] == b"77\n"


def test_errors_are_clickhouse_errors(node: rig.Node) -> None:
    status, body, number = call(node, {"query": "SELECT * FROM nowhere"})
    assert (status, number) == (404, "60")
    assert body.startswith(b"Code: 60. DB::Exception: ")
    assert call(node, {"query": "SELEC 1"})[::2] == (400, "62")
    assert call(node, {"query": "SELECT 1", "no_such_setting": "1"})[::2] == (404, "115")
    assert call(node, {"query": "SELECT 1", "a b": "1"})[::2] == (404, "115")
    assert call(node, {}, b"")[0] == 400
    assert call(node, {}, b"\x00", **{"Content-Encoding": "zstd"})[0] == 400
    assert call(node, {}, b"x", **{"Content-Encoding": "br"})[0] == 400
    assert node.get("/nothing")[0] == 404


def test_nobody_enters_without_the_password(node: rig.Node) -> None:
    wrong = {"X-ClickHouse-Key": "wrong"}
    assert call(node, {"query": "SELECT 1"}, **wrong)[::2] == (403, "516")
    assert call(node, {"query": "SELECT 1"}, **{"X-ClickHouse-User": "default"})[0] == 403
    assert node.get("/?query=SELECT+1")[0] == 403
    with pytest.raises(DatabaseError, match="516"):
        clickhouse_connect.get_client(port=node.settings.store_port, host="127.0.0.1", username="gongfu", password="")


def test_the_official_client_inserts_and_reads(client: Client) -> None:
    columns = ["org", "series", "ts", "value", "quality", "arrived"]
    rows = [[40, n, WHEN, n / 2, 0, WHEN] for n in range(1000)]
    client.insert("readings", rows, column_names=columns)
    table = pa.table(
        {
            "org": pa.array([41] * 3, pa.uint32()),
            "series": pa.array([1, 2, 3], pa.uint32()),
            "ts": pa.array([WHEN] * 3, pa.timestamp("us", "UTC")),
            "value": [1.0, 2.0, 3.0],
            "quality": pa.array([0] * 3, pa.uint8()),
            "arrived": pa.array([WHEN] * 3, pa.timestamp("s", "UTC")),
        }
    )
    client.insert_arrow("readings", table)
    found = client.query("SELECT org, count(), max(ts) FROM readings WHERE org IN (40, 41) GROUP BY org ORDER BY org")
    assert [(org, count, ts.replace(tzinfo=UTC)) for org, count, ts in found.result_rows] == [
        (40, 1000, WHEN),
        (41, 3, WHEN),
    ]
    assert client.query_arrow("SELECT sum(value) AS s FROM readings WHERE org = 40").to_pylist() == [{"s": 249750.0}]
    assert (
        client.command("SELECT count() FROM readings WHERE series IN {s:Array(UInt32)} AND org = 41", {"s": [1, 3]})
        == 2
    )
    assert client.query("SELECT * FROM readings WHERE org = 99").result_rows == []


def test_a_reader_through_the_official_client_is_scoped_and_bounded(client: Client) -> None:
    client.command("INSERT INTO readings SELECT number % 2 + 42, number, now64(6), 1, 0, now() FROM numbers(10)")
    mine = {"readonly": "1", "additional_table_filters": "{'gongfu.readings': 'org = 42'}"}
    assert client.command("SELECT count() FROM readings WHERE org IN (42, 43)", settings=mine) == 5
    with pytest.raises(DatabaseError, match="497"):
        client.command("SELECT * FROM merge('gongfu', 'readings')", settings=mine)
    with pytest.raises(DatabaseError, match="cannot set"):
        client.command("SELECT 1", settings=mine | {"max_partitions_per_insert_block": "1"})
    with pytest.raises(DatabaseError, match="159"):
        client.command(
            "SELECT count() FROM numbers(1900000000) WHERE sipHash64(number) = 1",
            settings=mine | {"max_execution_time": "1"},
        )
    with pytest.raises(DatabaseError, match="396"):
        client.query("SELECT number FROM numbers(3000000)", settings=mine)


def test_long_parameters_come_as_a_form(client: Client) -> None:
    many = list(range(5000))
    assert client.query("SELECT length({s:Array(UInt32)})", parameters={"s": many}).result_rows == [(5000,)]
