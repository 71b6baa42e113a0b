"""A table of records behind a figure, as a workbook or CSV. Pure: all of it, or every wrong cell."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

from gongfu.governance.indicators import rules
from gongfu.kernel import sheets
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES: Final = sheets.MOST_BYTES
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
    table = sheets.rows(data, name[:80], MOST_ROWS)
    columns = [sheets.column(str(cell or ""), HEADINGS) for cell in table[0]]
    if "day" not in columns or "name" not in columns:
        raise Invalid(
            mark("{file} has no columns of dates and names."),
            remedy=mark("Name the columns in the first row: 日期, 名称, 编号, 数量, 证明材料."),
            file=name[:80],
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
                day = sheets.date(cell if isinstance(cell, dt.datetime) else str(cell).replace(".", "-"))
            elif column == "amount":
                amount = rules.number(f"{cell:f}" if isinstance(cell, float) else str(cell), unit)
            else:
                texts[column] = sheets.text(cell, _LENGTHS[column])
        except Invalid as error:
            faults.append(Fault(line, column, str(cell)[:80], error))
    if faults or day is None:
        return None, faults
    return Row(line, day, texts["name"], texts["code"], amount, texts["paper"]), []
