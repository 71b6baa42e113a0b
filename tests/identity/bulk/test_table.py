"""What is read as a table, and what is refused with a clear sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.bulk import parquet, table
from gongfu.kernel.errors import Invalid

TEXT = "标识后缀,名称\nCNC-01,一号“循环”泵\nCNC-02,压机\n"


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("gb18030", "gb18030"), ("gbk", "gb18030")]
)
def test_chinese_files_are_read_whatever_wrote_them(tmp_path: Path, encoding: str, found: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(TEXT.encode(encoding))
    sheet = table.inspect(file)
    assert (sheet.header, sheet.rows, sheet.encoding) == (("标识后缀", "名称"), 2, found)
    assert list(table.rows(file, sheet)) == [(2, ["CNC-01", "一号“循环”泵"]), (3, ["CNC-02", "压机"])]
    assert list(table.rows(file, sheet, skip=1)) == [(3, ["CNC-02", "压机"])]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path: Path, delimiter: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f'a{delimiter}b\n"1{delimiter}1"{delimiter}2\n')
    sheet = table.inspect(file)
    assert list(table.rows(file, sheet)) == [(2, [f"1{delimiter}1", "2"])]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,\x002\n", "NUL at octet 6"),
        (b"a,b\n" + b"\xff\xfe\xff" * 9, "neither"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + b"x" * 100, "Excel"),
        (b'a,b\n1,"2\n3,4\n', "Row 2 cannot be read"),
        (b'a,b\n1,"2"x\n', "Row 2 cannot be read"),
        (b"a,b\n1," + b"x" * 200_000 + b"\n", "Row 2 cannot be read"),
        (b"a,a\n1,2\n", "two columns a"),
        (b"a,\n1,2\n", "Column 2 has no name"),
        (b"a{1},b\n1,2\n", "cannot be the name"),
        (",".join(f"c{n}" for n in range(10_000)).encode() + b"\n1\n", "10000 columns"),
        (b"a,b\n" + b"," * 10_000 + b"\n", "10001 columns"),
        (b"x" * (3 << 20), "Row 1 cannot be read"),
    ],
)
def test_what_is_no_table_is_refused_and_says_why(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=says):
        table.inspect(file)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_whatever_is_uploaded_is_a_table_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.csv"
    file.write_bytes(content)
    try:
        sheet = table.inspect(file)
    except Invalid:
        return
    assert len(list(table.rows(file, sheet))) == sheet.rows


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_no_cell_of_a_report_is_a_formula(cell: str) -> None:
    assert table.safe_cell(cell) == f"'{cell}"
    assert table.safe_cell("SN-1") == "SN-1"


def converted(source: Path, tmp_path: Path) -> list[tuple[int, list[str]]]:
    target = tmp_path / "out.csv"
    parquet.to_csv(source, target)
    return list(table.rows(target, table.inspect(target, "utf-8")))


def test_parquet_of_many_types_is_read_as_text(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    columns = {
        "标识": pa.array(["SN1", 'S"N,2']).dictionary_encode(),
        "n": pa.array([7, None]),
        "x": pa.array([0.5, 1.0]),
        "day": pa.array([0, 1], pa.date32()),
    }
    pq.write_table(pa.table(columns), file)
    assert converted(file, tmp_path) == [(2, ["SN1", "7", "0.5", "1970-01-01"]), (3, ['S"N,2', "", "1", "1970-01-02"])]


def test_a_parquet_file_cut_off_damaged_or_nested_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [str(n) for n in range(5_000)]}), file)
    whole = file.read_bytes()
    for name, content in {
        "cut": whole[:-20],
        "head only": whole[:4],
        "garbled": whole[:100] + bytes(len(whole) - 300) + whole[-200:],
        "lying": whole[:-8] + struct.pack("<I", 0x7FFFFFFF) + b"PAR1",
    }.items():
        file.write_bytes(content)
        with pytest.raises(Invalid, match="Parquet"):
            converted(file, tmp_path)
        assert not (tmp_path / "out.csv").exists(), name
    pq.write_table(pa.table({"a": [[1, 2]]}), file)
    with pytest.raises(Invalid, match="holds list"):
        converted(file, tmp_path)
    pq.write_table(pa.table({f"c{n}": ["1"] for n in range(300)}), file)
    with pytest.raises(Invalid, match="300 columns"):
        converted(file, tmp_path)


def test_a_parquet_bomb_is_refused_before_it_takes_the_machine(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    big = pa.array(["x" * 90_000], pa.large_string())
    column = pa.chunked_array([pa.concat_arrays([big] * 2_000)] * 30)  # 5.4 GB that compress to nothing
    with pq.ParquetWriter(file, pa.schema([("a", pa.large_string())]), compression="zstd", use_dictionary=False) as out:
        for chunk in column.chunks:
            out.write_table(pa.table({"a": chunk}))
    assert file.stat().st_size < 5_000_000
    with pytest.raises(Invalid, match="too much"):
        converted(file, tmp_path)
