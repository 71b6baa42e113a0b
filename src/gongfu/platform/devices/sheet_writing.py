"""Spreadsheets written: exports, and the template with its example, choices and explanation. Pure."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import get_args

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from gongfu.kernel.i18n import mark, translate
from gongfu.network.drivers import registry as drivers
from gongfu.network.models import library
from gongfu.platform.devices.document import DeviceDocument, Kind, TagDocument, written
from gongfu.platform.devices.entries import said_options
from gongfu.platform.devices.sheet_cells import DEVICE_COLUMNS, DEVICES, HEADS, TAG_COLUMNS, TAGS, Cell
from gongfu.platform.devices.sheets import COMMENT, MOST_ROWS

_HELP: Mapping[str, tuple[str, str]] = {
    "organisation": (mark("Code of the owner; may stay empty when there is only one."), "acme"),
    "key": (mark("Short code: Latin letters, digits, dashes. It stays for ever."), "PRESS-1"),
    "device": (mark("Key of the device that the tag belongs to."), "PRESS-1"),
    "name": (mark("What people call it."), "一号压机"),
    "type": (mark("Information model; see the list."), "centrifugal-pump"),
    "place": (mark("Names from the site down, with a slash between them; new ones are made."), "一厂 / 冲压车间"),
    "driver": (mark("What the device speaks; see the list."), "modbus"),
    "options": (mark("name=value, and a semicolon between two."), "host=10.0.0.5; port=502; unit=1"),
    "interval": (mark("Seconds between two readings."), "1"),
    "gateway": (mark("Who reads it: this node, or an edge node near the machine."), "local"),
    "address": (mark("In the driver's notation; see the driver's description."), "holding:0:uint16"),
    "scale": (mark("Value = raw × scale + offset."), "0.1"),
    "deadband": (mark("A value that moved by no more than this is not stored; 0 stores all."), "0.5"),
    "silence": (mark("After so long a value within the dead-band is stored all the same."), "60"),
}


def device_row(organisation: str, document: DeviceDocument) -> list[Cell]:
    """A device as its row."""
    said = {"organisation": organisation, "options": said_options(document.options)}
    return [said[column] if column in said else _shown(getattr(document, column)) for column in DEVICE_COLUMNS]


def tag_rows(organisation: str, document: DeviceDocument) -> Iterator[list[Cell]]:
    """The tags of a device as their rows."""
    for tag in document.tags:
        said = {"organisation": organisation, "device": document.key}
        yield [said[column] if column in said else _shown(getattr(tag, column)) for column in TAG_COLUMNS]


def _shown(value: object) -> Cell:
    if isinstance(value, bool):
        return written(value)
    return value if isinstance(value, int | float | dt.date) else written(value)


def workbook(devices: Iterable[tuple[str, DeviceDocument]], language: str) -> bytes:
    """Devices and their tags as a workbook whose first rows are in ``language``."""
    return _book(list(devices), language, template=False)


def template(language: str) -> bytes:
    """An empty workbook with an example, choices to pick from, and a sheet that explains every column."""
    return _book([("acme", _EXAMPLE)], language, template=True)


def table(sheet: str, devices: Iterable[tuple[str, DeviceDocument]]) -> tuple[Sequence[str], Iterator[list[Cell]]]:
    """Column names and rows of one sheet, for CSV."""
    if sheet == TAGS:
        return TAG_COLUMNS, (row for pair in devices for row in tag_rows(*pair))
    return DEVICE_COLUMNS, (device_row(*pair) for pair in devices)


def _book(devices: list[tuple[str, DeviceDocument]], language: str, *, template: bool) -> bytes:
    book = Workbook(write_only=True)
    for sheet, columns in ((DEVICES, DEVICE_COLUMNS), (TAGS, TAG_COLUMNS)):
        page = book.create_sheet(_title(sheet, language))
        page.freeze_panes = "A2"
        for number, column in enumerate(columns, 1):
            page.column_dimensions[get_column_letter(number)].width = 30 if column in ("options", "address") else 16
        for choice in _choices(columns):
            page.data_validations.append(choice)
        page.append([_cell(page, translate(HEADS[column], language), bold=True) for column in columns])
        _, rows = table(sheet, devices)
        for row in rows:
            page.append([_cell(page, value) for value in (_as_example(columns, row) if template else row)])
    if template:
        _explain(book, language)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _as_example(columns: Sequence[str], row: Sequence[Cell]) -> list[Cell]:
    return [f"{COMMENT}{cell}" if column == "key" else cell for column, cell in zip(columns, row, strict=True)]


def _cell(page: object, value: Cell, *, bold: bool = False) -> object:
    cell = WriteOnlyCell(page, value=value)
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with (CWE-1236)
    if bold:
        cell.font = Font(bold=True)
    return cell


def _choices(columns: Sequence[str]) -> Iterator[DataValidation]:
    """Drop-downs. A list longer than Excel takes in one formula (255 characters) has none; the help sheet has it."""
    known = {
        "driver": drivers.names(),
        "type": [model.id for model in library.types()],
        "kind": list(get_args(Kind)),
        "percent": ["true", "false"],
        "primary": ["true", "false"],
    }
    for column, values in known.items():
        said = ",".join(values)
        if column in columns and len(said) <= 250:
            choice = DataValidation(type="list", formula1=f'"{said}"', allow_blank=True, showErrorMessage=False)
            letter = get_column_letter(columns.index(column) + 1)
            choice.add(f"{letter}2:{letter}{MOST_ROWS}")
            yield choice


def _explain(book: Workbook, language: str) -> None:
    page = book.create_sheet(translate(mark("Explanation"), language))
    page.column_dimensions["B"].width = 70
    page.column_dimensions["C"].width = 40
    for text in (
        mark("A row whose key begins with # is an example and is passed over."),
        mark("An empty cell leaves a thing as it is; a dash empties it."),
        mark("When tags of a device stand in the sheet, they are all of them: others go."),
    ):
        page.append([_cell(page, translate(text, language))])
    page.append([])
    for column in dict.fromkeys((*DEVICE_COLUMNS, *TAG_COLUMNS)):
        help_text, example = _HELP.get(column, ("", ""))
        line = (translate(HEADS[column], language), translate(help_text, language) if help_text else "", example)
        page.append([_cell(page, text) for text in line])
    page.append([])
    page.append([_cell(page, translate(HEADS["driver"], language), bold=True)])
    for name in drivers.names():
        manifest = drivers.manifest(name)
        names = ", ".join(f"{option}{'*' if manifest.options[option].required else ''}" for option in manifest.options)
        page.append([_cell(page, name), _cell(page, manifest.protocol), _cell(page, names)])
    page.append([])
    page.append([_cell(page, translate(HEADS["type"], language), bold=True)])
    for model in library.types():
        page.append([_cell(page, model.id), _cell(page, model.name.in_language(language))])


def _title(sheet: str, language: str) -> str:
    return translate(mark("devices") if sheet == DEVICES else mark("tags"), language)


_EXAMPLE = DeviceDocument(
    key="PRESS-1",
    name="一号压机",
    name_en="Press 1",
    type="centrifugal-pump",
    place="一厂 / 冲压车间",
    driver="modbus",
    options={"host": "10.0.0.5", "port": 502, "unit": 1},
    tags=[TagDocument(key="speed", name="转速", unit="r/min", address="holding:0:uint16", high=3000.0, deadband=1.0)],
)
