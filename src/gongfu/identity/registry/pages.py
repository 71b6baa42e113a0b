"""Prefixes and identifiers in the console, and the page that everybody may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.decorators import login_not_required
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from gongfu.identity.registry import qr, readers, resolving, services
from gongfu.identity.registry.errors import NoIdentifier
from gongfu.identity.registry.models import Prefix
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import Standard, page_url, type_name
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Text
from gongfu.kernel.settings import settings

PAGE = 50
_NAMES: dict[str, Text] = {
    Standard.URL.name: _("Address"),
    Standard.NAME.name: _("Name"),
    Standard.TYPE.name: _("Type"),
    Standard.MANUFACTURER.name: _("Manufacturer"),
    Standard.MODEL.name: _("Product model"),
    Standard.SERIAL_NUMBER.name: _("Serial number"),
    Standard.OWNER.name: _("Enterprise"),
}


@dataclass(frozen=True)
class Row:
    """One identifier in the list."""

    handle: str
    name: str
    kind: str
    owner: str
    modified: dt.datetime
    url: str


def detail_url(handle: str) -> str:
    """Address of an identifier's page in the console."""
    return reverse("identity-identifier", args=[handle])


@require_safe
def identifiers_page(request: HttpRequest) -> HttpResponse:
    """Identifiers of the organisations one may see, narrowed by prefix and by how the suffix starts."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    asked = {name: request.GET.get(name, "").strip() for name in ("prefix", "q", "after")}
    if any("\0" in text or len(text) > 300 for text in asked.values()):
        raise Invalid(mark("The parameter {name} cannot be read."), name="q")
    page = services.identifiers(
        user, prefix=asked["prefix"], search=asked["q"], after=asked["after"], limit=PAGE, scope=scope
    )
    visible = list(services.prefixes(user, scope))
    onward = request.GET.copy()
    onward["after"] = page.after
    context = {
        "rows": [_row(record) for record in page.records],
        "prefixes": visible,
        "chosen": asked["prefix"],
        "q": asked["q"],
        "total": sum(services.count(prefix.name) for prefix in visible),
        "next": onward.urlencode() if page.after else "",
        "later": bool(asked["after"]),
    }
    part = request.headers.get("HX-Target") == "identifiers"
    return render(request, "registry/_identifiers.html" if part else "registry/identifiers.html", context)


@require_safe
def identifier_page(request: HttpRequest, handle: str) -> HttpResponse:
    """One identifier: its values, its QR code, and what the resolver says of it."""
    user = accounts.user_of(request)
    record, prefix = services.identifier_for(user, handle)
    url = page_url(settings().url, str(record.handle))
    lines = readers.reader().lines(record, services.visible_values(user, record))
    context = _shown(record) | {
        "prefix": prefix,
        "values": [(line, _moment(line.value.timestamp)) for line in lines],
        "url": url,
        "qr": qr.svg(url),
        "resolver": f"{settings().host}:{settings().handle_port}",
        "attempt": resolving.attempt(str(record.handle)) if "resolve" in request.GET else None,
    }
    part = request.headers.get("HX-Target") == "resolution"
    return render(request, "registry/_resolution.html" if part else "registry/identifier.html", context)


@login_not_required
@require_safe
def public_page(request: HttpRequest, handle: str) -> HttpResponse:
    """What everybody may know of an identifier: where a QR code leads."""
    record = services.resolve_local(handle)
    if record is None or not record.public:
        raise NoIdentifier(
            mark("There is no identifier {handle} at this node."),
            remedy=mark("Check the characters, or scan the code again."),
            handle=handle[:255],
        )
    others = [
        (line.label or _NAMES.get(line.value.type, line.value.type), line.text)
        for line in readers.reader().lines(record, record.public)
        if line.value.type not in (Standard.NAME.name, Standard.URL.name, Standard.TYPE.name, Standard.OWNER.name)
    ]
    url = page_url(settings().url, str(record.handle))
    context = _shown(record) | {"others": others, "url": url, "qr": qr.svg(url)}
    return render(request, "registry/public.html", context)


def _shown(record: Record) -> dict[str, object]:
    public = {value.type: value.text for value in record.public}
    return {
        "handle": str(record.handle),
        "name": public.get(Standard.NAME.name, "") or record.handle.suffix,
        "kind": type_name(public.get(Standard.TYPE.name, "")),
        "owner": services.owner_of(record),
        "registered": _moment(record.registered),
        "modified": _moment(record.modified),
    }


def _row(record: Record) -> Row:
    return Row(
        str(record.handle),
        record.text(Standard.NAME.name),
        type_name(record.text(Standard.TYPE.name)),
        record.text(Standard.OWNER.name),
        _moment(record.modified),
        detail_url(str(record.handle)),
    )


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


# --- prefixes: generic pages ---


def _save(prefix: Prefix, _user: User, new: bool) -> None:
    if new:
        services.place_prefix(prefix)
        return
    if not Prefix.objects.filter(pk=prefix.pk, name=prefix.name).exists():
        raise Invalid(
            mark("A prefix cannot be renamed: identifiers stand under it."), remedy=mark("Allot another one.")
        )
    prefix.save()


def _suspend(_user: User, prefix: Prefix) -> None:
    services.change_state(prefix, Prefix.State.SUSPENDED)


def _resume(_user: User, prefix: Prefix) -> None:
    services.change_state(prefix, Prefix.State.ACTIVE)


def _lead(request: HttpRequest) -> str:
    visible = list(services.prefixes(accounts.user_of(request), accounts.active_organisation(request)))
    total = sum(services.count(prefix.name) for prefix in visible)
    text = ngettext(
        "%(n)s identifier under %(prefixes)s prefixes", "%(n)s identifiers under %(prefixes)s prefixes", total
    )
    return text % {"n": f"{total:,}", "prefixes": len(visible)}


def _count(prefix: Prefix) -> str:
    number = services.count(prefix.name)
    return format_html('<a href="{}?prefix={}">{}</a>', reverse("identity-identifiers"), prefix.name, f"{number:,}")


PREFIXES: Resource[Prefix] = Resource(
    model=Prefix,
    room="identity",
    slug="prefixes",
    icon="hierarchy-2",
    columns=[
        Column("name"),
        Column("kind"),
        Column("organisation"),
        Column("state"),
        Column("count", _("Identifiers"), render=_count, export=lambda prefix: services.count(prefix.name)),
        Column("created_at", shown=False),
    ],
    search=["name", "organisation__name", "organisation__name_en"],
    filters=["kind", "state", "organisation"],
    ordering="name",
    form=[
        Section(
            _("Prefix"),
            ["organisation", "name"],
            _("An enterprise names its things below its prefix; the resolver answers for it at once."),
        )
    ],
    detail=["name", "kind", "parent", "organisation", "state", "created_at"],
    permissions=Permissions(add=is_platform_admin, change=is_platform_admin, delete=is_platform_admin),
    save=_save,
    remove=lambda prefix, _user: services.remove_prefix(prefix),
    actions=[
        Action("suspend", _("Suspend"), _suspend, may=is_platform_admin, dangerous=True, icon="player-pause"),
        Action("resume", _("Put back in service"), _resume, may=is_platform_admin, icon="player-play"),
    ],
    lead=_lead,
    empty=_("Each enterprise names its things under a prefix of its own. Allot the first one."),
)

RESOURCES: Sequence[Resource[models.Model]] = (PREFIXES,)  # type: ignore[assignment]

urlpatterns = [
    path("identity/identifiers/", identifiers_page, name="identity-identifiers"),
    path("identity/identifiers/<path:handle>", identifier_page, name="identity-identifier"),
    path("id/<path:handle>", public_page, name="identity-public"),
]
