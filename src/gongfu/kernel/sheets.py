"""Spreadsheets that people send: Excel or CSV, one table, its first row names the columns.

Whatever is in the file, the answer is rows or :class:`Invalid`: workbooks that unpack beyond measure, broken zips and
XML, unknown encodings, millions of rows.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from openpyxl import load_workbook

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES: Final = 5_000_000
MOST_UNPACKED: Final = 60_000_000
_MOST_COLUMNS: Final = 40

Headings = Mapping[str, tuple[str, ...]]
"""Name of a column → how it may be headed."""


@dataclass(frozen=True)
class Line:
    """One row that says something: its number in the sheet, from 2 on, and its cells that are not empty."""

    number: int
    cells: Mapping[str, object]


def lines(data: bytes, name: str, headings: Headings, needed: str, most_rows: int) -> Iterator[Line]:
    """The rows of a file called ``name``; columns nobody knows are passed over, rows that begin with # too.

    Raises :class:`Invalid` for what is no table, has more than ``most_rows``, or lacks the column ``needed``.
    """
    table = rows(data, name, most_rows)
    columns = [column(str(cell or ""), headings) for cell in table[0]]
    if needed not in columns:
        raise Invalid(
            mark("{file} has no column {column}."),
            remedy=mark("Download the template: its first row names the columns."),
            file=name,
            column=" / ".join(headings[needed]),
        )
    for number, cells in enumerate(table[1:], start=2):
        told = {key: cell for key, cell in zip(columns, cells, strict=False) if key and cell not in (None, "")}
        if told and not str(told.get(needed, "")).startswith("#"):
            yield Line(number, told)


def rows(data: bytes, name: str, most_rows: int) -> Sequence[Sequence[object]]:
    """All rows, the headings among them; at least one. Raises :class:`Invalid`."""
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The file is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    table = _workbook(data, name, most_rows) if data[:2] == b"PK" else _csv(data, name)
    if not table:
        raise Invalid(mark("{file} is empty."), file=name)
    if len(table) > most_rows + 1:
        raise Invalid(mark("{file} has more than {most} rows."), remedy=mark("Divide it."), file=name, most=most_rows)
    return table


def column(heading: str, headings: Headings) -> str:
    """The column that is headed so; empty for one nobody knows."""
    text = heading.strip().casefold()
    spelt = {spelling.casefold(): name for name, found in headings.items() for spelling in (name, *found)}
    return spelt.get(text, "")


def text(cell: object, most: int, *, lines: bool = False) -> str:
    """A cell as text of at most ``most`` characters, on one line unless ``lines``; raises :class:`Invalid`."""
    found = f"{cell:g}" if isinstance(cell, float) else str(cell).strip()
    if not lines and not found.isprintable():
        raise Invalid(mark("A character in it cannot be shown."))
    if len(found) > most:
        raise Invalid(mark("At most {most} characters."), most=most)
    return found


def date(cell: object) -> dt.date:
    """A cell as a date; raises :class:`Invalid`."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    try:
        return dt.date.fromisoformat(str(cell).strip().replace("/", "-"))
    except ValueError:
        raise Invalid(
            mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=str(cell)[:40]
        ) from None


def one_of(found: str, known: Mapping[str, tuple[str, ...]]) -> str:
    """The key of ``known`` that ``found`` names, by itself or by one of its spellings; raises :class:`Invalid`."""
    for name, spellings in known.items():
        if found.casefold() in (name, *(spelling.casefold() for spelling in spellings)):
            return name
    raise Invalid(
        mark("{value} is none of these: {known}."),
        value=found[:40],
        known=", ".join(f"{name} {spellings[0]}" for name, spellings in known.items()),
    )


def _workbook(data: bytes, name: str, most_rows: int) -> Sequence[Sequence[object]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED:
                raise Invalid(
                    mark("The workbook is larger than {most} MB when unpacked."), most=MOST_UNPACKED // 1_000_000
                )
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        try:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            found = sheet.iter_rows(max_row=most_rows + 2, max_col=_MOST_COLUMNS, values_only=True)
            return [list(row) for row in found]
        finally:
            book.close()
    except Invalid:
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        raise _no_table(name, error) from error


def _csv(data: bytes, name: str) -> Sequence[Sequence[object]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            decoded = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _no_table(name, ValueError("UTF-8, GB 18030"))
    if "\0" in decoded:
        raise _no_table(name, ValueError("NUL"))
    sign = max(",;\t", key=decoded.partition("\n")[0].count)
    try:
        found = list(csv.reader(io.StringIO(decoded, newline=""), delimiter=sign))
    except csv.Error as error:
        raise _no_table(name, error) from error
    # An apostrophe in front is how exports make formulas harmless.
    return [[cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@") else cell for cell in row] for row in found]


def _no_table(name: str, error: Exception) -> Invalid:
    return Invalid(
        mark("{file} is no spreadsheet that can be read: {reason}."),
        remedy=mark("Save it as .xlsx or as CSV in UTF-8."),
        file=name,
        reason=f"{type(error).__name__}: {error}"[:200],
    )
