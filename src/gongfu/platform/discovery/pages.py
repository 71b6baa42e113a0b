"""Discovery in the console: what to look for, how far it is, what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin, nobody
from gongfu.kernel.errors import Forbidden, GongfuError
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.pages.resource import Column, Permissions, Resource, Section
from gongfu.network.discovery.probes import probes
from gongfu.network.discovery.shapes import Order
from gongfu.network.models import library
from gongfu.platform.devices.models import Device
from gongfu.platform.discovery import services
from gongfu.platform.discovery.models import Finding, Scan, ScanPermit

_SHOWN = 20


@dataclass(frozen=True)
class Line:
    """A finding as the table shows it."""

    finding: Finding
    device: Device | None
    model: str
    percent: int
    product: str
    detail: str
    """Both in the reader's language where the words are ours."""


@require_http_methods(["GET", "POST"])
def discovery_page(request: HttpRequest) -> HttpResponse:
    """Start a scan; the last ones."""
    user = accounts.user_of(request)
    owners = _owners(request)
    if not owners:
        raise Forbidden(
            mark("You may not look for devices here."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    chosen = next((one for one in owners if str(one.pk) == request.POST.get("organisation", "")), owners[0])
    sent = request.method == "POST"
    ticked = request.POST.getlist("probe") if sent else [name for name in probes() if name != "web"]
    context: dict[str, object] = {}
    status = 200
    if sent:
        try:
            order = Order(
                targets=_clean(request, "targets"),
                wishes=services.wishes(ticked, _clean(request, "ports")),
                browse=bool(request.POST.get("browse")),
            )
            made = services.start(user, chosen, order)
            return HttpResponseRedirect(f"/platform/discovery/{made.pk}/")
        except GongfuError as error:
            context["problem"] = error.text(get_language())
            status = error.http_status
    permit = services.permit_of(chosen)
    scans = [
        services.collect(scan)
        for scan in Scan.objects.visible_to(user).select_related("organisation", "created_by")[:_SHOWN]
    ]
    context |= {
        "owners": owners,
        "chosen": chosen,
        "permit": permit,
        "probes": [(one, one.name in ticked) for one in sorted(probes().values(), key=lambda one: one.protocol)],
        "targets": _clean(request, "targets") if sent else "",
        "ports": _clean(request, "ports"),
        "browse": not sent or request.POST.get("browse"),
        "scans": scans,
        "may_permit": is_platform_admin.test(user),
    }
    return render(request, "discovery/discovery.html", context, status=status)


@require_GET
def scan_page(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a scan is, and what it has found."""
    user = accounts.user_of(request)
    scan = services.collect(services.scan_for(user, pk))
    findings = list(scan.findings.all())
    devices = services.configured(scan.organisation, findings)
    context = {
        "scan": scan,
        "busy": scan.state == Scan.State.RUNNING,
        "lines": [_line(finding, devices.get(finding.pk)) for finding in findings],
        "gone": services.gone(scan),
        "may": can_edit.test(user, scan),
    }
    part = request.headers.get("HX-Target") == "scan"
    return render(request, "discovery/_scan.html" if part else "discovery/scan.html", context)


@require_POST
def stop_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it."""
    user = accounts.user_of(request)
    services.stop(user, services.scan_for(user, pk))
    return HttpResponseRedirect(f"/platform/discovery/{pk}/")


def _line(finding: Finding, device: Device | None) -> Line:
    best = finding.proposals[0] if finding.proposals else None
    known = {model.id: model for model in library.types()}
    model = known.get(best[0]) if best else None
    name = model.name.in_language(get_language() or "") if model else ""
    percent = round(100 * best[1]) if best and model else 0
    if finding.probe != "mqtt-broker":  # a web page's title is its own
        return Line(finding, device, name, percent, finding.product, finding.detail)
    return Line(finding, device, name, percent, translate(finding.product), translate(finding.detail))


def _owners(request: HttpRequest) -> list[Organisation]:
    user = accounts.user_of(request)
    active = accounts.active_organisation(request)
    found = [one for one in Organisation.objects.visible_to(user) if can_edit.test(user, one)]
    return sorted(found, key=lambda one: one != active)


def _clean(request: HttpRequest, name: str) -> str:
    return request.POST.get(name, "").replace("\0", "").encode("utf-8", "replace").decode()[:2000].strip()


FINDINGS: Resource[Finding] = Resource(
    model=Finding,
    room="platform",
    slug="findings",
    icon="list-check",
    columns=[
        Column("address"),
        Column("port"),
        Column("protocol"),
        Column("vendor"),
        Column("product"),
        Column("serial_number"),
        Column("version", shown=False),
        Column("news"),
        Column("created_at"),
        Column("organisation", shown=False),
    ],
    search=["address", "vendor", "product", "serial_number", "protocol"],
    filters=["protocol", "news", "organisation"],
    ordering="-created_at",
    detail=[
        *("address", "port", "protocol", "driver", "vendor", "product", "version", "serial_number", "detail", "news"),
        *("scan", "organisation", "created_at"),
    ],
    permissions=Permissions(add=nobody, change=nobody, delete=nobody),
    empty=_("What scans of the network found stands here. Start one under Discovery."),
)

PERMITS: Resource[ScanPermit] = Resource(
    model=ScanPermit,
    room="platform",
    slug="scan-permits",
    icon="user-check",
    columns=[Column("organisation"), Column("enabled"), Column("networks"), Column("gateway")],
    form=[
        Section(
            _("Who may scan what"),
            ["organisation", "enabled", "networks", "gateway"],
            _("Engineers of the organisation may then look for devices there. The audit log has every scan."),
        )
    ],
    permissions=Permissions(add=is_platform_admin, change=is_platform_admin, delete=is_platform_admin),
    empty=_("Nobody may scan anything until an administrator of the platform permits networks here."),
)

RESOURCES: Sequence[Resource[models.Model]] = (FINDINGS, PERMITS)  # type: ignore[assignment]
urlpatterns = [
    path("platform/discovery/", discovery_page, name="platform-discovery"),
    path("platform/discovery/<int:pk>/", scan_page, name="platform-discovery-scan"),
    path("platform/discovery/<int:pk>/stop", stop_page, name="platform-discovery-stop"),
]
