"""Files open in the programs they are for."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from gongfu.data.access import files
from gongfu.kernel.errors import Invalid

TABLE = pa.table({"name": ["=1+1", "流量", "-5", None], "value": [1.5, float("nan"), -2.0, None]})


def test_each_format_holds_the_rows(tmp_path: Path) -> None:
    arrow = b"".join(files.stream("arrow", TABLE.schema, [TABLE, TABLE]))
    assert pa.ipc.open_stream(arrow).read_all().num_rows == 8
    parquet = b"".join(files.stream("parquet", TABLE.schema, [TABLE, TABLE]))
    assert pyarrow.parquet.read_table(io.BytesIO(parquet)).column("name").to_pylist()[:2] == ["=1+1", "流量"]
    rows = list(csv.reader(io.StringIO(b"".join(files.stream("csv", TABLE.schema, [TABLE])).decode())))
    assert rows[0] == ["name", "value"]
    assert [row[0] for row in rows[1:3]] == ["'=1+1", "流量"]
    assert files.save("xlsx", TABLE.schema, [TABLE], tmp_path / "x.xlsx") == 4
    with zipfile.ZipFile(tmp_path / "x.xlsx") as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert '<c t="inlineStr"><is><t xml:space="preserve">=1+1</t></is></c><c><v>1.5</v></c>' in sheet
    assert "流量" in sheet


def test_a_file_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[pa.Table]:
        yield TABLE
        raise RuntimeError("gone")

    for kind in ("csv", "parquet", "xlsx"):
        with pytest.raises(RuntimeError):
            files.save(kind, TABLE.schema, broken(), tmp_path / f"x.{kind}")
    assert list(tmp_path.iterdir()) == []


def test_a_long_file_is_written_in_little_memory() -> None:
    part = pa.table({"value": pa.array(range(100_000), pa.float64())})
    tracemalloc.start()
    size = sum(len(chunk) for chunk in files.stream("csv", part.schema, (part for _ in range(30))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 15_000_000
    assert peak < size / 3


def test_a_format_nobody_knows_is_refused() -> None:
    with pytest.raises(Invalid):
        files.check("docx")
