"""The rejected rows of an import: kept in no language, read in any.

One JSON line a row; what belongs to a batch that was not finished lies behind the size the import remembers and is cut
off when it goes on.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from gongfu.identity.bulk.rules import Problem
from gongfu.identity.bulk.table import safe_cell
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark, translate

_MOST = 500  # characters of a cell that the report repeats


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One rejected row; message and remedy are marked templates with ``values``."""

    row: int
    column: str
    value: str
    message: str
    remedy: str
    values: dict[str, str]

    def reason(self, language: str) -> str:
        """Why, in ``language``."""
        return GongfuError(self.message, remedy=self.remedy, **self.values).text(language)


_HEADER = (mark("Row"), mark("Column"), mark("Cell"), mark("Reason"))
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def append(path: Path, size: int, problems: Sequence[Problem]) -> int:
    """Write ``problems`` behind octet ``size``, durably; returns the new size."""
    if not problems and (not path.exists() or path.stat().st_size == size):
        return size
    text = b"".join(_encode(line(problem)) + b"\n" for problem in problems)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return size + len(text)


def read(path: Path, size: int) -> Iterator[Line]:
    """The lines up to octet ``size``."""
    if not path.exists():
        return
    with path.open("rb") as file:
        while file.tell() < size and (text := file.readline()):
            yield _decode(text)


def as_csv(path: Path, size: int, language: str) -> Iterator[bytes]:
    """The report as people download it: UTF-8 with a mark for spreadsheets, no cell a formula."""
    yield b"\xef\xbb\xbf" + _row([translate(name, language) for name in _HEADER])
    for told in read(path, size):
        yield _row([str(told.row), told.column, told.value, told.reason(language)])


def line(problem: Problem) -> Line:
    """``problem`` as it is kept."""
    error = problem.error
    values = {name: str(value)[:_MOST] for name, value in error.values.items()}
    return Line(problem.row, problem.column, problem.value[:_MOST], error.message, error.remedy, values)


def _row(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_MINIMAL).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode()
