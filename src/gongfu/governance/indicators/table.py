"""A table of records behind a figure, as a workbook or CSV. Pure: all of it, or every wrong cell."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from openpyxl import load_workbook

from gongfu.governance.indicators import rules
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES: Final = 10_000_000
MOST_UNPACKED: Final = 80_000_000
MOST_ROWS: Final = 50_000
MOST_FAULTS: Final = 200
HEADINGS: Final = {
    "day": ("日期", "Date"),
    "name": ("名称", "Name"),
    "code": ("编号", "Code"),
    "amount": ("数量", "Amount"),
    "paper": ("证明材料", "Paper"),
}
"""Column → its name in Chinese and English."""
_LENGTHS: Final = {"name": 120, "code": 40, "paper": 200}


class Row(msgspec.Struct, frozen=True):
    """One record."""

    line: int
    day: dt.date
    name: str
    code: str = ""
    amount: Decimal = Decimal(1)
    paper: str = ""


class Fault(msgspec.Struct, frozen=True):
    """A wrong cell."""

    line: int
    column: str
    value: str
    problem: Invalid


def read(data: bytes, name: str, unit: str = "") -> tuple[list[Row], list[Fault]]:
    """Rows and wrong cells; the first row names the columns. Raises :class:`Invalid` for what is no such table."""
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The file is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    table = _workbook(data, name) if data[:2] == b"PK" else _csv(data, name)
    columns = [_column(str(cell or "")) for cell in table[0]] if table else []
    if "day" not in columns or "name" not in columns:
        raise Invalid(
            mark("{file} has no columns of dates and names."),
            remedy=mark("Name the columns in the first row: 日期, 名称, 编号, 数量, 证明材料."),
            file=name[:80],
        )
    if len(table) > MOST_ROWS + 1:
        raise Invalid(
            mark("{file} has more than {most} rows."), remedy=mark("Divide it."), file=name[:80], most=MOST_ROWS
        )
    rows: list[Row] = []
    faults: list[Fault] = []
    seen: dict[tuple[str, str], int] = {}
    for line, cells in enumerate(table[1:], start=2):
        told = {column: cell for column, cell in zip(columns, cells, strict=False) if column and cell not in (None, "")}
        if not told:
            continue
        row, wrong = _row(line, told, unit)
        faults += wrong
        if row is None:
            continue
        key = (row.code or row.name, row.day.isoformat() if not row.code else "")
        if key in seen:
            again = Invalid(mark("It is there already in row {line}."), line=seen[key])
            faults.append(Fault(line, "code" if row.code else "name", key[0], again))
            continue
        seen[key] = line
        rows.append(row)
    return rows, faults[:MOST_FAULTS]


def _row(line: int, told: dict[str, object], unit: str) -> tuple[Row | None, list[Fault]]:
    faults: list[Fault] = []
    day, amount, texts = None, Decimal(1), {"name": "", "code": "", "paper": ""}
    for column in ("day", "name"):
        if column not in told:
            faults.append(Fault(line, column, "", Invalid(mark("It is needed."))))
    for column, cell in told.items():
        try:
            if column == "day":
                day = _day(cell)
            elif column == "amount":
                amount = rules.number(f"{cell:f}" if isinstance(cell, float) else str(cell), unit)
            else:
                texts[column] = _text(cell, _LENGTHS[column])
        except Invalid as error:
            faults.append(Fault(line, column, str(cell)[:80], error))
    if faults or day is None:
        return None, faults
    return Row(line, day, texts["name"], texts["code"], amount, texts["paper"]), []


def _day(cell: object) -> dt.date:
    if isinstance(cell, dt.datetime):
        return cell.date()
    text = str(cell).strip().replace("/", "-").replace(".", "-")
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=text[:40]) from None


def _text(cell: object, most: int) -> str:
    text = f"{cell:g}" if isinstance(cell, float) else str(cell).strip()
    if not text.isprintable():
        raise Invalid(mark("A character in it cannot be shown."))
    if len(text) > most:
        raise Invalid(mark("At most {most} characters."), most=most)
    return text


def _column(heading: str) -> str:
    text = heading.strip().casefold()
    return next((name for name, spelt in HEADINGS.items() if text in (name, *(s.casefold() for s in spelt))), "")


def _workbook(data: bytes, name: str) -> Sequence[Sequence[object]]:
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
            return [list(row) for row in sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=20, values_only=True)]
        finally:
            book.close()
    except Invalid:
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        raise _no_table(name, error) from error


def _csv(data: bytes, name: str) -> Sequence[Sequence[object]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _no_table(name, ValueError("UTF-8, GB 18030"))
    if "\0" in text:
        raise _no_table(name, ValueError("NUL"))
    sign = max(",;\t", key=text.partition("\n")[0].count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=sign))
    except csv.Error as error:
        raise _no_table(name, error) from error


def _no_table(name: str, error: Exception) -> Invalid:
    return Invalid(
        mark("{file} is no spreadsheet that can be read: {reason}."),
        remedy=mark("Save it as .xlsx or as CSV in UTF-8."),
        file=name[:80],
        reason=f"{type(error).__name__}: {error}"[:200],
    )
