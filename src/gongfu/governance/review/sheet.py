"""A spreadsheet of experts: XLSX or CSV, headings in Chinese or English. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from gongfu.kernel import sheets
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.sheets import Headings

MOST_ROWS = 5_000
MOST_FAULTS = 200
EXPERTS: Headings = {
    "name": ("姓名", "Name", "专家姓名"),
    "fields": ("专业领域", "Fields", "领域", "专业"),
    "title": ("职称", "Title", "职务职称"),
    "employer": ("工作单位", "Employer", "单位"),
    "employer_code": ("单位信用代码", "Employer code", "统一社会信用代码"),
    "phone": ("联系电话", "Telephone", "电话", "手机"),
    "declared": ("需回避单位", "To avoid", "回避单位"),
    "former": ("曾任职单位", "Former employers"),
    "remark": ("备注", "Remark"),
}
EXAMPLE = (
    "沈建国",
    "工业网络、智能制造",
    "高级工程师",
    "某某大学",
    "",
    "021-55550101",
    "某某机械有限公司",
    "某某软件有限公司;;2025-03-31",
    "",
)
_LENGTHS = {"name": 60, "fields": 200, "title": 60, "employer": 120, "employer_code": 18, "phone": 40, "remark": 300}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An expert of the sheet."""

    line: int
    name: str
    fields: str
    title: str = ""
    employer: str = ""
    employer_code: str = ""
    phone: str = ""
    declared: str = ""
    former: str = ""
    remark: str = ""


class Fault(msgspec.Struct, frozen=True):
    """A wrong cell. ``column`` is a key of the headings."""

    line: int
    column: str
    value: str
    problem: GongfuError


def experts(data: bytes, name: str) -> tuple[list[Row], list[Fault]]:
    """Rows and wrong cells; raises :class:`Invalid` for what is no sheet of experts."""
    rows: list[Row] = []
    faults: list[Fault] = []
    for line in sheets.lines(data, name, EXPERTS, "name", MOST_ROWS):
        found, wrong = _cells(line.number, line.cells)
        if "fields" not in line.cells:
            wrong.append(Fault(line.number, "fields", "", Invalid(mark("This cell must not be empty."))))
        if wrong:
            faults += wrong
        else:
            rows.append(msgspec.convert({"line": line.number, **found}, Row))
    return rows, faults[:MOST_FAULTS]


def _cells(number: int, cells: Mapping[str, object]) -> tuple[dict[str, str], list[Fault]]:
    found, wrong = {}, []
    for column, cell in cells.items():
        try:
            long = column in ("declared", "former")
            found[column] = sheets.text(_written(cell), 2000 if long else _LENGTHS[column], lines=long)
        except (Invalid, OverflowError) as error:
            told = error if isinstance(error, Invalid) else Invalid(mark("This cell cannot be read."))
            wrong.append(Fault(number, column, str(cell)[:80], told))
    return found, wrong


def _written(cell: object) -> object:
    """A day without its midnight, a telephone number that the sheet took for a figure."""
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell == int(cell) else cell
