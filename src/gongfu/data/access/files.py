"""Tables as files: CSV, Arrow stream, Parquet and Excel, written piece by piece so that no export has to fit memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.xlsx import Cell, to_xlsx

TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
XLSX_ROWS: Final = 1_048_575
"""Rows a sheet of Excel holds below its heading."""


class _Writer(Protocol):
    def write(self, table: pa.Table) -> None: ...

    def close(self) -> None: ...


class _Pipe:
    """A file in memory that is emptied as it is filled."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._at = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def stream(kind: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """``tables``, all of ``schema``, as one file of ``kind`` csv, arrow or parquet, in pieces."""
    pipe = _Pipe()
    writer = _writer(kind, schema, pa.PythonFile(pipe, "w"))
    for table in tables:
        writer.write(table)
        if taken := pipe.take():
            yield taken
    writer.close()
    yield pipe.take()


def save(kind: str, schema: pa.Schema, tables: Iterable[pa.Table], path: Path) -> int:
    """The same in a file at ``path``, complete when this returns; how many rows.

    Raises :class:`Invalid` for more rows than a sheet of Excel holds.
    """
    rows = 0
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            if kind == "xlsx":
                counted = _Counted(tables)
                file.write(to_xlsx("Gongfu", schema.names, counted))
                rows = counted.rows
            else:
                writer = _writer(kind, schema, file)
                try:
                    for table in tables:
                        writer.write(table)
                        rows += table.num_rows
                finally:
                    writer.close()  # before its file is, also when a table could not be had
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return rows


def check(kind: str, allowed: Iterable[str] = ("csv", "arrow", "parquet")) -> str:
    """``kind``, or :class:`Invalid` when it is not one of ``allowed``."""
    names = list(allowed)
    if kind not in names:
        raise Invalid(
            mark("There is no format {format}."), remedy=mark("Use {names}."), format=kind[:20], names=", ".join(names)
        )
    return kind


def _writer(kind: str, schema: pa.Schema, file: object) -> _Writer:
    if kind == "arrow":
        writer: _Writer = pa.ipc.new_stream(file, schema)
    elif kind == "parquet":
        writer = pyarrow.parquet.ParquetWriter(file, schema, compression="zstd")
    else:
        writer = _Csv(schema, file)
    return writer


class _Csv:
    """CSV as RFC 4180; texts that a spreadsheet would run as a formula get an apostrophe in front (CWE-1236)."""

    def __init__(self, schema: pa.Schema, file: object) -> None:
        plain = pa.schema([(field.name, _plain(field.type)) for field in schema])
        self._writer = pyarrow.csv.CSVWriter(file, plain)
        self._schema = plain

    def write(self, table: pa.Table) -> None:
        columns = []
        for field, column in zip(self._schema, table.columns, strict=True):
            whole = column.cast(field.type) if column.type != field.type else column
            columns.append(_harmless(whole) if pa.types.is_string(field.type) else whole)
        self._writer.write(pa.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_binary(kind) or pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return pa.string()
    return kind


def _harmless(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc  # noqa: PLC0415 - 60 ms that most processes never need

    suspicious = pc.match_substring_regex(column, r"\A[=+\-@\t\r]")
    number = pc.match_substring_regex(column, r"\A[+-]?[0-9.]+([eE][+-]?[0-9]+)?\z")
    risky = pc.and_(suspicious, pc.invert(number))
    return pc.if_else(pc.fill_null(risky, False), pc.binary_join_element_wise("'", column, ""), column)


class _Counted:
    """Rows of tables for a sheet, and how many there were."""

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self._tables = tables
        self.rows = 0

    def __iter__(self) -> Iterator[list[Cell]]:
        for table in self._tables:
            self.rows += table.num_rows
            if self.rows > XLSX_ROWS:
                raise Invalid(
                    mark("A sheet of Excel holds {most} rows."),
                    remedy=mark("Choose CSV or Parquet, or a shorter period."),
                    most=XLSX_ROWS,
                )
            for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
                yield [_cell(value) for value in row]


def _cell(value: object) -> Cell:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"  # Excel knows no zones: UTC as it is
    if isinstance(value, bool):
        return int(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)
