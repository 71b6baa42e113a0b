"""A file as a table of texts: CSV in UTF-8 or GB 18030, whatever somebody uploads.

:func:`inspect` reads the whole file once and refuses what is none; after that :func:`rows` cannot fail half-way.
Rows are numbered as a spreadsheet does: the header is row 1.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MAX_COLUMNS = 200
MAX_ROWS = 10_000_000
MAX_CELL = 100_000
"""Characters of one cell."""
_PIECE = 1 << 20
_DELIMITERS = ",;\t|"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


class Table(msgspec.Struct, frozen=True):
    """What a file holds; ``rows`` without the header."""

    header: tuple[str, ...]
    rows: int
    encoding: str
    delimiter: str = ","


def inspect(path: Path, encoding: str = "") -> Table:
    """Reads all of ``path``; raises :class:`Invalid` saying where it is no table.

    ``encoding`` is given when it is known.
    """
    encoding = encoding or detect(path)
    with path.open(encoding=encoding, newline="") as file:
        first = file.readline(_PIECE)
    if not first.strip():
        raise Invalid(mark("The file is empty."), remedy=mark("The first row must hold the names of the columns."))
    delimiter = max(_DELIMITERS, key=first.count)
    count = -1
    header: tuple[str, ...] = ()
    for number, cells in _read(path, encoding, delimiter):
        if count < 0:
            header = _header(cells)
        count += 1
        if count > MAX_ROWS:
            raise Invalid(
                mark("The file has more than {limit} rows."), remedy=mark("Split it into several."), limit=MAX_ROWS
            )
        if len(cells) > MAX_COLUMNS:
            raise _too_wide(len(cells), number)
    if count < 1:
        raise Invalid(
            mark("The file has a header and no rows."), remedy=mark("The first row holds the names of the columns.")
        )
    return Table(header, count, encoding, delimiter)


def rows(path: Path, table: Table, *, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Row numbers with their cells, without the header and the first ``skip`` rows; empty lines have no cells."""
    return islice(_read(path, table.encoding, table.delimiter), 1 + skip, None)


def detect(path: Path) -> str:
    """utf-8, utf-8-sig or gb18030; raises :class:`Invalid` for anything that is not text in one of them."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(_WIDE):
        raise Invalid(mark("The file is UTF-16."), remedy=mark("Save it as CSV UTF-8."))
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Invalid(mark("This is an Excel workbook, not a CSV file."), remedy=mark("Save it as CSV UTF-8."))
    for encoding in ("utf-8", "gb18030"):
        if _fits(path, encoding):
            return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) and encoding == "utf-8" else encoding
    raise Invalid(
        mark("The file is neither text in UTF-8 nor in GB 18030."), remedy=mark("Save it as CSV UTF-8, or as Parquet.")
    )


def safe_cell(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    text = text.replace("\0", "�")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _fits(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    place = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if (nul := piece.find(b"\0")) >= 0:
                raise Invalid(
                    mark("The file is not text: there is a NUL at octet {place}."),
                    remedy=mark("Save it as CSV UTF-8, or as Parquet."),
                    place=place + nul,
                )
            place += len(piece)
            try:
                decoder.decode(piece)
            except UnicodeDecodeError:
                return False
    try:
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    return True


def _read(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MAX_CELL)
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        number = 0
        try:
            for cells in reader:
                number += 1
                yield number, cells
        except csv.Error as error:
            raise Invalid(
                mark("Row {row} cannot be read (line {line}): {reason}."),
                remedy=mark("Look for a quote that is not closed, or a cell of more than {limit} characters."),
                row=number + 1,
                line=reader.line_num,
                reason=error,
                limit=MAX_CELL,
            ) from error


def _header(cells: Sequence[str]) -> tuple[str, ...]:
    if len(cells) > MAX_COLUMNS:
        raise _too_wide(len(cells), 1)
    header = tuple(cell.strip() for cell in cells)
    for place, name in enumerate(header):
        if not name:
            raise Invalid(
                mark("Column {place} has no name."), remedy=mark("Name every column in the first row."), place=place + 1
            )
        if len(name) > 100 or "{" in name or "}" in name:
            raise Invalid(
                mark("{name} cannot be the name of a column."),
                remedy=mark("Use at most 100 characters and no braces."),
                name=name[:100],
            )
        if name in header[:place]:
            raise Invalid(
                mark("There are two columns {name}."), remedy=mark("Give every column a name of its own."), name=name
            )
    return header


def _too_wide(columns: int, row: int) -> Invalid:
    return Invalid(
        mark("Row {row} has {columns} columns; at most {limit} are read."),
        remedy=mark("Leave out the columns that are not needed."),
        row=row,
        columns=columns,
        limit=MAX_COLUMNS,
    )
