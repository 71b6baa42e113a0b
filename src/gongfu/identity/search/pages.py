"""标识搜索 in the console: one field, and facets that narrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from gongfu.identity.business import services as business
from gongfu.identity.business.classes import industry_name
from gongfu.identity.business.services import Template
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.values import type_name
from gongfu.identity.search import queries, services
from gongfu.identity.search.errors import WrongComparison
from gongfu.identity.search.services import Found, Question
from gongfu.identity.search.specs import family
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.errors import GongfuError, Invalid, Unavailable
from gongfu.kernel.i18n import mark

_FIELDS = (
    *("q", "organisation", "industry", "kind", "type", "template", "field", "sign", "value"),
    *("from", "to", "after"),
)
_SIGNS = ("=", "≥", "≤")


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
        sign = asked["sign"] if asked["sign"] in _SIGNS else "="
        text = f'{text} {asked["field"]}{sign}"{asked["value"]}"'.strip()[: services.MAX_TEXT]
    question = Question(
        text,
        _number(asked["organisation"]),
        kind=asked["kind"],
        type=asked["type"],
        industry=asked["industry"],
        template=asked["template"],
        start=_day(asked["from"], 0),
        end=_day(asked["to"], 1),
        after=asked["after"],
    )
    found = Found([], "", None, {})
    error: GongfuError | None = None
    templates = {family(each.reference): each for each in business.families(user)}
    try:
        found = services.search(user, question, scope=scope)
    except (Unavailable, WrongComparison) as wrong:
        error = wrong
    onward = request.GET.copy()
    onward["after"] = found.after
    context = asked | {
        "rows": [_row(record) for record in found.records],
        "total": found.total,
        "capped": found.total is not None and found.total > queries.CAP,
        "cap": queries.CAP,
        "facets": _facets(found, templates),
        "error": error.text(get_language()) if error else "",
        "down": isinstance(error, Unavailable),
        "signs": _SIGNS,
        "fields": _field_names(templates.get(family(asked["template"]))),
        "templates": [(reference, _template_name(each)) for reference, each in templates.items()],
        "industries": [(code, industry_name(code, get_language() or "")) for code in business.industries(user)],
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


def _facets(found: Found, templates: Mapping[str, Template]) -> dict[str, list[tuple[str, str, int]]]:
    """Values that narrow, with what people call them."""
    if not found.facets:
        return {}
    language = get_language() or ""
    owners = [int(facet.value) for facet in found.facets["org"]]
    names = {str(owner.pk): str(owner) for owner in Organisation.objects.filter(pk__in=owners)}
    labels: dict[str, tuple[str, Callable[[str], str]]] = {
        "organisation": ("org", lambda value: names.get(value, value)),
        "industry": ("industry", lambda value: industry_name(value, language)),
        "kind": ("kind", type_name),
        "template": ("template", lambda value: _template_name(templates[value]) if value in templates else value),
        "type": ("type", str),
    }
    return {
        name: [(facet.value, label(facet.value), facet.count) for facet in found.facets[kept]]
        for name, (kept, label) in labels.items()
    }


def _template_name(template: Template) -> str:
    return template.name_en if (get_language() or "").startswith("en") else template.name


def _field_names(template: Template | None) -> list[tuple[str, str]]:
    """Fields one may ask for, with name and unit."""
    language = get_language() or ""
    return [
        (field.key, " ".join(filter(None, (field.name.in_language(language), field.unit))))
        for field in (template.spec.fields if template else ())
    ]


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
