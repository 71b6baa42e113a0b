"""Devices as files: upload with a look before anything changes, export, template."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound, unpacked
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.pages import export
from gongfu.kernel.pages.errors import TooLarge
from gongfu.platform.devices import (
    files,
    importing,
    running,
    services,
    setup_form,
    sheet_writing,
    sheets,
    version_pages,
)
from gongfu.platform.devices.document import LABELS
from gongfu.platform.devices.models import Device, Import
from gongfu.platform.devices.sheet_cells import HEADS

_SHOWN = 30
_FAULTS_SHOWN = 200
_FORM_ROOM = 64 * 1024
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST_EXPORTED = 20_000


@csrf_exempt  # the token is in the body: the size is looked at before that is read
def sheets_page(request: HttpRequest) -> HttpResponse:
    """What was imported, and a new file."""
    length = request.META.get("CONTENT_LENGTH", "")
    if length.isascii() and length.isdigit() and int(length) > sheets.MOST_BYTES + _FORM_ROOM:
        raise TooLarge(mark("The file is larger than {most} MB."), most=sheets.MOST_BYTES // 1_000_000)
    return _sheets_page(request)


@csrf_protect
@require_http_methods(["GET", "POST"])
def _sheets_page(request: HttpRequest) -> HttpResponse:
    user = accounts.user_of(request)
    owner = setup_form.owner(request)
    context: dict[str, object] = {"megabytes": sheets.MOST_BYTES // 1_000_000}
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile):
                raise Invalid(mark("No file was sent."), remedy=mark("Choose one."))
            made = running.upload(user, owner, file, request.POST.get("why", "").replace("\0", ""))
            return HttpResponseRedirect(f"/platform/sheets/{made.pk}/")
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    context["imports"] = Import.objects.visible_to(user).select_related("created_by")[:_SHOWN]
    return render(request, "devices/sheets.html", context, status=status)


@require_GET
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """How far an import is; then every wrong cell, or what it changes."""
    user = accounts.user_of(request)
    made = running.import_for(user, pk)
    job = made.job
    busy = (
        made.state in (Import.State.WAITING, Import.State.APPLYING)
        and job is not None
        and job.state != job.State.FAILED
    )
    report = running.report_of(made)
    language = get_language()
    context = {
        "made": made,
        "job": job,
        "busy": busy,
        "report": report,
        "faults": [
            (one.where, _head(one.column), one.value, unpacked(one.problem, language))
            for one in report.faults[:_FAULTS_SHOWN]
        ],
        "more_faults": max(0, len(report.faults) - _FAULTS_SHOWN),
        "devices": [(one, version_pages.lines(one.changes)) for one in report.devices],
        "may": can_edit.test(user, made) and made.state == Import.State.CHECKED and not report.faults,
        "changes": report.created + report.changed + report.proposed,
    }
    part = request.headers.get("HX-Target") == "import"
    return render(request, "devices/_import.html" if part else "devices/import.html", context)


@require_POST
def apply_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Apply it."""
    user = accounts.user_of(request)
    made = running.import_for(user, pk)
    if not can_edit.test(user, made):
        raise Forbidden(mark("You may not do this."), remedy=mark("Ask an administrator."))
    running.start(user, made)
    return HttpResponseRedirect(f"/platform/sheets/{made.pk}/")


@require_GET
def template_file(request: HttpRequest) -> HttpResponse:
    """The empty workbook."""
    return _file(sheet_writing.template(get_language() or ""), _XLSX, "gongfu-devices-template.xlsx")


@require_GET
def export_file(request: HttpRequest, kind: str) -> HttpResponse:
    """Every device that the user may see."""
    user = accounts.user_of(request)
    active = accounts.active_organisation(request)
    found = Device.objects.visible_to(user)
    if active is not None:
        found = found.filter(organisation__path__startswith=active.path)
    if found.count() > _MOST_EXPORTED:
        raise Invalid(mark("More than {most} devices are too many for one file."), most=_MOST_EXPORTED)
    devices = importing.documents(found)
    stamp = timezone.localtime().strftime("%Y%m%d-%H%M")
    match kind:
        case "xlsx":
            data, media = sheet_writing.workbook(devices, get_language() or ""), _XLSX
        case "devices.csv" | "tags.csv":
            heads, rows = sheet_writing.table(kind.partition(".")[0], devices)
            data, media = export.to_csv(heads, rows), "text/csv; charset=utf-8"  # type: ignore[arg-type]
        case "toml":
            data, media = files.to_toml(devices).encode(), "application/toml; charset=utf-8"
        case "json":
            data, media = files.to_json(devices).encode(), "application/json"
        case _:
            raise NotFound(mark("There is no export as {kind}."), remedy=mark("Use csv or xlsx."), kind=kind[:20])
    name = kind.rpartition(".")
    return _file(data, media, f"{name[0] or 'devices'}-{stamp}.{name[2]}")


@require_GET
def device_file(request: HttpRequest, pk: int) -> HttpResponse:
    """One device as TOML."""
    device = services.device_for(accounts.user_of(request), pk)
    text = files.to_toml(importing.documents(Device.objects.filter(pk=device.pk)))
    return _file(text.encode(), "application/toml; charset=utf-8", f"{device.key}.toml")


def _head(column: str) -> str:
    if column in HEADS:
        return translate(HEADS[column])
    return translate(LABELS[column]) if column in LABELS else column or _("the file")


def _file(data: bytes, media: str, name: str) -> HttpResponse:
    response = HttpResponse(data, content_type=media)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


urlpatterns = [
    path("platform/sheets/", sheets_page, name="platform-sheets"),
    path("platform/sheets/template.xlsx", template_file, name="platform-sheets-template"),
    path("platform/sheets/export.<str:kind>", export_file, name="platform-sheets-export"),
    path("platform/sheets/<int:pk>/", import_page, name="platform-sheet"),
    path("platform/sheets/<int:pk>/apply", apply_page, name="platform-sheet-apply"),
    path("platform/devices/<int:pk>/file.toml", device_file, name="platform-devices-file"),
]
