"""标识搜索 in the console: one field, and facets that narrow."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import type_name
from gongfu.identity.search import queries, services
from gongfu.identity.search.services import Found, Question
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark

_FIELDS = ("q", "organisation", "kind", "type", "field", "value", "from", "to", "after")


@dataclass(frozen=True)
class Row:
    """One identifier found."""

    handle: str
    name: str
    kind: str
    owner: str
    modified: dt.datetime
    url: str


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Identifiers that fit. Without the store the page says so and goes on being usable."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    asked = {name: request.GET.get(name, "").strip() for name in _FIELDS}
    if any("\0" in text or len(text) > 400 for text in asked.values()):
        raise Invalid(mark("The parameter {name} cannot be read."), name="q")
    text = asked["q"][: services.MAX_TEXT]
    if asked["field"] and asked["value"] and '"' not in asked["value"]:
        text = f'{text} {asked["field"]}="{asked["value"]}"'.strip()[: services.MAX_TEXT]
    question = Question(
        text,
        _number(asked["organisation"]),
        kind=asked["kind"],
        type=asked["type"],
        start=_day(asked["from"], 0),
        end=_day(asked["to"], 1),
        after=asked["after"],
    )
    found = Found([], "", None, {})
    error: Unavailable | None = None
    facets: dict[str, list[tuple[str, str, int]]] = {}
    names = {str(o.pk): str(o) for o in accounts.visible_organisations(user)}
    try:
        found = services.search(user, question, scope=scope)
        facets = {
            "organisation": [(f.value, names.get(f.value, f.value), f.count) for f in found.facets.get("org", ())],
            "kind": [(f.value, type_name(f.value), f.count) for f in found.facets.get("kind", ())],
            "type": [(f.value, f.value, f.count) for f in found.facets.get("type", ())],
        }
    except Unavailable as down:
        error = down
    onward = request.GET.copy()
    onward["after"] = found.after
    context = asked | {
        "rows": [_row(record) for record in found.records],
        "total": found.total,
        "capped": found.total is not None and found.total > queries.CAP,
        "cap": queries.CAP,
        "facets": facets,
        "error": error.text(get_language()) if error else "",
        "progress": services.progress(),
        "next": onward.urlencode() if found.after else "",
        "may_reindex": is_platform_admin.test(user, None),
        "narrowed": any(asked.values()),
    }
    part = request.headers.get("HX-Target") == "found"
    return render(request, "search/_found.html" if part else "search/search.html", context)


@require_POST
def reindex_page(request: HttpRequest) -> HttpResponse:
    """Build the index anew."""
    services.reindex(accounts.user_of(request))
    messages.success(request, _("The search index is being built anew."))
    return HttpResponseRedirect(reverse("identity-search"))


def _row(record: Record) -> Row:
    return Row(
        str(record.handle),
        record.text("NAME"),
        type_name(record.text("TYPE")),
        record.text("OWNER"),
        dt.datetime.fromtimestamp(record.modified, dt.UTC),
        reverse("identity-identifier", args=[str(record.handle)]),
    )


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Invalid(mark("The parameter {name} cannot be read."), name="organisation")
    return int(text)


def _day(text: str, later: int) -> dt.datetime | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text) + dt.timedelta(days=later)
        return timezone.make_aware(dt.datetime.combine(day, dt.time()))
    except (ValueError, OverflowError) as error:
        raise Invalid(
            mark("{text} is no date."), remedy=mark("Write the date as 2026-11-20."), text=text[:40]
        ) from error


urlpatterns = [
    path("identity/search/", search_page, name="identity-search"),
    path("identity/search/reindex", reindex_page, name="identity-search-reindex"),
]
