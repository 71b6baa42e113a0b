"""Support rules in the console: documents, the ledger, enterprises, versions."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from gongfu.governance.support import figures, services, versions
from gongfu.governance.support.ledger_pages import enter_page, import_page, template_file
from gongfu.governance.support.models import Beneficiary, LedgerEntry, SchemeVersion
from gongfu.governance.support.permissions import keeps_ledger, sees_ledger
from gongfu.governance.support.schemes import Scheme
from gongfu.governance.support.templatetags.support import cited, yuan
from gongfu.governance.support.trying_pages import try_page
from gongfu.governance.support.weighing_pages import what_if_page
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import nobody
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource, Section, Tab


@require_GET
def documents_page(request: HttpRequest) -> HttpResponse:
    """Every document with its versions, the one of today first."""
    today = timezone.localdate()
    known: dict[str, list[Scheme]] = {}
    for scheme in versions.schemes_of(None):
        known.setdefault(scheme.family, []).append(scheme)
    documents = []
    for found in known.values():
        found.sort(key=lambda one: one.in_force, reverse=True)
        now = next((one for one in found if one.in_force <= today <= one.until), None)
        documents.append((now or found[0], now is not None, found))
    documents.sort(key=lambda one: not one[1])
    user = accounts.user_of(request)
    context = {"documents": documents, "today": today, "official": keeps_ledger.test(user, None)}
    return render(request, "support/documents.html", context)


@require_GET
def document_page(request: HttpRequest, key: str) -> HttpResponse:
    """The document's clauses in its own words beside the rules; ``against`` names a version to compare with."""
    user = accounts.user_of(request)
    scheme = versions.by_key(user, key)
    others = [one for one in versions.schemes_of(None) if one.family == scheme.family and one.key != key]
    earlier = [one for one in others if one.in_force < scheme.in_force]
    chosen = request.GET.get("against", "")
    against = versions.by_key(user, chosen) if chosen else max(earlier, key=lambda one: one.in_force, default=None)
    rows = [
        (clause, figures.form(clause), figures.figures(clause), figures.limits(clause), figures.readings(clause))
        for clause in scheme.clause
    ]
    today = timezone.localdate()
    context = {
        "scheme": scheme,
        "rows": rows,
        "readings": figures.of_scheme(scheme),
        "others": others,
        "against": against,
        "differences": figures.differences(against, scheme) if against else [],
        "in_force": scheme.in_force <= today <= scheme.until and scheme in versions.schemes_of(None),
        "official": keeps_ledger.test(user, None),
    }
    return render(request, "support/document.html", context)


@require_POST
def correct_entry(request: HttpRequest, pk: int) -> HttpResponse:
    """Take an entry back, with the reason."""
    user = accounts.user_of(request)
    entry = LedgerEntry.objects.visible_to(user).select_related("organisation", "enterprise").filter(pk=pk).first()
    if entry is None:
        raise NotFound(mark("There is no such entry."))
    taken, *_rest = services.correct(user, entry, request.POST.get("reason", ""))
    return HttpResponseRedirect(f"/governance/ledger/{taken.pk}/")


def _entries(user: User) -> models.QuerySet[LedgerEntry]:
    return LedgerEntry.objects.visible_to(user).select_related("organisation", "enterprise__member", "corrects")


def _enterprises(user: User) -> models.QuerySet[Beneficiary]:
    return Beneficiary.objects.visible_to(user).select_related("organisation", "member")


def _correcting(request: HttpRequest, entry: LedgerEntry) -> Mapping[str, object]:
    return {
        "may": keeps_ledger.test(accounts.user_of(request), entry),
        "later": LedgerEntry.objects.filter(corrects=entry).first(),
    }


def _history(request: HttpRequest, enterprise: Beneficiary) -> Mapping[str, object]:
    rows = list(LedgerEntry.objects.filter(enterprise=enterprise).order_by("matter", "year", "paid_on", "pk"))
    matters: dict[tuple[str, int], list[LedgerEntry]] = {}
    for row in rows:
        matters.setdefault((row.matter, row.year), []).append(row)
    return {
        "matters": [(name, year, found, sum(one.amount for one in found)) for (name, year), found in matters.items()],
        "total": sum(one.amount for one in rows),
        "may": keeps_ledger.test(accounts.user_of(request), enterprise),
    }


def _save_enterprise(enterprise: Beneficiary, user: User, new: bool) -> None:
    services.require_official(user, enterprise.organisation)
    if new:
        enterprise.created_by = user
    enterprise.save()


_READ_ONLY = Permissions(view=sees_ledger, add=nobody, change=nobody, delete=nobody)

LEDGER: Resource[LedgerEntry] = Resource(
    model=LedgerEntry,
    room="governance",
    slug="ledger",
    icon="list",
    columns=[
        Column("matter"),
        Column("enterprise"),
        Column("clause", render=cited),
        Column("year", render=lambda one: one.year or "–"),
        Column("kind"),
        Column("amount", render=lambda one: yuan(one.amount)),
        Column("paid_on"),
        Column("document"),
        Column("basis", shown=False),
        Column("remark", shown=False),
        Column("organisation", shown=False),
    ],
    search=["matter", "enterprise__name", "enterprise__credit_code", "document"],
    filters=["kind", "scheme", "clause", "year", "enterprise", "organisation"],
    queryset=_entries,
    owner_path="",
    ordering="-paid_on",
    tabs=[Tab("entry", _("Entry"), "support/entry_tab.html", _correcting, may=sees_ledger)],
    permissions=_READ_ONLY,
    empty=_(
        "What enterprises have had stands here: what the office pays enters by itself; earlier payments and those of"
        " other levels are entered or imported."
    ),
)
BENEFICIARIES: Resource[Beneficiary] = Resource(
    model=Beneficiary,
    room="governance",
    slug="beneficiaries",
    icon="building-factory-2",
    columns=[Column("name"), Column("credit_code"), Column("kind"), Column("member"), Column("organisation")],
    search=["name", "credit_code"],
    filters=["kind", "organisation"],
    queryset=_enterprises,
    owner_path="",
    ordering="name",
    form=[Section(_("Enterprise"), ["organisation", "name", "credit_code", "kind", "member"])],
    save=_save_enterprise,
    tabs=[Tab("had", _("What it has had"), "support/had_tab.html", _history, may=sees_ledger)],
    permissions=Permissions(view=sees_ledger, add=keeps_ledger, change=keeps_ledger, delete=nobody),
    empty=_("An enterprise enters with its first payment; or add it here."),
)


def _differences(request: HttpRequest, version: SchemeVersion) -> Mapping[str, object]:
    scheme = versions.built(version)
    base = versions.by_key(accounts.user_of(request), version.based_on)
    return {"differences": figures.differences(base, scheme), "scheme": scheme, "base": base}


VERSIONS: Resource[SchemeVersion] = Resource(
    model=SchemeVersion,
    room="governance",
    slug="versions",
    icon="history",
    columns=[
        Column("version", render=str),
        Column("based_on"),
        Column("begins_on"),
        Column("ends_on"),
        Column("state"),
        Column("reason"),
        Column("organisation", shown=False),
    ],
    search=["version", "reason"],
    filters=["state", "family", "organisation"],
    ordering="-begins_on",
    detail=["family", "version", "based_on", "begins_on", "ends_on", "reason", "state", "proposed_by", "decided_by"],
    tabs=[Tab("differences", _("What changed"), "support/differences_tab.html", _differences, may=keeps_ledger)],
    actions=[
        Action("propose", _("Propose"), versions.propose_step, keeps_ledger, audit=False),
        Action("force", _("Put into force"), versions.force_step, keeps_ledger, dangerous=True, audit=False),
        Action("withdraw", _("Withdraw"), versions.withdraw_step, keeps_ledger, dangerous=True, audit=False),
    ],
    permissions=Permissions(view=keeps_ledger, add=nobody, change=nobody, delete=nobody),
    empty=_("Change figures in the what-if and keep them as a draft: it counts only when a second person agrees."),
)

RESOURCES = (LEDGER, BENEFICIARIES, VERSIONS)
urlpatterns = [
    path("governance/support/", documents_page, name="governance-support"),
    path("governance/support/documents/<str:key>/", document_page, name="governance-support-document"),
    path("governance/support/try/", try_page, name="governance-support-try"),
    path("governance/support/what-if/", what_if_page, name="governance-support-what-if"),
    path("governance/support/enter/", enter_page, name="governance-support-enter"),
    path("governance/support/import/", import_page, name="governance-support-import"),
    path("governance/support/template-<str:kind>.xlsx", template_file, name="governance-support-template"),
    path("governance/ledger/<int:pk>/correct", correct_entry, name="governance-ledger-correct"),
]
