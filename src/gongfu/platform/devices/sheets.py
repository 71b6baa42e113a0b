"""Spreadsheets of devices and tags: read cell by cell, written, and the template. Pure.

Two sheets, *devices* and *tags*; CSV holds one of them. An empty cell leaves a thing as it is, or as the information
model has it when it is new; ``-`` empties it. A key that begins with ``#`` marks a row that is only an example.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence

from openpyxl import load_workbook

from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.document import Option
from gongfu.platform.devices.entries import DeviceEntry, Fault, TagEntry, Where, fault
from gongfu.platform.devices.sheet_cells import (
    DEVICE_CELLS,
    DEVICE_COLUMNS,
    DEVICES,
    TAG_CELLS,
    TAG_COLUMNS,
    TAGS,
    Cell,
    column_called,
    plain,
    texted,
    typed_options,
)

MOST_BYTES = 20_000_000
MOST_UNPACKED = 120_000_000
"""Bytes of all parts of a workbook together."""
MOST_PARTS = 500
MOST_ROWS = 50_000
"""Rows of one sheet."""
MOST_COLUMNS = 60
MOST_FAULTS = 1000
"""After so many nobody reads on."""
COMMENT = "#"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TITLES = {DEVICES: DEVICES, TAGS: TAGS, "设备": DEVICES, "测点": TAGS}


def read(data: bytes, name: str) -> tuple[list[DeviceEntry], list[Fault]]:
    """The devices of a workbook or CSV file and every wrong cell; raises :class:`Invalid` for what is neither."""
    if len(data) > MOST_BYTES:
        raise Invalid(
            mark("The file is larger than {most} MB."),
            remedy=mark("Divide it: devices that stand together in one file belong together."),
            most=MOST_BYTES // 1_000_000,
        )
    reader = _Reader()
    if data[:2] == b"PK":
        _read_workbook(data, name, reader)
    else:
        reader.take("", _csv_rows(data, name))
    return reader.entries(), reader.faults[:MOST_FAULTS]


def _read_workbook(data: bytes, name: str, reader: _Reader) -> None:
    try:
        _check_archive(data)
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
    except Invalid:
        raise
    except Exception as error:  # openpyxl lets errors of zip, XML and its own through
        raise _no_table(name, error) from error
    try:
        for sheet in book.worksheets:
            title = sheet.title.strip().casefold()
            if title in _TITLES:
                sheet.reset_dimensions()
                try:
                    reader.take(_TITLES[title], _workbook_rows(sheet))
                except GongfuError:
                    raise
                except Exception as error:
                    raise _no_table(name, error) from error
    finally:
        book.close()
    if not reader.seen:
        raise Invalid(
            mark("{file} has neither a sheet of devices nor one of tags."),
            remedy=mark("Download the template and fill it in."),
            file=name,
        )


def _check_archive(data: bytes) -> None:
    """Raise :class:`Invalid` for an archive that would be far larger unpacked than any table of devices."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise Invalid(
                mark("The workbook is larger than {most} MB when unpacked."),
                remedy=mark("Divide it, and leave out pictures."),
                most=MOST_UNPACKED // 1_000_000,
            )


def _no_table(name: str, error: Exception) -> Invalid:
    return Invalid(
        mark("{file} is no spreadsheet that can be read: {reason}."),
        remedy=mark("Save it as .xlsx or as CSV in UTF-8."),
        file=name,
        reason=f"{type(error).__name__}: {error}"[:200],
    )


def _workbook_rows(sheet: object) -> Iterator[tuple[list[Cell], set[int]]]:
    """Values of each row, and the columns in which a formula stands."""
    rows = sheet.iter_rows(max_row=MOST_ROWS + 2, max_col=MOST_COLUMNS)  # type: ignore[attr-defined]
    for row in rows:
        yield [cell.value for cell in row], {n for n, cell in enumerate(row) if cell.data_type == "f"}


def _csv_rows(data: bytes, name: str) -> Iterator[tuple[list[Cell], set[int]]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            whole = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise _no_table(name, ValueError("UTF-8, GB 18030"))
    if "\0" in whole:
        raise _no_table(name, ValueError("NUL"))
    first = whole.partition("\n")[0]
    sign = max(",;\t", key=first.count)
    try:
        for row in csv.reader(io.StringIO(whole, newline=""), delimiter=sign):
            # An apostrophe in front is how formulas are made harmless in exports.
            yield [value[1:] if value[:1] == "'" and value[1:2] in _FORMULA else value for value in row], set()
    except csv.Error as error:
        raise _no_table(name, error) from error


class _Reader:
    """Collects entries and faults of both sheets."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.seen = False
        self._devices: dict[tuple[str, str], DeviceEntry] = {}
        self._doubled: list[DeviceEntry] = []
        self._tags: dict[tuple[str, str], list[TagEntry]] = {}

    def take(self, sheet: str, rows: Iterator[tuple[list[Cell], set[int]]]) -> None:
        """Read a sheet; an empty name is found out from its columns."""
        self.seen = True
        heads, _ = next(rows, ([], set()))
        columns = [column_called(head) for head in heads]
        sheet = sheet or (TAGS if "device" in columns else DEVICES)
        known = TAG_COLUMNS if sheet == TAGS else DEVICE_COLUMNS
        for head, column in zip(heads, columns, strict=True):
            if head not in (None, "") and column not in known:
                missing = Invalid(
                    mark("There is no column {column}."), remedy=mark("Leave it out, or correct it."), column=str(head)
                )
                self._fault(Where(sheet, 1), str(head)[:40], head, missing)
        if "key" not in columns:
            self._fault(Where(sheet, 1), "key", "", Invalid(mark("The column {column} is missing."), column="key"))
            return
        for number, (values, formulas) in enumerate(rows, 2):
            if number > MOST_ROWS + 1:
                self._fault(
                    Where(sheet, number), "", "", Invalid(mark("A sheet has at most {most} rows."), most=MOST_ROWS)
                )
                return
            if len(self.faults) >= MOST_FAULTS:
                return
            where = Where(sheet, number)
            said = self._cells(where, columns, known, values, formulas)
            if said is None or plain(said.get("key")).startswith(COMMENT):
                continue
            if sheet == TAGS:
                self._take_tag(where, said)
            else:
                self._take_device(where, said)

    def entries(self) -> list[DeviceEntry]:
        """Devices, with what was said of their tags; those of which only tags are said too."""
        found = []
        for place, entry in self._devices.items():
            tags = self._tags.pop(place, None) or (self._tags.pop(("", entry.key), None) if place[0] else None)
            found.append(_with_tags(entry, tags))
        for (organisation, key), tags in self._tags.items():
            found.append(DeviceEntry(organisation=organisation, key=key, values={}, tags=tags, where=tags[0].where))
        return [*found, *self._doubled]

    def _cells(
        self, where: Where, columns: Sequence[str], known: Sequence[str], values: Sequence[Cell], formulas: set[int]
    ) -> dict[str, Cell] | None:
        said: dict[str, Cell] = {}
        well = True
        for number, (column, value) in enumerate(zip(columns, values, strict=False)):
            if value is None or value == "" or column not in known:
                continue
            if number in formulas:
                self._fault(
                    where,
                    column,
                    value,
                    Invalid(mark("A formula stands here."), remedy=mark("Put its value in: copy, paste values only.")),
                )
                well = False
            said[column] = value.strip() if isinstance(value, str) else value
        return said if said and well else None

    def _take_device(self, where: Where, said: dict[str, Cell]) -> None:
        organisation, key = plain(said.pop("organisation", "")), plain(said.pop("key", ""))
        values: dict[str, object] = {}
        passwords: dict[str, Option] = {}
        well = True
        for column, cell in said.items():
            if column == "options":
                continue
            try:
                values[column] = DEVICE_CELLS.get(column, texted)(cell)
            except Invalid as error:
                well = self._fault(where, column, cell, error)
        if "options" in said:
            try:
                values["options"], passwords = typed_options(plain(said["options"]), str(values.get("driver", "")))
            except GongfuError as error:
                well = self._fault(where, "options", said["options"], error)
        if not well:
            return
        entry = DeviceEntry(organisation=organisation, key=key, values=values, passwords=passwords, where=where)
        if (organisation, key) in self._devices:
            self._doubled.append(entry)
        else:
            self._devices[organisation, key] = entry

    def _take_tag(self, where: Where, said: dict[str, Cell]) -> None:
        organisation, device = plain(said.pop("organisation", "")), plain(said.pop("device", ""))
        key = plain(said.pop("key", ""))
        if not device:
            self._fault(where, "device", "", Invalid(mark("The key of the tag's device is missing.")))
            return
        values: dict[str, object] = {}
        well = True
        for column, cell in said.items():
            try:
                values[column] = TAG_CELLS.get(column, texted)(cell)
            except Invalid as error:
                well = self._fault(where, column, cell, error)
        if well:
            self._tags.setdefault((organisation, device), []).append(TagEntry(key=key, values=values, where=where))

    def _fault(self, where: Where, column: str, value: object, error: GongfuError) -> bool:
        """Tell it; returns False, for who asks whether all is well."""
        self.faults.append(fault(where, column, value, error))
        return False


def _with_tags(entry: DeviceEntry, tags: list[TagEntry] | None) -> DeviceEntry:
    return DeviceEntry(
        organisation=entry.organisation,
        key=entry.key,
        values=entry.values,
        passwords=entry.passwords,
        tags=tags,
        where=entry.where,
    )
