"""Links as files: sending a sheet, the template, and everything on the map as CSV or XLSX."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.kernel import sheets
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import export, xlsx
from gongfu.network.map.topology import Edge
from gongfu.platform.map import importing, looks, sheet
from gongfu.platform.map.drawing_pages import owner_of
from gongfu.platform.map.gathering import Gathered, gather

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EXAMPLE: tuple[xlsx.Cell, ...] = (
    *("#SW-01", "switch", "一车间交换机", "一厂 / 一车间", "192.168.1.2", "1"),
    *("CNC-0001", "device", "", "", "", "LAN1", "wired", "Cat 6", 1000, "in_use", ""),
)


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """A sheet of links; every wrong cell is shown, and then nothing is changed."""
    user = accounts.user_of(request)
    owners = [one for one in Organisation.objects.visible_to(user) if can_edit.test(user, one)]
    if not owners:
        raise Forbidden(mark("You may not change links."), remedy=mark("Ask an administrator."))
    active = accounts.active_organisation(request)
    context: dict[str, object] = {"owners": owners, "active": active, "most": sheet.MOST_ROWS}
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile) or (file.size or 0) > sheets.MOST_BYTES:
                raise Invalid(mark("Send one file of at most {most} MB."), most=sheets.MOST_BYTES // 1_000_000)
            owner = next((one for one in owners if str(one.pk) == request.POST.get("organisation")), owners[0])
            done = importing.take(user, owner, file.read(), (file.name or "")[-100:])
            heads = dict(zip(sheet.HEADINGS, _heads(), strict=True))
            faults = [(one, heads[one.column], one.problem.text(get_language())) for one in done.faults]
            context |= {"done": done, "faults": faults, "owner": owner}
            status = 422 if done.faults else 200
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "map/import.html", context, status=status)


@require_GET
def template_file(request: HttpRequest) -> HttpResponse:
    """The empty sheet with one row as an example."""
    del request
    return _file(xlsx.to_xlsx(_("Links"), _heads(), [list(_EXAMPLE)]), _XLSX, "template", "xlsx")


@require_GET
def export_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Every link on the map: drawn ones, and those that follow from devices, with their quality."""
    owner = owner_of(request)
    gathered = gather(owner, everything=True)
    heads = [
        *(
            _("From equipment"),
            _("Port"),
            _("Far end"),
            _("Port"),
            _("Kind"),
            _("Medium"),
            _("Bandwidth (Mbit/s)"),
            _("State"),
        ),
        *(_("Drawn"), _("Quality"), _("Latency (ms)"), _("Latency p95 (ms)"), _("Jitter (ms)"), _("Loss (%)"), "IPv6"),
    ]
    rows = [_row(gathered, edge) for edge in gathered.topology.edges]
    if kind == "csv":
        return _file(export.to_csv(heads, rows), "text/csv; charset=utf-8", "links", "csv")
    if kind == "xlsx":
        return _file(xlsx.to_xlsx(_("Links"), heads, rows), _XLSX, "links", "xlsx")
    raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])


def _row(gathered: Gathered, edge: Edge) -> list[xlsx.Cell]:
    nodes = gathered.nodes
    link = gathered.links.get(edge.key)
    quality = gathered.qualities.get(edge.b) or gathered.qualities.get(edge.a)
    numbers: Sequence[float | None] = (
        (quality.latency, quality.p95, quality.jitter, None if quality.loss is None else 100 * quality.loss)
        if quality
        else (None, None, None, None)
    )
    return [
        nodes[edge.a].name,
        link.a_port if link else "",
        nodes[edge.b].name,
        link.b_port if link else "",
        looks.kind_names().get(edge.kind, edge.kind),
        link.medium if link else "",
        link.bandwidth if link else None,
        looks.build_names()[edge.build.value],
        _("No") if edge.derived else _("Yes"),
        looks.grade_names()[edge.grade.value],
        *(None if number is None else round(number, 3) for number in numbers),
        looks.ipv6_names()[quality.ipv6] if quality else "",
    ]


def _heads() -> list[str]:
    english = (get_language() or "").startswith("en")
    return [names[1 if english else 0] for names in sheet.HEADINGS.values()]


def _file(data: bytes, media: str, what: str, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=media)
    stamp = timezone.localtime().strftime("%Y%m%d-%H%M")
    response.headers["Content-Disposition"] = f'attachment; filename="network-{what}-{stamp}.{kind}"'
    return response


urlpatterns = [
    path("network/map/links.<str:kind>", export_file, name="network-map-export"),
    path("network/map/import", import_page, name="network-map-import"),
    path("network/map/template.xlsx", template_file, name="network-map-template"),
]
