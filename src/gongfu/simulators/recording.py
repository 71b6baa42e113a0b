"""A recorded table as it stands in a CSV file: bytes → :class:`Recording`. Pure, and strict.

What is read: UTF-8 with or without BOM, UTF-16 with BOM, GB18030; comma, semicolon, tab or bar between cells;
a header line; one column of times in rising order; every other column a tag.
A row that cannot be kept exactly as it is makes the whole file unreadable, with its line and the reason:
a replay that quietly repairs its source proves nothing.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from gongfu.kernel import timestamps
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

Cell = float | bool | str | None
"""A value; None for a cell that is empty, NaN or infinite."""

MAX_BYTES = 500_000_000
MAX_COLUMNS = 1_000
MAX_TEXT = 4_096
"""Characters of a text that a gateway keeps."""
EARLIEST = 631_152_000_000_000
"""1990: gateways take older source times for clocks that were never set."""
DELIMITERS = ",;\t|"
TIME_NAMES = {
    "time",
    "timestamp",
    "datetime",
    "date_time",
    "date time",
    "date",
    "ts",
    "t",
    "时间",
    "时间戳",
    "日期时间",
}
TIME_NAMES |= {"采集时间", "记录时间", "采样时间", "日期"}
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "--", "inf", "+inf", "-inf", "infinity", "-infinity"}
_BOOLEANS = {"true": True, "false": False}
_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_UNIT = re.compile(r"(?P<name>.*\S)\s*[\[(\uff08](?P<unit>[^\[\]()\uff08\uff09]{1,20})[\])\uff09]\s*")
_NOT_KEY = re.compile(r"[^a-z0-9]+")


class BadRecording(Invalid):
    """The file cannot be replayed exactly; the message names the line."""


class Column(msgspec.Struct, frozen=True):
    """A tag: one column of the file."""

    key: str
    """ASCII, unique in the recording."""
    name: str
    """As the header has it, without the unit."""
    kind: Literal["number", "boolean", "text"]
    unit: str = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """One line. ``time`` in microseconds UTC; a cell for every column."""

    time: int
    cells: tuple[Cell, ...]


class Recording(msgspec.Struct, frozen=True):
    """A whole file."""

    name: str
    columns: list[Column]
    rows: list[Row]
    encoding: str
    delimiter: str
    local: bool
    """The times carry no zone and were taken in the one that was given."""

    @property
    def seconds(self) -> float:
        """From the first row to the last."""
        return (self.rows[-1].time - self.rows[0].time) / 1e6

    @property
    def missing(self) -> int:
        """Cells without a value; they are delivered as *bad*."""
        return sum(cell is None for row in self.rows for cell in row.cells)


def parse(data: bytes, name: str, timezone: ZoneInfo) -> Recording:
    """The recording in ``data``; ``timezone`` is that of times without one. Raises :class:`BadRecording`."""
    if len(data) > MAX_BYTES:
        raise BadRecording(
            mark("The file has {size} MB; {most} MB can be replayed at once."),
            remedy=mark("Cut it into parts."),
            size=len(data) // 1_000_000,
            most=MAX_BYTES // 1_000_000,
        )
    text, encoding = _decode(data)
    delimiter = _delimiter(text)
    lines = _lines(text, delimiter)
    header, body = _header(lines)
    at = _time_column(header, body)
    times, local = timestamps.parse([(line, row[at]) for line, row in body], header[at], timezone)
    _check_order(times, [line for line, _ in body])
    others = [index for index in range(len(header)) if index != at]
    parsed = [_column(header[index], [(line, row[index]) for line, row in body]) for index in others]
    columns = _named([(header[index], kind) for index, (kind, _) in zip(others, parsed, strict=True)])
    cells = zip(*(values for _, values in parsed), strict=True)
    rows = [Row(time, row) for time, row in zip(times, cells, strict=True)]
    return Recording(name, columns, rows, encoding, delimiter, local)


def _decode(data: bytes) -> tuple[str, str]:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif data.startswith(b"\xef\xbb\xbf"):
        encodings = ["utf-8-sig"]
    else:
        encodings = ["utf-8", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            break
        return text, encoding
    raise BadRecording(
        mark("The file is not text in UTF-8, UTF-16 or GB18030."),
        remedy=mark("Save it as CSV in UTF-8; a spreadsheet file must be exported first."),
    )


def _delimiter(text: str) -> str:
    """The character that parts the header into most cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise BadRecording(mark("The file is empty."), remedy=mark("It needs a header line and rows."))
    best = max(DELIMITERS, key=first.count)
    if not first.count(best):
        raise BadRecording(
            mark("The first line has no comma, semicolon, tab or bar, so there are no columns."),
            remedy=mark("The first line must name the columns: a time and at least one value."),
        )
    return best


def _lines(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Rows with their line numbers; empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [cell.strip() for cell in row]))
    except csv.Error as error:
        raise BadRecording(
            mark("Line {line} is not CSV: {reason}."),
            remedy=mark("Look for a quotation mark that is not closed."),
            line=reader.line_num,
            reason=error,
        ) from error
    return rows


def _header(lines: list[tuple[int, list[str]]]) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if not lines:
        raise BadRecording(mark("The file is empty."), remedy=mark("It needs a header line and rows."))
    (_, header), body = lines[0], lines[1:]
    if any(_NUMBER.fullmatch(cell) or timestamps.looks_like(cell) for cell in header):
        raise BadRecording(
            mark("The first line holds values, not names: {line}."),
            remedy=mark("Put a header line with the names of the columns on top."),
            line=", ".join(header)[:120],
        )
    if len(header) > MAX_COLUMNS:
        raise BadRecording(
            mark("The file has {count} columns; {most} are allowed."), count=len(header), most=MAX_COLUMNS
        )
    for number, cell in enumerate(header, start=1):
        if not cell:
            raise BadRecording(mark("Column {number} has no name."), number=number)
        if cell in header[: number - 1]:
            raise BadRecording(mark("Two columns are called {name}."), name=cell[:80])
    if not body:
        raise BadRecording(mark("There is no row below the header."))
    for line, row in body:
        if len(row) != len(header):
            raise BadRecording(
                mark("Line {line} has {count} cells, the header has {expected}."),
                remedy=mark("Correct that line, or quote cells that contain the delimiter."),
                line=line,
                count=len(row),
                expected=len(header),
            )
    return header, body


def _time_column(header: Sequence[str], body: Sequence[tuple[int, list[str]]]) -> int:
    """By its name, else the first column whose first and last cells are dates."""
    for index, name in enumerate(header):
        if name.casefold() in TIME_NAMES or _bare(name)[0].casefold() in TIME_NAMES:
            return index
    for index in range(len(header)):
        if all(timestamps.looks_like(row[index]) for _, row in (body[0], body[-1])):
            return index
    raise BadRecording(
        mark("No column holds times; the columns are: {columns}."),
        remedy=mark("Call the column of times “time”."),
        columns=", ".join(header)[:200],
    )


def _check_order(times: Sequence[int], lines: Sequence[int]) -> None:
    if times[0] < EARLIEST:
        raise BadRecording(
            mark("Line {line} is older than 1990."),
            remedy=mark("The node takes such times for clocks that were never set; correct them."),
            line=lines[0],
        )
    for before, after, line in zip(times, times[1:], lines[1:], strict=False):
        if after == before:
            raise BadRecording(
                mark("Line {line} has the same time as the row before it."),
                remedy=mark("A tag has one value at one time: keep one of the two rows."),
                line=line,
            )
        if after < before:
            raise BadRecording(
                mark("Line {line} is older than the row before it."),
                remedy=mark("Sort the rows by time; where a clock was set back, give times with their zone."),
                line=line,
            )


def _column(name: str, cells: Sequence[tuple[int, str]]) -> tuple[Literal["number", "boolean", "text"], list[Cell]]:
    """Kind and values of one column; a few words among numbers are refused, because somebody meant numbers."""
    present = [cell for _, cell in cells if cell.casefold() not in _MISSING]
    numeric = sum(_is_number(cell) for cell in present)
    if numeric == len(present):
        return "number", [_number(cell) for _, cell in cells]
    if all(cell.casefold() in _BOOLEANS for cell in present):
        return "boolean", [_BOOLEANS.get(cell.casefold()) for _, cell in cells]
    if numeric * 2 > len(present) or all(_COMMA.fullmatch(cell) for cell in present):
        line, cell = next(
            (line, cell) for line, cell in cells if cell.casefold() not in _MISSING and not _is_number(cell)
        )
        raise BadRecording(
            mark("Line {line}: {cell} in the column {column} is not a number, most others are."),
            remedy=mark("Write numbers with a decimal point and leave cells without a value empty."),
            line=line,
            cell=repr(cell[:60]),
            column=name[:80],
        )
    for line, cell in cells:
        if len(cell) > MAX_TEXT:
            raise BadRecording(
                mark("Line {line}: the text in the column {column} has {length} characters; {most} are kept."),
                line=line,
                column=name[:80],
                length=len(cell),
                most=MAX_TEXT,
            )
    return "text", [cell or None for _, cell in cells]


def _is_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None and math.isfinite(float(cell))


def _number(cell: str) -> float | None:
    return float(cell) if _NUMBER.fullmatch(cell) else None


def _named(headers: Sequence[tuple[str, Literal["number", "boolean", "text"]]]) -> list[Column]:
    columns: list[Column] = []
    taken: set[str] = set()
    for number, (header, kind) in enumerate(headers, start=1):
        name, unit = _bare(header)
        key = _NOT_KEY.sub("_", name.casefold()).strip("_")[:60]
        if not key or not key[0].isalpha():
            key = f"column_{number}" if not key else f"c_{key}"
        while key in taken:
            key = f"{key[:56]}_{number}"
        taken.add(key)
        columns.append(Column(key, name, kind, unit))
    return columns


def _bare(header: str) -> tuple[str, str]:
    """Name and unit of a header such as ``温度(°C)`` or ``Pressure [bar]``."""
    match = _UNIT.fullmatch(header)
    return (match["name"], match["unit"].strip()) if match else (header, "")
