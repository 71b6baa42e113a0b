"""Spreadsheets of payments and of claims: XLSX or CSV, headings in Chinese or English. Pure.

A row is read cell by cell; every wrong cell is told with its row, heading and value, and nothing else is guessed.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

import msgspec

from gongfu.governance.support.schemes import MOST
from gongfu.kernel import sheets
from gongfu.kernel.accounts.rules import is_credit_code
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.sheets import Headings

MOST_BYTES = sheets.MOST_BYTES
MOST_ROWS = 100_000
MOST_PAYMENTS = 5_000
"""Each is checked, locked and audited by itself."""
MOST_FAULTS = 200

PAYMENTS: Headings = {
    "name": ("企业名称", "Enterprise", "单位名称"),
    "credit_code": ("统一社会信用代码", "Credit code", "信用代码"),
    "matter": ("事项", "Matter", "项目名称"),
    "scheme": ("政策", "Document"),
    "clause": ("条款", "Clause"),
    "year": ("费用年度", "Year", "年度"),
    "kind": ("类别", "Kind"),
    "amount": ("金额（元）", "Amount", "金额", "金额(元)"),
    "paid_on": ("日期", "Date", "拨付日期"),
    "document": ("文号", "Number", "凭证号"),
    "basis": ("计算基数", "Basis", "基数"),
    "remark": ("备注", "Remark"),
}
CLAIMS: Headings = {
    "name": ("企业名称", "Enterprise", "单位名称"),
    "matter": ("事项", "Matter", "项目名称"),
    "clause": ("条款", "Clause"),
    "year": ("费用年度", "Year", "年度"),
    "basis": ("计算基数", "Basis", "基数"),
    "had": ("已享受（元）", "Had", "已享受", "已享受(元)"),
    "eligible": ("符合条件", "Eligible"),
}
KINDS = {
    "paid": ("拨付", "Paid"),
    "claw_back": ("追回", "Paid back"),
    "other": ("其他层级或政策", "Other level", "其他"),
}
_YES = {"是", "yes", "true", "1", "✓", "y"}
_NO = {"否", "no", "false", "0", "n"}
_LENGTHS = {"name": 120, "matter": 120, "scheme": 40, "clause": 20, "document": 120, "remark": 300}


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the ledger's sheet; ``amount`` is positive, ``kind`` says which way."""

    line: int
    name: str = ""
    credit_code: str
    matter: str
    scheme: str = ""
    clause: str = ""
    year: int = 0
    kind: str = "paid"
    amount: Decimal
    paid_on: dt.date
    document: str = ""
    basis: Decimal | None = None
    remark: str = ""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a portfolio: one claim."""

    line: int
    name: str
    matter: str = ""
    clause: str
    year: int = 0
    basis: Decimal = Decimal(0)
    had: Decimal = Decimal(0)
    eligible: bool = True


class Fault(msgspec.Struct, frozen=True):
    """A wrong cell. ``column`` is a key of the headings."""

    line: int
    column: str
    value: str
    problem: GongfuError


def payments(data: bytes, name: str) -> tuple[list[Payment], list[Fault]]:
    """Rows and wrong cells; raises :class:`Invalid` for what is no sheet of payments."""
    rows, faults = _rows(data, name, PAYMENTS, ("credit_code", "matter", "amount", "paid_on"), MOST_PAYMENTS)
    return [Payment(line=line, **values) for line, values in rows], faults  # type: ignore[arg-type]  # typed by column


def claims(data: bytes, name: str) -> tuple[list[Asking], list[Fault]]:
    """Rows and wrong cells; raises :class:`Invalid` for what is no sheet of claims."""
    rows, faults = _rows(data, name, CLAIMS, ("name", "clause"), MOST_ROWS)
    return [Asking(line=line, **values) for line, values in rows], faults  # type: ignore[arg-type]  # typed by column


def _rows(
    data: bytes, name: str, headings: Headings, needed: Sequence[str], most: int
) -> tuple[list[tuple[int, dict[str, object]]], list[Fault]]:
    rows, faults = [], []
    for line in sheets.lines(data, name, headings, needed[0], most):
        values: dict[str, object] = {}
        wrong = [
            Fault(line.number, column, "", Invalid(mark("This cell must not be empty.")))
            for column in needed
            if column not in line.cells
        ]
        for column, cell in line.cells.items():
            try:
                values[column] = _typed(column, cell)
            except Invalid as error:
                wrong.append(Fault(line.number, column, str(cell)[:80], error))
        if wrong:
            faults += wrong
        else:
            rows.append((line.number, values))
    return rows, faults[:MOST_FAULTS]


def _typed(column: str, cell: object) -> object:
    if isinstance(cell, float):
        cell = repr(cell) if cell != int(cell) else str(int(cell))
    text = cell.date().isoformat() if isinstance(cell, dt.datetime) else str(cell).strip()
    text = sheets.text(text, _LENGTHS.get(column, 60))
    match column:
        case "credit_code":
            if not is_credit_code(text.upper()):
                raise Invalid(mark("The check character of this credit code does not fit."))
            return text.upper()
        case "amount" | "basis" | "had":
            return _money(text, positive=column == "amount")
        case "year":
            if not re.fullmatch(r"(20\d\d)年?|0", text):
                raise Invalid(mark("{value} is no year."), value=text)
            return int(text[:4])
        case "paid_on":
            return _day(text)
        case "kind":
            return sheets.one_of(text, KINDS)
        case "eligible":
            if text.casefold() not in _YES | _NO:
                raise Invalid(mark("Write 是 or 否."))
            return text.casefold() in _YES
    return text


def _money(text: str, *, positive: bool) -> Decimal:
    try:
        number = Decimal(text.replace(",", "").replace("，", "").lstrip("¥￥").removesuffix("元"))
    except InvalidOperation:
        raise Invalid(mark("{value} is no number."), value=text) from None
    if not number.is_finite() or not 0 <= number <= MOST or number != round(number, 2) or (positive and not number):
        raise Invalid(mark("{value} cannot be a sum of money: yuan and fen, not negative."), value=text)
    return number


def _day(text: str) -> dt.date:
    found = re.fullmatch(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?: 00:00:00)?", text)
    try:
        return dt.date(*(int(part) for part in found.groups())) if found else dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=text) from None
