"""Lists as files: CSV that Excel opens with Chinese intact, and XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from django.db import models
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import cells
from gongfu.kernel.pages.resource import Column, Resource
from gongfu.kernel.pages.xlsx import Cell, to_xlsx

MAX_ROWS = 100_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def respond(
    resource: Resource[models.Model],
    columns: Sequence[Column[models.Model]],
    found: QuerySet[models.Model],
    kind: str,
) -> HttpResponse:
    """``found`` as a file of ``kind`` csv or xlsx; raises :class:`Invalid` above :data:`MAX_ROWS`."""
    total = found.order_by().count()
    if total > MAX_ROWS:
        raise Invalid(
            mark("{total} rows are too many for one file."),
            remedy=mark("Narrow the list to {most} rows, or read them page by page through the API."),
            total=total,
            most=MAX_ROWS,
        )
    heads = [cells.label(resource, column) for column in columns]
    rows = ([cells.plain(column, thing) for column in columns] for thing in found.iterator(chunk_size=2000))
    if kind == "csv":
        response = HttpResponse(to_csv(heads, rows), content_type="text/csv; charset=utf-8")
    elif kind == "xlsx":
        response = HttpResponse(to_xlsx(resource.label_plural, heads, rows), content_type=_XLSX)
    else:
        raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])
    stamp = timezone.localtime().strftime("%Y%m%d-%H%M")
    response.headers["Content-Disposition"] = f'attachment; filename="{resource.slug}-{stamp}.{kind}"'
    return response


def to_csv(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> bytes:
    """RFC 4180 in UTF-8 with a byte order mark, without which Excel reads Chinese as something else."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_harmless(value) for value in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _harmless(value: Cell) -> Cell:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front (CWE-1236)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return value
