"""What one cell of a spreadsheet says, and how columns are called. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark, translate
from gongfu.network.drivers import registry as drivers
from gongfu.platform.devices.document import LABELS, Option, written
from gongfu.platform.devices.entries import options_in
from gongfu.platform.devices.rows import number_in

Cell = str | int | float | bool | dt.date | dt.datetime | dt.time | None


DEVICES, TAGS = "devices", "tags"
DEVICE_COLUMNS = (
    *("organisation", "key", "name", "name_en", "type", "place", "driver", "options", "interval", "gateway"),
    *("manufacturer", "product", "serial_number", "made_on"),
)
TAG_COLUMNS = (
    *("organisation", "device", "key", "name", "name_en", "address", "kind", "unit", "scale", "offset", "low", "high"),
    *("decimals", "deadband", "percent", "silence", "interval", "role", "primary"),
)
HEADS: Mapping[str, str] = {**LABELS, "organisation": mark("Organisation"), "device": mark("Device")}
_EMPTY = "-"
_YES = {"true", "yes", "1", "y", "是", "√", "✓"}
_NO = {"false", "no", "0", "n", "否"}
_KINDS = {
    "number": "number", "boolean": "boolean", "text": "text", "array": "array", "waveform": "array",
    "数值": "number", "开关": "boolean", "文本": "text", "数组": "array", "波形": "array", "on/off": "boolean",
}  # fmt: skip


def plain(cell: Cell) -> str:
    """As a person sees it: a number without the ``.0`` that spreadsheets add."""
    if isinstance(cell, bool):
        return written(cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell).strip()


def texted(cell: Cell) -> str:
    text = plain(cell)
    return "" if text == _EMPTY else text


def _numbered(cell: Cell) -> float:
    number = None if isinstance(cell, bool) else number_in(plain(cell))
    if number is None:
        raise Invalid(mark("{value} is no number."), remedy=mark("Write it like 0.5."), value=plain(cell)[:40])
    return number


def _optional(cell: Cell) -> float | None:
    return None if plain(cell) == _EMPTY else _numbered(cell)


def _whole(cell: Cell) -> int:
    number = _numbered(cell)
    if not number.is_integer():
        raise Invalid(mark("{value} is no whole number."), value=plain(cell)[:40])
    return int(number)


def _yes(cell: Cell) -> bool:
    text = plain(cell).casefold()
    if text in _YES or text in _NO:
        return text in _YES
    raise Invalid(mark("{value} is neither yes nor no."), remedy=mark("Write yes or no."), value=text[:40])


def _kind(cell: Cell) -> str:
    text = plain(cell).casefold()
    if text not in _KINDS:
        raise Invalid(
            mark("{value} is no kind of value."),
            remedy=mark("Use one of: number, boolean, text, array."),
            value=text[:40],
        )
    return _KINDS[text]


def _date(cell: Cell) -> dt.date | None:
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    text = plain(cell)
    if text == _EMPTY:
        return None
    try:
        return dt.date.fromisoformat(text.replace("/", "-").replace(".", "-"))
    except ValueError:
        raise Invalid(mark("{value} is no date."), remedy=mark("Write it like 2026-05-31."), value=text[:40]) from None


def typed_options(said: str, driver: str) -> tuple[dict[str, Option], dict[str, Option]]:
    """Options with the types of the manifest, and the passwords among them."""
    options: dict[str, Option] = {}
    passwords: dict[str, Option] = {}
    known = drivers.manifest(driver).options if driver else {}
    for name, value in options_in("" if said == _EMPTY else said).items():
        option = known.get(name)
        if option is not None and option.secret:
            passwords[name] = value
        elif option is None or option.type == "text":
            options[name] = value
        elif option.type == "boolean":
            options[name] = _yes(value)
        else:
            options[name] = _whole(value) if option.type == "integer" else _numbered(value)
    return options, passwords


DEVICE_CELLS: Mapping[str, Callable[[Cell], object]] = {"interval": _numbered, "made_on": _date}
TAG_CELLS: Mapping[str, Callable[[Cell], object]] = {
    **dict.fromkeys(("scale", "offset", "deadband", "silence"), _numbered),
    **dict.fromkeys(("low", "high", "interval"), _optional),
    **dict.fromkeys(("percent", "primary"), _yes),
    "decimals": _whole,
    "kind": _kind,
}
_COLUMNS = {
    word.casefold(): column
    for column, label in HEADS.items()
    for word in (column, label, translate(label, "zh-hans"), column.replace("_", " "))
}
"""How a first row may call them."""


def column_called(head: Cell) -> str:
    """The column of that heading, in either language; empty for one that nobody knows."""
    return _COLUMNS.get(plain(head).casefold(), "")
