"""The operator's reports as a page with charts, and as files."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gongfu.identity.business import clock, reports
from gongfu.identity.business.reports import Asked, By, Row
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.export import to_csv
from gongfu.kernel.pages.xlsx import to_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _names() -> dict[By, str]:
    return {
        By.HOUR: _("Hour"),
        By.DAY: _("Day"),
        By.MONTH: _("Month"),
        By.ENTERPRISE: _("Enterprise"),
        By.INDUSTRY: _("Industry"),
        By.REGION: _("Region"),
    }


def _asked(request: HttpRequest) -> tuple[Asked, list[Row]]:
    user = accounts.user_of(request)
    asked = reports.parse(request.GET.dict(), clock.today())
    return asked, reports.report(user, asked, accounts.active_organisation(request))


@require_safe
def report_page(request: HttpRequest) -> HttpResponse:
    """One report: totals, a chart, the table."""
    asked, rows = _asked(request)
    query = request.GET.copy()
    query["by"], query["from"], query["to"] = asked.by, asked.first.isoformat(), asked.last.isoformat()
    timed = asked.by in (By.HOUR, By.DAY, By.MONTH)
    context = {
        "asked": asked,
        "timed": timed,
        "rows": rows,
        "heading": _names()[asked.by],
        "kinds": list(_names().items()),
        "registrations": sum(row.registrations for row in rows),
        "resolutions": sum(row.resolutions for row in rows),
        "prefixes": registry.prefixes(accounts.user_of(request), accounts.active_organisation(request))[:500],
        "query": query.urlencode(),
    }
    part = request.headers.get("HX-Target") == "report"
    return render(request, "business/_report.html" if part else "business/report.html", context)


@require_safe
def export_page(request: HttpRequest, kind: str) -> HttpResponse:
    """The same report as CSV or XLSX."""
    asked, rows = _asked(request)
    heads = [_names()[asked.by], _("Registrations"), _("Resolutions")]
    table: list[list[str | int | None]] = [[row.label, row.registrations, row.resolutions] for row in rows]
    if asked.by not in (By.HOUR, By.DAY, By.MONTH):
        heads.append(_("Identifiers now"))
        table = [[*line, row.identifiers] for line, row in zip(table, rows, strict=True)]
    if kind == "csv":
        response = HttpResponse(to_csv(heads, table), content_type="text/csv; charset=utf-8")
    elif kind == "xlsx":
        response = HttpResponse(to_xlsx(_("Report"), heads, table), content_type=_XLSX)
    else:
        raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])
    name = f"identifiers-by-{asked.by}-{asked.first:%Y%m%d}-{asked.last:%Y%m%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
