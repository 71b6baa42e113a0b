"""Rows of a table → samples: of a database, a CSV answer or a file. Pure.

A tag's address is the name of a column, or in a tall table, where a row says what it is about,
``column@key=value``: the column in rows whose column *key* is *value*; several conditions with a comma between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from gongfu.kernel import timestamps
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.kernel.timestamps import BadTime
from gongfu.network.drivers.contract import BadConfiguration, Sample
from gongfu.network.gateway.config import TagConfig

Cell = None | bool | int | float | str | bytes | Decimal | datetime | date
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_WORDS = {"true": True, "on": True, "yes": True, "1": True, "false": False, "off": False, "no": False, "0": False}


class BadRow(Invalid):
    """A row that cannot be read; the others can."""


class Column(msgspec.Struct, frozen=True):
    """An address: the column ``name`` where each (column, value) of ``where`` holds."""

    name: str
    where: tuple[tuple[str, str], ...] = ()


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How rows tell their time."""

    column: str = ""
    """Empty: rows have the time at which they arrive."""
    format: str = ""
    """As Python's strptime has it; empty: ISO 8601 and the like, or a number since 1970."""
    zone: str = "UTC"
    """Of times that do not say."""


def column(address: str) -> Column:
    """Raises :class:`BadConfiguration`."""
    name, at, conditions = address.partition("@")
    where = []
    for condition in conditions.split(",") if at else ():
        key, equals, value = condition.partition("=")
        if not (key.strip() and equals):
            name = ""
        where.append((key.strip(), value.strip()))
    if not name.strip():
        raise BadConfiguration(
            mark("{address} is no address of a column."),
            remedy=mark("Write the column's name, or column@key=value for the rows that have this value there."),
            address=repr(address[:100]),
        )
    return Column(name.strip(), tuple(where))


class RowMapping:
    """How the rows of one device are read."""

    def __init__(self, tags: Sequence[TagConfig], times: Times, decimal: str = ".") -> None:
        self._tags = [(tag, column(tag.address)) for tag in tags]
        self._times = times
        self._zone = zone(times.zone)
        self._decimal = decimal
        if times.format:
            _check_format(times.format)

    def reader(self, names: Sequence[str]) -> RowReader:
        """A reader of rows with these columns; raises :class:`BadRow` when the column of the time is not there."""
        places = {name: place for place, name in reversed(list(enumerate(names)))}
        if self._times.column and self._times.column not in places:
            raise BadRow(
                mark("There is no column {column} for the time; there are {names}."),
                column=self._times.column,
                names=", ".join(names)[:200],
            )
        found: list[_Field] = []
        missing: list[TagConfig] = []
        for tag, address in self._tags:
            if address.name in places and all(key in places for key, _ in address.where):
                where = tuple((places[key], value) for key, value in address.where)
                found.append(_Field(tag.series, tag.kind, places[address.name], where))
            else:
                missing.append(tag)
        return RowReader(found, missing, places.get(self._times.column, -1), self._times, self._zone, self._decimal)


class _Field(msgspec.Struct, frozen=True):
    series: int
    kind: str
    place: int
    where: tuple[tuple[int, str], ...]


class RowReader:
    """Reads rows whose columns are known. ``missing``: tags that these columns do not have."""

    def __init__(
        self,
        fields: Sequence[_Field],
        missing: Sequence[TagConfig],
        time_place: int,
        times: Times,
        zone: ZoneInfo,
        decimal: str,
    ) -> None:
        self.missing = missing
        self._fields = fields
        self._time_place = time_place
        self._times = times
        self._zone = zone
        self._comma = decimal == ","
        self._last = max([time_place, *(field.place for field in fields)], default=-1)

    def samples(self, row: Sequence[Cell], line: int) -> list[Sample]:
        """The samples of ``row``, number ``line``; of an empty cell none, of what does not fit its tag a *bad* one.

        Raises :class:`BadRow` or :class:`BadTime` when the row as a whole cannot be read.
        """
        if len(row) <= self._last:
            raise BadRow(
                mark("Line {line} has {count} cells instead of {wanted}."),
                line=line,
                count=len(row),
                wanted=self._last + 1,
            )
        moment = 0 if self._time_place < 0 else self._moment(row[self._time_place], line)
        samples = []
        for field in self._fields:
            cell = row[field.place]
            if cell == "" or any(not _is(row[place], value) for place, value in field.where):
                continue
            value = self._fit(field.kind, cell)
            quality = Quality.BAD if value is None else Quality.GOOD
            samples.append(Sample(field.series, value, moment, quality))
        return samples

    def _moment(self, cell: Cell, line: int) -> int:
        name = self._times.column
        try:
            match cell:
                case str() if self._times.format:
                    return timestamps.of(datetime.strptime(cell.strip(), self._times.format), self._zone)  # noqa: DTZ007
                case str():
                    return timestamps.parse_one(line, cell.strip(), name, self._zone)
                case datetime():
                    return timestamps.of(cell, self._zone)
                case date():
                    return timestamps.of(datetime.combine(cell, time()), self._zone)
                case bool() | None | bytes():
                    raise ValueError("no time")
                case float() if math.isfinite(cell):
                    return timestamps.parse_one(line, f"{cell:f}", name, self._zone)
                case int() | Decimal():
                    return timestamps.parse_one(line, f"{cell:f}" if cell % 1 else str(int(cell)), name, self._zone)
        except (ValueError, OverflowError, ArithmeticError):
            pass
        raise BadTime(
            mark("Line {line}: {cell} in the column {column} is not a time."),
            remedy=mark("Write times as 2020-03-09 10:14:33.250, with Z or +08:00 if the zone is known."),
            line=line,
            cell=repr(cell)[:60],
            column=name[:80],
        )

    def _fit(self, kind: str, cell: Cell) -> float | bool | str | None:
        match kind, cell:
            case _, None | bytes():
                return None
            case "number", str():
                return self._number(cell.strip())
            case "number", bool() | int() | float() | Decimal():
                return _finite(cell)
            case "boolean", bool():
                return cell
            case "boolean", int() | float() | Decimal():
                return bool(cell) if cell in (0, 1) else None
            case "boolean", str():
                return _WORDS.get(cell.strip().lower())
            case "text", datetime() | date():
                return cell.isoformat()
            case "text", _:
                return str(cell)
            case _:
                return None

    def _number(self, text: str) -> float | None:
        if self._comma:
            text = text.replace(".", "").replace(",", ".")
        return _finite(text) if _NUMBER.fullmatch(text) else None


def _finite(value: str | float | Decimal) -> float | None:
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _is(cell: Cell, value: str) -> bool:
    return (cell.strip() if isinstance(cell, str) else str(cell)) == value


def zone(name: str) -> ZoneInfo:
    """The time zone ``name``; raises :class:`BadConfiguration`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise BadConfiguration(
            mark("There is no time zone {zone}."), remedy=mark("Use a name such as Asia/Shanghai."), zone=name[:60]
        ) from error


def _check_format(form: str) -> None:
    sample = datetime(2023, 11, 22, 14, 33, 44)  # noqa: DTZ001
    try:
        datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007
    except ValueError as error:
        raise BadConfiguration(
            mark("{form} is no form of a time: {reason}."),
            remedy=mark("Write for example %d.%m.%Y %H:%M:%S."),
            form=repr(form[:60]),
            reason=error,
        ) from error
