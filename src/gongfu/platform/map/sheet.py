"""Links as a spreadsheet: XLSX or CSV, one row a link, with the equipment at both ends. Pure."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping

import msgspec

from gongfu.kernel import sheets
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MOST_ROWS = 10_000
MOST_FAULTS = 200
HEADINGS: dict[str, tuple[str, ...]] = {
    "a": ("起点", "From", "起点设备"),
    "a_kind": ("起点类型", "From kind"),
    "a_name": ("起点名称", "From name"),
    "a_place": ("起点位置", "From place"),
    "a_address": ("起点管理地址", "From address"),
    "a_port": ("起点端口", "From port"),
    "b": ("终点", "To", "终点设备"),
    "b_kind": ("终点类型", "To kind"),
    "b_name": ("终点名称", "To name"),
    "b_place": ("终点位置", "To place"),
    "b_address": ("终点管理地址", "To address"),
    "b_port": ("终点端口", "To port"),
    "kind": ("链路类型", "Link kind"),
    "medium": ("介质", "Medium"),
    "bandwidth": ("带宽（Mbit/s）", "Bandwidth (Mbit/s)", "带宽"),
    "build": ("状态", "State"),
    "planned_on": ("计划日期", "Planned date"),
}
KINDS = {
    "wired": ("网线", "Copper cable", "有线"),
    "fibre": ("光纤", "Fibre", "光缆"),
    "wifi": ("Wi-Fi", "WIFI", "无线"),
    "5g": ("5G",),
    "serial": ("串行线", "Serial line", "串口"),
    "vpn": ("VPN", "专线"),
}
EQUIPMENT = {
    "switch": ("交换机", "Switch"),
    "core": ("核心交换机", "Core switch"),
    "router": ("路由器", "Router"),
    "firewall": ("防火墙", "Firewall"),
    "access_point": ("无线接入点", "Wi-Fi access point", "AP"),
    "base_station": ("5G 基站", "5G base station", "5G基站"),
    "terminal": ("5G 终端", "5G terminal", "5G终端"),
    "serial_server": ("串口服务器", "Serial server"),
    "converter": ("光电转换器", "Media converter", "光纤收发器"),
    "gateway": ("网关", "Gateway"),
    "other": ("其他", "Other"),
    "device": ("设备", "Device"),
}
BUILDS = {
    "planned": ("规划", "Planned", "计划"),
    "building": ("在建", "Being built"),
    "in_use": ("在用", "In use"),
    "retired": ("停用", "Out of use"),
}
_WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "kind": KINDS,
    "a_kind": EQUIPMENT,
    "b_kind": EQUIPMENT,
    "build": BUILDS,
}
_LENGTHS = {
    "a": 64,
    "b": 64,
    "a_name": 80,
    "b_name": 80,
    "a_port": 40,
    "b_port": 40,
    "medium": 60,
    "a_address": 260,
    "b_address": 260,
}


class End(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a link: the key of equipment or of a device, and what the sheet says of equipment."""

    key: str
    kind: str = ""
    name: str = ""
    place: str = ""
    address: str = ""
    port: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One link; without a far end only the equipment at its beginning."""

    line: int
    a: End
    b: End | None
    kind: str = "wired"
    medium: str = ""
    bandwidth: float | None = None
    build: str = "in_use"
    planned_on: dt.date | None = None


class Fault(msgspec.Struct, frozen=True):
    """A wrong cell."""

    line: int
    column: str
    value: str
    problem: Invalid


def read(data: bytes, name: str) -> tuple[list[Row], list[Fault]]:
    """Rows and wrong cells; raises :class:`Invalid` for what is no sheet of links."""
    rows, faults = list[Row](), list[Fault]()
    for line in sheets.lines(data, name, HEADINGS, "a", MOST_ROWS):
        row, wrong = _row(line.number, line.cells)
        if row is not None:
            rows.append(row)
        faults += wrong
    return rows, faults[:MOST_FAULTS]


def _row(line: int, told: Mapping[str, object]) -> tuple[Row | None, list[Fault]]:
    faults: list[Fault] = []
    texts: dict[str, str] = {}
    bandwidth: float | None = None
    planned: dt.date | None = None
    for column, cell in told.items():
        try:
            if column == "bandwidth":
                bandwidth = _number(cell)
            elif column == "planned_on":
                planned = sheets.date(cell)
            else:
                texts[column] = _text(column, cell)
        except Invalid as error:
            faults.append(Fault(line, column, str(cell)[:80], error))
    if "a" not in told:
        faults.append(Fault(line, "a", "", Invalid(mark("A link needs a beginning."))))
    if "b" in texts and texts.get("b") == texts.get("a") and texts.get("b_kind") != "device":
        faults.append(Fault(line, "b", texts["b"], Invalid(mark("A link cannot lead back to where it begins."))))
    if faults:
        return None, faults
    row = Row(
        line=line,
        a=_end("a", texts),
        b=_end("b", texts) if texts.get("b") else None,
        kind=texts.get("kind", "wired"),
        medium=texts.get("medium", ""),
        bandwidth=bandwidth,
        build=texts.get("build", "in_use"),
        planned_on=planned,
    )
    return row, []


def _end(side: str, texts: Mapping[str, str]) -> End:
    return End(
        key=texts[side],
        **{name: texts.get(f"{side}_{name}", "") for name in ("kind", "name", "place", "address", "port")},
    )


def _text(column: str, cell: object) -> str:
    text = sheets.text(cell, _LENGTHS.get(column, 400))
    return sheets.one_of(text, _WORDS[column]) if column in _WORDS and text else text


def _number(cell: object) -> float:
    try:
        value = float(str(cell).replace(",", "").strip()[:40])
    except ValueError:
        value = math.nan
    if not 0.0001 <= value <= 10_000_000:
        raise Invalid(mark("{value} is no bandwidth in Mbit/s."), value=str(cell)[:40])
    return value
