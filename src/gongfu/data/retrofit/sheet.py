"""The inventory as a spreadsheet: XLSX or CSV, one row a machine, headings in Chinese or English. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

import msgspec
from openpyxl import load_workbook

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_BYTES = 5_000_000
MOST_UNPACKED = 60_000_000
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
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The file is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    table = _workbook(data, name) if data[:2] == b"PK" else _csv(data, name)
    if not table:
        raise Invalid(mark("{file} is empty."), file=name)
    columns = [_column(str(cell or "")) for cell in table[0]]
    if "number" not in columns:
        raise Invalid(
            mark("{file} has no column of numbers."),
            remedy=mark("Download the template: its first row names the columns."),
            file=name,
        )
    if len(table) > MOST_ROWS + 1:
        raise Invalid(mark("{file} has more than {most} rows."), remedy=mark("Divide it."), file=name, most=MOST_ROWS)
    rows, faults, seen = [], [], set()
    for line, cells in enumerate(table[1:], start=2):
        told = {column: cell for column, cell in zip(columns, cells, strict=False) if column and cell not in (None, "")}
        if not told or str(told.get("number", "")).startswith("#"):
            continue
        row, wrong = _row(line, told)
        if row is not None and row.number in seen:
            wrong.append(Fault(line, "number", row.number, Invalid(mark("This number is there twice."))))
        if row is not None:
            seen.add(row.number)
            rows.append(row)
        faults += wrong
    return rows, faults[:MOST_FAULTS]


def _row(line: int, told: dict[str, object]) -> tuple[Row | None, list[Fault]]:
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
    text = f"{cell:g}" if isinstance(cell, float) else str(cell).strip()
    if column != "obstacles" and not text.isprintable():
        raise Invalid(mark("A character in it cannot be shown."))
    if len(text) > _LENGTHS.get(column, 400):
        raise Invalid(mark("At most {most} characters."), most=_LENGTHS.get(column, 400))
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
            return _one_of(text, PLANS)
        case "interfaces":
            parts = [part for part in text.replace("，", ",").replace("、", ",").split(",") if part.strip()]
            return ",".join(dict.fromkeys(_one_of(part.strip(), INTERFACES) for part in parts))
        case _:
            return text


def _one_of(text: str, known: Mapping[str, tuple[str, ...]]) -> str:
    for name, spellings in known.items():
        if text.casefold() in (name, *(spelling.casefold() for spelling in spellings)):
            return name
    raise Invalid(
        mark("{value} is none of these: {known}."),
        value=text[:40],
        known=", ".join(f"{name} {spellings[0]}" for name, spellings in known.items()),
    )


def _column(heading: str) -> str:
    text = heading.strip().casefold()
    spelt = {spelling.casefold(): name for name, found in HEADINGS.items() for spelling in (name, *found)}
    return spelt.get(text, "")


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
            return [list(row) for row in sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=40, values_only=True)]
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
        return [_harmed(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=sign)]
    except csv.Error as error:
        raise _no_table(name, error) from error


def _harmed(row: Iterable[str]) -> list[object]:
    """An apostrophe in front is how exports make formulas harmless."""
    return [cell[1:] if cell[:2] in ("'=", "'+", "'-", "'@") else cell for cell in row]


def _no_table(name: str, error: Exception) -> Invalid:
    return Invalid(
        mark("{file} is no spreadsheet that can be read: {reason}."),
        remedy=mark("Save it as .xlsx or as CSV in UTF-8."),
        file=name,
        reason=f"{type(error).__name__}: {error}"[:200],
    )
