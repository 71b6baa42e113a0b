"""Bytes of a text file → records → cells. Pure, fuzzed."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.files.options import Place

LONGEST = 200_000
"""Bytes of one record; what is longer is passed over as malformed."""
_MOST_LINES = 200
"""Lines of one record: a quote that nobody closes must not swallow the file."""


class Record(msgspec.Struct, frozen=True):
    """``data`` without its end; ``lines``: how many lines of the file it takes."""

    data: bytes
    lines: int


class Split(msgspec.Struct, frozen=True):
    """Whole records, and how many bytes they take. ``passed``: bytes of a line without end that are given up."""

    records: list[Record]
    size: int
    passed: bool = False


def split(data: bytes, *, final: bool, quotes: bool) -> Split:
    """The whole records at the beginning of ``data``; with ``final`` the last one need not end with a line end.

    With ``quotes`` a record goes on over line ends inside double quotes (RFC 4180 §2.6).
    """
    lines = data.split(b"\n")
    rest = lines.pop()
    if final and rest:
        lines.append(rest)
    records: list[Record] = []
    size = at = 0
    while at < len(lines):
        take = _lines_of_record(lines, at) if quotes and b'"' in lines[at] else 1
        if take == 0 and not final and len(data) - size <= LONGEST and len(lines) - at < _MOST_LINES:
            break  # its end is still to come
        take = take or 1
        body = b"\n".join(lines[at : at + take])
        records.append(Record(body.removesuffix(b"\r"), take))
        size += len(body) + 1
        at += take
    if not records and len(data) > LONGEST:
        return Split([], len(data), passed=True)
    return Split(records, min(size, len(data)))


def _lines_of_record(lines: Sequence[bytes], at: int) -> int:
    """How many lines from ``at`` on have all quotes closed; 0 when they do not."""
    quotes = size = 0
    for count, line in enumerate(lines[at : at + _MOST_LINES], 1):
        quotes += line.count(b'"')
        size += len(line)
        if quotes % 2 == 0:
            return count
        if size > LONGEST:
            break
    return 0


def cells(record: bytes, encoding: str, delimiter: str, line: int) -> list[str]:
    """The cells of a CSV record; raises :class:`Invalid` with the line."""
    text = decoded(record, encoding, line)
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise Invalid(mark("Line {line} is not CSV: {reason}."), line=line, reason=error) from error


def cut(record: bytes, places: Sequence[Place], encoding: str, line: int) -> list[str]:
    """The cells of a line of fixed text; raises :class:`Invalid` with the line."""
    return [decoded(record[place.start : place.stop], encoding, line).strip() for place in places]


def decoded(record: bytes, encoding: str, line: int) -> str:
    """Text of ``record``; raises :class:`Invalid` with the line."""
    try:
        return record.decode(encoding)
    except (UnicodeError, ValueError) as error:
        raise Invalid(
            mark("Line {line} is not text in {encoding}: {reason}."), line=line, encoding=encoding, reason=error
        ) from error
