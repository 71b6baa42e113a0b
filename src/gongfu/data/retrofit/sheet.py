"""The inventory as a spreadsheet: XLSX or CSV, one row a machine, headings in Chinese or English. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from gongfu.kernel import sheets
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_ROWS = 10_000
MOST_FAULTS = 200
HEADINGS: dict[str, tuple[str, ...]] = {
    "number": ("编号", "Number", "资产编号"),
    "name": ("名称", "Name", "设备名称"),
    "name_en": ("英文名称", "English name"),
    "type": ("类型", "Type", "设备类型"),
    "place": ("位置", "Place", "车间"),
    "year": ("制造年份", "Year", "年份"),
    "controller": ("控制器", "Controller", "数控系统"),
    "interfaces": ("接口", "Interfaces"),
    "plan": ("改造状态", "Retrofit"),
    "obstacles": ("障碍", "Obstacles", "存在问题"),
    "planned_on": ("计划日期", "Planned date"),
    "cost": ("费用", "Cost", "预算（元）"),
    "device": ("设备键", "Device key"),
}
PLANS = {
    "none": ("未计划", "Not planned"),
    "planned": ("已计划", "Planned"),
    "running": ("改造中", "Under way"),
    "done": ("已完成", "Done"),
    "never": ("不值得", "Not worth it"),
}
INTERFACES = {
    "ethernet": ("网口", "以太网"),
    "serial": ("串口", "RS485", "RS232", "RS-485", "RS-232"),
    "pulse": ("脉冲",),
    "stack_light": ("三色灯", "塔灯"),
    "analogue": ("模拟量",),
    "motor": ("电机",),
}
_LENGTHS = {"number": 64, "name": 80, "name_en": 80, "type": 64, "controller": 80, "obstacles": 500, "place": 400}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One machine as the sheet has it; what has no column, or an empty cell, is None and stays as it is."""

    line: int
    number: str
    name: str | None = None
    name_en: str | None = None
    type: str | None = None
    place: str | None = None
    year: int | None = None
    controller: str | None = None
    interfaces: str | None = None
    plan: str | None = None
    obstacles: str | None = None
    planned_on: dt.date | None = None
    cost: Decimal | None = None
    device: str | None = None


class Fault(msgspec.Struct, frozen=True):
    """A wrong cell."""

    line: int
    column: str
    value: str
    problem: Invalid


def read(data: bytes, name: str) -> tuple[list[Row], list[Fault]]:
    """Rows and wrong cells; raises :class:`Invalid` for what is no sheet of machines."""
    rows, faults, seen = [], [], set()
    for line in sheets.lines(data, name, HEADINGS, "number", MOST_ROWS):
        row, wrong = _row(line.number, line.cells)
        if row is not None and row.number in seen:
            wrong.append(Fault(line.number, "number", row.number, Invalid(mark("This number is there twice."))))
        if row is not None:
            seen.add(row.number)
            rows.append(row)
        faults += wrong
    return rows, faults[:MOST_FAULTS]


def _row(line: int, told: Mapping[str, object]) -> tuple[Row | None, list[Fault]]:
    faults: list[Fault] = []
    values: dict[str, object] = {}
    for column, cell in told.items():
        try:
            values[column] = _typed(column, cell)
        except Invalid as error:
            faults.append(Fault(line, column, str(cell)[:80], error))
    if "number" not in values:
        if "number" not in told:
            faults.append(Fault(line, "number", "", Invalid(mark("A number is needed."))))
        return None, faults
    return Row(line=line, **values), faults  # type: ignore[arg-type]  # each was typed for its column


def _typed(column: str, cell: object) -> object:
    text = sheets.text(cell, _LENGTHS.get(column, 400), lines=column == "obstacles")
    match column:
        case "year":
            if not text.isdecimal() or not 1900 <= int(text[:9]) <= 2200:
                raise Invalid(mark("{value} is no year."), value=text[:40])
            return int(text)
        case "cost":
            try:
                cost = Decimal(text.replace(",", "").replace("¥", ""))
            except InvalidOperation:
                raise Invalid(mark("{value} is no number."), value=text[:40]) from None
            if not cost.is_finite() or not 0 <= cost < 10**10:
                raise Invalid(mark("{value} is no number."), value=text[:40])
            return round(cost, 2)
        case "planned_on":
            if isinstance(cell, dt.datetime):
                return cell.date()
            try:
                return dt.date.fromisoformat(text.replace("/", "-"))
            except ValueError:
                raise Invalid(
                    mark("{value} is no date."), remedy=mark("Write it like 2026-11-20."), value=text[:40]
                ) from None
        case "plan":
            return sheets.one_of(text, PLANS)
        case "interfaces":
            parts = [part for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]
            return ",".join(dict.fromkeys(sheets.one_of(part.strip(), INTERFACES) for part in parts))
        case _:
            return text
