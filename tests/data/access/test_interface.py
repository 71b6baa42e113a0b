"""Official ClickHouse clients meet the interface for people: they see their organisation's rows, and write nothing."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.parse
import urllib.request

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from enterprises import ROWS, Served, World

from gongfu.data.access import framing
from gongfu.kernel.accounts import tokens

# The interface reads the database through connections of its own threads.
pytestmark = pytest.mark.django_db(transaction=True)


def connect(served: Served, name: str, token: str, **others: object) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=served.port, username=name, password=token, **others)


def call(
    served: Served, token: str, sql: str, headers: dict[str, str] | None = None, **query: str
) -> tuple[int, bytes]:
    url = f"http://127.0.0.1:{served.port}/?{urllib.parse.urlencode(query)}"
    given = {"X-ClickHouse-User": "li", "X-ClickHouse-Key": token} | (headers or {})
    request = urllib.request.Request(url, sql.encode(), given)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_clickhouse_connect_pandas_and_arrow_read_the_same(world: World, served: Served) -> None:
    client = connect(served, "li", world.token)
    rows = client.query("SELECT device, tag, unit, value FROM points ORDER BY time LIMIT 2").result_rows
    assert [tuple(row) for row in rows] == [("PUMP-1", "flow", "m³/h", 0.0), ("PUMP-1", "flow", "m³/h", 0.25)]
    frame = client.query_df("SELECT time, value FROM points ORDER BY time")
    assert len(frame) == ROWS
    assert str(frame["time"].dtype).startswith("datetime64")
    table = client.query_arrow("SELECT time, value FROM points ORDER BY time")
    assert table.num_rows == ROWS
    assert client.query("SELECT {n:UInt8} + 1", parameters={"n": 41}).first_row[0] == 42
    assert client.command("SELECT count() FROM readings") == ROWS
    tables = {row[0] for row in client.query("SHOW TABLES").result_rows}
    assert {"points", "readings", "minutes"} <= tables
    assert "schema" not in tables
    columns = client.query("DESCRIBE TABLE points").result_rows
    assert ("value", "Float64") in [tuple(row[:2]) for row in columns]
    assert client.query("SHOW DATABASES").result_rows == [("gongfu",)]
    client.close()


def test_a_colleague_of_another_enterprise_sees_nothing(world: World, served: Served) -> None:
    client = connect(served, "zhao", world.rivals_token)
    for table in ("points", "readings", "texts", "last_points", "series", "latest"):
        counted = client.query(f"SELECT count() FROM {table} WHERE org = {world.ours.pk}").first_row[0]
        assert counted == 0, table
    assert client.query("SELECT DISTINCT device FROM points").result_rows == [("PUMP-2",)]
    client.close()


def test_who_belongs_nowhere_connects_and_sees_no_row(world: World, served: Served) -> None:
    from gongfu.kernel.accounts import services as accounts

    token = tokens.create(accounts.create_user("lost", "correct-horse-9"), "test")[1]
    client = connect(served, "lost", token)
    assert client.command("SELECT count() FROM points") == 0
    client.close()


def test_only_a_valid_token_of_that_user_enters(world: World, served: Served) -> None:
    assert call(served, "gongfu_wrong", "SELECT 1")[0] == 401
    assert call(served, world.rivals_token, "SELECT 1")[0] == 401  # zhao's token under li's name
    assert call(served, world.token, "SELECT 1", {"Authorization": f"Bearer {world.token}"})[0] == 200
    with pytest.raises(DatabaseError, match="516"):
        connect(served, "li", "correct-horse-9")  # the password is no token
    world.engineer.is_active = False
    world.engineer.save()
    assert call(served, world.token, "SELECT 1")[0] == 401


WRITES = [
    "DROP TABLE readings",
    "INSERT INTO readings SELECT * FROM readings",
    "INSERT INTO readings (org) FORMAT TSV\n1\n",
    "SELECT * FROM file('/etc/passwd', LineAsString)",
    "SELECT * FROM readings SETTINGS additional_table_filters = {}",
    "SELECT * FROM readings SETTINGS readonly = 0",
    "SELECT 1 FORMAT Protobuf SETTINGS output_format_schema = '/tmp/x'",
    "SELECT * FROM `system`.`processes`",
    "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/x'",
    "SELECT 1; DROP TABLE readings",
]


def test_nothing_is_written_and_no_file_is_read(world: World, served: Served) -> None:
    for sql in WRITES:
        status, body = call(served, world.token, sql)
        assert status in (400, 403), (sql, body)
    assert call(served, world.token, "SELECT count() FROM readings") == (200, f"{ROWS}\n".encode())


def test_a_setting_of_the_address_cannot_widen_the_view(world: World, served: Served) -> None:
    for name, value in (("additional_table_filters", "{}"), ("readonly", "0"), ("output_format_schema", "/tmp/x")):
        status, body = call(served, world.token, "SELECT uniq(org) FROM readings", **{name: value})
        assert (status, body) == (200, b"1\n")


def test_a_limit_is_named_with_what_to_do_in_both_languages(world: World, served: Served) -> None:
    heavy = "SELECT max(sipHash64(number)) FROM numbers(1900000000) SETTINGS max_execution_time = 1"
    status, body = call(served, world.token, heavy)
    assert status == 400
    assert "max_execution_time" in body.decode()
    assert "shorter time range" in body.decode()
    assert body.startswith(b"Code: 159. DB::Exception: ")
    world.engineer.language = "zh-hans"
    world.engineer.save()
    many = call(served, world.token, "SELECT number FROM numbers(3000000)")[1].decode()
    assert "max_result_rows" in many
    assert "LIMIT" in many
    assert any("\u4e00" <= one <= "\u9fff" for one in many)


def test_answers_are_packed_as_clients_ask(world: World, served: Served) -> None:
    sql = "SELECT number FROM numbers(1000) FORMAT TSV"
    plain = call(served, world.token, sql)[1]
    packed = call(served, world.token, sql, {"Accept-Encoding": "gzip"}, enable_http_compression="1")[1]
    assert gzip.decompress(packed) == plain
    frames = call(served, world.token, sql, compress="1")[1]
    assert frames != plain
    assert framing.unframed(frames, 1 << 20) == plain
    sent = b"".join((framing.Frames().feed(sql.encode()), b""))
    url = f"http://127.0.0.1:{served.port}/?decompress=1"
    headers = {"X-ClickHouse-User": "li", "X-ClickHouse-Key": world.token}
    with urllib.request.urlopen(urllib.request.Request(url, sent, headers), timeout=30) as answer:
        assert answer.read() == plain


GRAFANA = [
    # github.com/grafana/clickhouse-datasource: pkg/plugin/schema.go, src/data/CHDatasource.ts; clickhouse-go's hello
    "SELECT displayName(), version(), revision(), timezone()",
    "SELECT 1",
    "SELECT version()",
    "SELECT timeZone()",
    "SELECT currentDatabase()",
    "SHOW DATABASES",
    "SHOW TABLES",
    'SHOW TABLES FROM "gongfu"',
    'DESC TABLE "gongfu"."points"',
    'DESCRIBE TABLE "gongfu"."points"',
    "SELECT name, type, table FROM system.columns",
    "SELECT name, type, table FROM system.columns WHERE database IN ('gongfu') AND table = 'points'",
    "SELECT database, name FROM system.tables ORDER BY database, name",
    "SELECT database, table, name, type, comment FROM system.columns WHERE (database, table) IN (('gongfu', 'points'))"
    " ORDER BY database, table, position",
    "SELECT DISTINCT device FROM gongfu.points SETTINGS max_execution_time=10",
    "select distinct device from gongfu.points limit 1000",
    "\n SELECT\n name, is_aggregate, case_insensitive, alias_to, origin, description,\n syntax, arguments,"
    " returned_value, examples, categories\n FROM system.functions\n LIMIT 10000\n",
    'SELECT toStartOfInterval(toDateTime(time), INTERVAL 20 second) as time, avg(value) FROM "gongfu"."points"'
    " WHERE time >= toDateTime(1792584000) AND time <= toDateTime(1792587600) GROUP BY time ORDER BY time ASC",
]
DBEAVER = [
    # github.com/ClickHouse/clickhouse-java (client-v2, jdbc-v2 DatabaseMetaDataImpl) and dbeaver's ClickhouseMetaModel
    "SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1",
    "SELECT name AS TABLE_SCHEM, '' AS TABLE_CATALOG FROM system.databases ORDER BY name",
    "SELECT 'local' AS TABLE_CAT  WHERE 1 = 0",
    "SELECT arrayJoin(['TABLE', 'VIEW']) AS TABLE_TYPE ORDER BY TABLE_TYPE",
    "SELECT name as TABLE_NAME, engine as TABLE_TYPE, database as TABLE_SCHEM,comment as REMARKS, *"
    " FROM system.tables\nWHERE database = 'gongfu' and name='points'",
    "SHOW CREATE TABLE gongfu.points",
    "select sum(bytes) as table_size, sum(rows) as table_rows, max(modification_time) as latest_modification,"
    "min(min_date) AS min_date,max(max_date) AS max_date,any(engine) as engine\nFROM system.parts\n"
    "WHERE database='gongfu' AND table='points'\nGROUP BY table",
    "SELECT '' AS TABLE_CAT, t.database AS TABLE_SCHEM, t.name AS TABLE_NAME,"
    " if(t.is_temporary = 1, concat('Temporary', t.engine), t.engine) AS TABLE_TYPE, t.comment AS REMARKS,"
    " CAST(null as Nullable(String)) AS TYPE_CAT, d.engine AS TYPE_SCHEM FROM system.tables t"
    " JOIN system.databases d ON system.tables.database = system.databases.name"
    " WHERE t.database LIKE '%' AND t.name LIKE '%' AND ( (t.engine IN ('View')) OR (t.engine LIKE 'System%'))"
    " AND (t.is_temporary = 0)",
    "SELECT '' AS TABLE_CAT, database AS TABLE_SCHEM, table AS TABLE_NAME, name AS COLUMN_NAME,"
    " toInt32(1111) AS DATA_TYPE, type AS TYPE_NAME, toInt32(IF (numeric_scale == 0, NULL, numeric_scale)) as"
    " DECIMAL_DIGITS, toInt32(numeric_precision_radix) AS NUM_PREC_RADIX,"
    " toInt32(position(type, 'Nullable(') >= 1 ?1 : 0) as NULLABLE, system.columns.comment AS REMARKS,"
    " character_octet_length::Nullable(Int32) AS CHAR_OCTET_LENGTH,"
    " toInt32(system.columns.position) AS ORDINAL_POSITION,"
    " position(upper(type), 'NULLABLE') >= 1 ? 'YES' : 'NO' AS IS_NULLABLE FROM system.columns"
    " WHERE database LIKE 'gongfu' AND table LIKE 'points' AND name LIKE '%' ORDER BY TABLE_SCHEM, ORDINAL_POSITION",
    "SELECT * FROM gongfu.points LIMIT 0, 200",
]


def test_what_grafana_asks_is_answered(world: World, served: Served) -> None:
    for sql in GRAFANA:
        status, body = call(
            served, world.token, sql, database="gongfu", default_format="Native", client_protocol_version="54460"
        )
        assert status == 200, (sql, body)
        assert body.startswith(b"\x01\x00\x02\xff\xff\xff\xff\x00"), sql  # the header that clickhouse-go reads first


def test_what_dbeaver_asks_is_answered(world: World, served: Served) -> None:
    for sql in DBEAVER:
        status, body = call(
            served, world.token, sql, database="gongfu", default_format="RowBinaryWithNamesAndTypes", compress="1"
        )
        assert status == 200, (sql, body)
        framing.unframed(body, 1 << 24)
    ours = call(served, world.token, "SELECT currentUser(), hostName() FORMAT TSV")[1]
    assert ours == b"li\tgongfu\n"


def test_catalogues_tell_nothing_of_how_much_others_have(world: World, served: Served) -> None:
    counted = call(served, world.token, "SELECT sum(total_rows), sum(total_bytes), any(data_paths) FROM system.tables")[
        1
    ]
    assert counted in (b"\\N\t\\N\t[]\n", b"0\t0\t[]\n")
    sizes = call(served, world.token, "SELECT sum(data_compressed_bytes) FROM system.columns")[1]
    assert sizes == b"0\n"
