"""A scoped reader sees its organisations' rows and nothing else, whatever SQL it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.data.telemetry.store.http import StoreApp
from gongfu.data.telemetry.store.scope import Gate, Refused
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.store import filters

MINE, THEIRS = 1, 2
SECRET = 6660666.0
"""A value only the other organisation has."""


class Reader:
    """What the HTTP interface does with a reader's call."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self.engine = engine
        self.gate = Gate(engine)
        self.bounds = StoreApp(engine, "")._bounded({"additional_table_filters": filters("gongfu", [MINE])})

    def ask(self, sql: str, parameters: dict[str, str] | None = None) -> str:
        self.gate.check(sql)
        return self.engine.query(sql, "JSONCompactEachRow", settings=self.bounds, parameters=parameters).decode()


@pytest.fixture(scope="module")
def reader(engine: EmbeddedEngine) -> Reader:
    for table in ("readings", "texts", "latest", "events"):
        engine.execute(f"TRUNCATE TABLE {table}")
    engine.execute(
        f"INSERT INTO readings SELECT {MINE}, number, toDateTime64('2026-11-20 00:00:00', 6, 'UTC'), number, 0, 0"
        " FROM numbers(5)"
    )
    engine.execute(
        f"INSERT INTO readings SELECT {THEIRS}, number, toDateTime64('2026-11-20 00:00:00', 6, 'UTC'), {SECRET}, 0, 0"
        " FROM numbers(7)"
    )
    engine.execute(f"INSERT INTO latest VALUES ({THEIRS}, 1, 0, {SECRET}, '{SECRET}', 0, 0)")
    engine.execute(f"INSERT INTO events VALUES ({THEIRS}, 1, 0, 'online', '{SECRET}', 0)")
    engine.execute(f"INSERT INTO texts VALUES ({THEIRS}, 1, 0, '{SECRET}', 0, 0)")
    engine.execute("CREATE VIEW IF NOT EXISTS everything AS SELECT * FROM readings")
    return Reader(engine)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM readings",
        "SELECT count() FROM gongfu.readings FINAL",
        "SELECT count() FROM (SELECT * FROM readings)",
        "WITH t AS (SELECT * FROM readings) SELECT count() FROM t",
        "SELECT (SELECT count() FROM readings)",
        "SELECT count() FROM readings AS a JOIN readings AS b ON a.series = b.series",
        "SELECT uniq(series) FROM readings WHERE series IN (SELECT series FROM readings)",
        "FROM readings SELECT count()",
        "/* all */ SELECT count() -- of them\n FROM `gongfu`.`readings`",
        "SELECT countIf(org > 0) FROM readings PREWHERE org IN (1, 2)",
    ],
)
def test_a_reader_counts_its_own_rows(reader: Reader, sql: str) -> None:
    assert json.loads(reader.ask(sql)) in ([5], ["5"])


@pytest.mark.parametrize("table", ["latest", "events", "texts"])
def test_every_table_is_scoped(reader: Reader, table: str) -> None:
    assert json.loads(reader.ask(f"SELECT count() FROM {table}")) in ([0], ["0"])


def test_an_organisation_that_is_none_sees_nothing(engine: EmbeddedEngine, reader: Reader) -> None:
    bounds = StoreApp(engine, "")._bounded({"additional_table_filters": filters("gongfu", [])})
    assert engine.query("SELECT count() FROM readings", "TSV", settings=bounds) == b"0\n"
    assert engine.query("SELECT count() FROM readings", "TSV", settings=StoreApp(engine, "")._bounded({})) == b"0\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT file('/etc/passwd')",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SELECT * FROM url('http://127.0.0.1/', LineAsString)",
        "SELECT * FROM merge('gongfu', 'readings')",
        "SELECT * FROM merge(REGEXP('.*'), '.*')",
        "SELECT * FROM mergeTreeIndex(gongfu, readings)",
        "SELECT * FROM mergeTreeAnalyzeIndexes(gongfu, readings)",
        "SELECT * FROM cluster('default', gongfu, readings)",
        "SELECT * FROM remote('127.0.0.1', gongfu.readings)",
        "SELECT * FROM view(SELECT * FROM merge('gongfu', 'readings'))",
        "SELECT * FROM loop(readings)",
        "SELECT * FROM executable('id', TSV, 'x String')",
        "SELECT * FROM Python(SECRET)",
        "SELECT * FROM everything",
        "SELECT * FROM system.processes",
        "SELECT * FROM system.tables",
        "SELECT * FROM system.parts",
        "SELECT * FROM system.query_log",
        "SELECT * FROM information_schema.tables",
        "SELECT 1 IN system.processes",
        "SELECT 1 WHERE 'x' NOT IN (SELECT query FROM system.processes)",
        "SELECT 1 INTO OUTFILE '{out}'",
        "SELECT * FROM readings SETTINGS additional_table_filters = {{}}",
        "SELECT * FROM (SELECT * FROM readings SETTINGS additional_table_filters = {{}}, readonly = 0)",
        "SELECT * FROM readings FORMAT TSV SETTINGS readonly = 0",
        "SELECT 1; SELECT 2",
        "SELECT 1;\nDROP TABLE readings",
        "SET readonly = 0",
        "USE system",
        "DROP TABLE readings",
        "TRUNCATE TABLE readings",
        "INSERT INTO readings SELECT * FROM readings",
        "INSERT INTO FUNCTION file('{out}') SELECT 1",
        "CREATE TABLE x AS readings",
        "CREATE TEMPORARY TABLE x AS SELECT * FROM readings",
        "ALTER TABLE readings DELETE WHERE 1",
        "KILL QUERY WHERE 1",
        "SYSTEM STOP MERGES",
        "BACKUP TABLE readings TO File('{out}')",
        "EXECUTE AS default SELECT * FROM readings",
        "EXPLAIN ESTIMATE SELECT * FROM readings",
        "SHOW CREATE TABLE readings",
        "DESCRIBE TABLE readings",
        "CHECK TABLE readings",
        "SELECT joinGet('readings', 'value', 1)",
        "SELECT dictGet('x', 'y', 1)",
        "SELECT hasColumnInTable('127.0.0.1', 'gongfu', 'readings', 'org')",
        "SELECT getSetting('additional_table_filters')",
        "SELECT getServerSetting('max_server_memory_usage')",
        "SELECT hostName(), serverUUID()",
        "SELECT sleep(3)",
        "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
        "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
        "SELECT * REPLACE (file('/etc/passwd') AS org) FROM readings",
        "SELECT aiGenerate('x')",
        "SELECT fileIf('/etc/passwd', 1)",
        "SELECT `file`('/etc/passwd')",
        "SELECT FILE('/etc/passwd')",
        "SELECT sum(1) OVER (ORDER BY file('/etc/passwd'))",
        "SELECT 1 LIMIT length(file('/etc/passwd'))",
        "SELECT 1 UNION ALL SELECT length(file('/etc/passwd'))",
        "SELECT * FROM readings ARRAY JOIN [file('/etc/passwd')] AS x",
        "",
        ";",
        "\x00",
    ],
)
def test_what_is_not_on_a_list_is_refused(reader: Reader, sql: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(GongfuError):
        reader.ask(sql.format(out=out))
    assert not out.exists()


def test_a_parameter_cannot_name_a_table(reader: Reader) -> None:
    with pytest.raises(Refused):
        reader.ask("SELECT * FROM {t:Identifier}", {"t": "everything"})


def test_second_line_without_the_gate_hides_other_tables(engine: EmbeddedEngine, reader: Reader) -> None:
    for sql in ("SELECT count() FROM everything", "SELECT count() FROM system.processes"):
        assert engine.query(sql, "TSV", settings=reader.bounds) == b"0\n"
    with pytest.raises(StoreFailure, match="READONLY"):
        engine.query("SET readonly = 0", "TSV", settings=reader.bounds)


_WORDS = """SELECT FROM WHERE UNION ALL ( ) , * 1 'x' count() org value readings latest events texts gongfu.readings
everything system.processes system.tables merge('gongfu','readings') numbers(3) file('/etc/passwd') view(SELECT IN WITH
t AS t SETTINGS additional_table_filters={} readonly=0 ; -- /* */ JOIN USING series FINAL INTO OUTFILE '/dev/null'
ARRAY [1] -> x = OR 1=1 NOT EXISTS LIMIT 5 OFFSET GROUP BY ORDER {p:Identifier} `readings` "readings" toString(
argMax( INTERSECT EXCEPT PREWHERE OVER SAMPLE 1 QUALIFY GLOBAL ANY LEFT ASOF cluster('default',gongfu.readings)"""
_TOKENS = st.sampled_from(_WORDS.split())
_HOSTILE = st.one_of(
    st.lists(_TOKENS, min_size=1, max_size=14).map(lambda tokens: "SELECT " + " ".join(tokens)),
    st.tuples(
        st.sampled_from(
            ["*", "org, value", "count(), max(value)", "groupArray(value)", "toString(tuple(*))", "any(text)"]
        ),
        st.sampled_from(
            [
                *("readings", "(SELECT * FROM readings)", "latest", "everything", "merge('gongfu', '.*')", "texts"),
                *("view(SELECT * FROM readings)", "readings AS a CROSS JOIN readings AS b", "(readings)", "events"),
            ]
        ),
        st.sampled_from(["", "WHERE 1 OR org = 2", "PREWHERE org = 2", "FINAL", "SETTINGS readonly = 0", "AS x(a, b)"]),
        st.sampled_from(
            ["", "UNION ALL SELECT * FROM readings", "-- x", "/* ", "; SELECT 1", "FORMAT Null", "LIMIT 1"]
        ),
    ).map(lambda parts: "SELECT {} FROM {} {} {}".format(*parts)),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sql=_HOSTILE)
@example(sql="SELECT * FROM readings -- FORMAT TSV\n")
def test_no_sql_shows_another_organisation(reader: Reader, sql: str) -> None:
    try:
        answer = reader.ask(sql)
    except GongfuError:
        return
    assert str(SECRET).removesuffix(".0") not in answer
    assert "root:x" not in answer
