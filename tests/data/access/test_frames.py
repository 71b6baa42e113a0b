"""Frames and blocks as ClickHouse itself writes and reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.data.access import framing, native_frames
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.kernel.errors import Invalid


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedEngine]:
    one = EmbeddedEngine(tmp_path_factory.mktemp("frames"))
    yield one
    one.close()


def test_the_hash_is_that_of_the_files_the_engine_writes(engine: EmbeddedEngine, tmp_path: Path) -> None:
    engine.execute(
        "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n SETTINGS min_bytes_for_wide_part = 0"
    )
    engine.execute("INSERT INTO t SELECT number, repeat(toString(number), number % 9) FROM numbers(50000)")
    path = engine.query("SELECT path FROM system.parts WHERE table = 't' AND active", "TSVRaw").decode().strip()
    lengths = set()
    for file in Path(path).glob("*.bin"):
        data, at = file.read_bytes(), 0
        while at < len(data):
            _method, size, _content = struct.unpack_from("<BII", data, at + 16)
            assert framing.cityhash128(data[at + 16 : at + 16 + size]) == data[at : at + 16]
            lengths.add(size)
            at += 16 + size
    assert len(lengths) > 1


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_what_is_framed_is_unframed(data: bytes) -> None:
    assert framing.unframed(framing.Frames().feed(data), 1000) == data


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80))
def test_torn_frames_are_refused(data: bytes) -> None:
    good = framing.Frames().feed(b"some content")
    for broken in (data, good[:-1] + data[:1], good[: len(data)], good + data):
        if broken in (b"", good):
            continue
        try:
            framing.unframed(broken, 1000)
        except Invalid:
            continue
        assert broken == good + framing.Frames().feed(b"")


TYPES = [
    "1::UInt8", "'x'", "toNullable(5)", "NULL", "[1, 2]::Array(UInt8)", "map('a', [1, 2])", "toLowCardinality('abc')",
    "(1, 'b')", "tuple(1 AS a, 'b' AS c)", "[toLowCardinality('q')]", "now64(3)", "toDecimal64(1.5, 2)",
    "toLowCardinality(toNullable('x'))", "toFixedString('abc', 5)", "generateUUIDv4()", "toIPv6('::1')",
    "CAST('a', 'Enum8(\\'a\\' = 1, \\'b, c\\' = 2)')", "toDate('2026-01-01')", "toInt256(1)", "true",
    "toInterval(1, 'day')",
    "[[1], []]::Array(Array(Int32))", "repeat('long', 100)",
]  # fmt: skip


@pytest.mark.parametrize("rows", [1, 3])
def test_a_block_of_any_type_is_the_same_but_for_headers(engine: EmbeddedEngine, rows: int) -> None:
    for value in TYPES:
        raw = engine.query(f"SELECT {value} AS v, 7 AS end FROM numbers({rows})", "Native")
        made = native_frames.at_revision(raw, 54_460)
        assert len(made) == len(raw) + 8 + 2, value  # the block's header, one octet for each column
        assert made[8:10] == raw[:2]
        assert made.endswith(raw[-rows:])
        assert native_frames.at_revision(raw, 0) == raw
