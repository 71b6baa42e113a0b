"""Figures of machines as CSV and XLSX."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _

from gongfu.data.performance import words
from gongfu.data.performance.rules import Loss
from gongfu.data.performance.services import Report
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import export, xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def respond(report: Report, kind: str) -> HttpResponse:
    """The report as a file; raises :class:`NotFound` for another ``kind`` than csv and xlsx."""
    names = words.loss_names()
    losses = [one for one in Loss if one is not Loss.PLANNED]
    heads = [_("Key"), _("Name"), _("Place"), _("Organisation"), _("OEE (%)"), _("OEE at most (%)")]
    heads += [_("Availability (%)"), _("Performance (%)"), _("Quality (%)"), _("Utilisation (%)"), _("Target OEE (%)")]
    heads += [_("Planned (h)"), _("In operation (h)"), _("State known (%)"), _("Pieces"), _("Rejects")]
    heads += [_("Ideal cycle (s)"), _("Energy (kWh)")]
    heads += [f"{names[one]} (h)" for one in losses]
    heads += [_("Notes")]
    rows = []
    for row in report.rows:
        one, device = row.performance, row.device
        cells: list[xlsx.Cell] = [device.key, str(device), str(device.place or ""), str(device.organisation)]
        cells += [one.percent if one.known else None, one.percent]
        cells += [one.availability.percent, one.performance.percent, one.quality.percent, one.utilisation.percent]
        cells += [row.target, _hours(one.sums.planned), _hours(one.sums.states.get("running", 0.0))]
        cells += [round(100 * one.confidence, 1), one.sums.pieces, one.sums.rejects, one.cycle, one.sums.energy]
        spent = {loss: sum(lost.seconds for lost in one.losses if lost.loss is loss) for loss in losses}
        cells += [_hours(spent[loss]) for loss in losses]
        cells.append(" ".join(words.notes(one)))
        rows.append(cells)
    if kind == "csv":
        return _file(export.to_csv(heads, rows), "text/csv; charset=utf-8", kind)
    if kind == "xlsx":
        return _file(xlsx.to_xlsx(_("Performance"), heads, rows), _XLSX, kind)
    raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])


def _hours(seconds: float) -> float:
    return round(seconds / 3600, 3)


def _file(data: bytes, kind: str, ending: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response.headers["Content-Disposition"] = f'attachment; filename="performance.{ending}"'
    return response
