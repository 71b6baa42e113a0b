"""Times as recorders and databases write them → microseconds UTC. Pure.

Read: ISO 8601 with ``T`` or a blank, ``2020/03/09 10:14:33``, fractions to the microsecond, ``Z`` or an offset;
or numbers: seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by their size.
Not read: dates that begin with a day or a month, because nobody can tell which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE = re.compile(
    r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    r"(?:[T ]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?)?"
    r"\s*(?P<zone>Z|z|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
_NUMBER = re.compile(r"\d{9,19}(?:\.\d{1,9})?", re.ASCII)
_DAY_FIRST = re.compile(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}.*", re.ASCII)
_SCALES = ((10**11, 10**6), (10**14, 10**3), (10**17, 1))
"""Below the first number a value counts in units of so many microseconds; above the last, nanoseconds."""


class BadTime(Invalid):
    """A cell that cannot be read as one moment."""


def looks_like(cell: str) -> bool:
    """Whether the cell is written like a date."""
    return _DATE.fullmatch(cell) is not None or (_DAY_FIRST.fullmatch(cell) is not None)


def parse(cells: Sequence[tuple[int, str]], column: str, zone: ZoneInfo) -> tuple[list[int], bool]:
    """Times of ``(line, cell)`` and whether they were local to ``zone``. Raises :class:`BadTime` with the line."""
    times: list[int] = []
    local = False
    for line, cell in cells:
        match = _DATE.fullmatch(cell)
        local = local or (match is not None and match["zone"] is None)
        times.append(parse_one(line, cell, column, zone))
    return times, local


def parse_one(line: int, cell: str, column: str, zone: ZoneInfo) -> int:
    """The time in one cell. Raises :class:`BadTime` with the line."""
    match = _DATE.fullmatch(cell)
    if match is not None:
        return _date(match, line, cell, zone)
    if _NUMBER.fullmatch(cell):
        return _number(line, cell)
    raise _bad(line, cell, column)


def of(moment: datetime, zone: ZoneInfo) -> int:
    """Microseconds UTC of ``moment``, which is local to ``zone`` unless it says otherwise.

    Raises ``ValueError`` for a time that a clock of the zone never shows, when it is put forward.
    """
    if moment.tzinfo is not None:
        return (moment - _EPOCH) // _MICROSECOND
    there = moment.replace(tzinfo=zone).astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != moment:
        raise ValueError(f"there is no such time in {zone.key}")
    return (there - _EPOCH) // _MICROSECOND


def _bad(line: int, cell: str, column: str) -> BadTime:
    if _DAY_FIRST.fullmatch(cell):
        return BadTime(
            mark("Line {line}: {cell} may be a day or a month first."),
            remedy=mark("Write dates as 2020-03-09 10:14:33."),
            line=line,
            cell=repr(cell[:60]),
        )
    return BadTime(
        mark("Line {line}: {cell} in the column {column} is not a time."),
        remedy=mark("Write times as 2020-03-09 10:14:33.250, with Z or +08:00 if the zone is known."),
        line=line,
        cell=repr(cell[:60]),
        column=column[:80],
    )


def _date(match: re.Match[str], line: int, cell: str, zone: ZoneInfo) -> int:
    fraction = (match["fraction"] or "").ljust(6, "0")
    try:
        if fraction[6:].strip("0"):
            raise ValueError("finer than a microsecond")
        moment = datetime(  # noqa: DTZ001 - the zone follows
            int(match["year"]),
            int(match["month"]),
            int(match["day"]),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            int(fraction[:6]),
        )
        if match["zone"]:
            sign = match["zone"].replace("z", "Z").replace("Z", "+00:00")
            moment = datetime.fromisoformat(f"{moment.isoformat()}{sign}")
        return of(moment, zone)
    except (ValueError, OverflowError) as error:
        raise BadTime(
            mark("Line {line}: there is no time {cell}: {reason}."), line=line, cell=repr(cell[:60]), reason=error
        ) from error


def _number(line: int, cell: str) -> int:
    value = Decimal(cell)
    micros = next((value * scale for below, scale in _SCALES if value < below), value / 1000)
    if micros != int(micros):
        raise BadTime(
            mark("Line {line}: {cell} is finer than a microsecond."),
            remedy=mark("Round the times to microseconds."),
            line=line,
            cell=cell,
        )
    return int(micros)
