"""The node at a glance, an enterprise's own page, and the two buttons that need a form of their own."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from gongfu.identity.business import clock, counting, rules, services
from gongfu.identity.business.forms import TermsForm
from gongfu.identity.business.models import Application, Contract, Template
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, is_platform_admin
from gongfu.kernel.errors import Conflict, NotFound
from gongfu.kernel.i18n import mark

TOP = 10


@dataclass(frozen=True)
class ContractUse:
    """How much of its quotas a contract has used."""

    identifiers: rules.Use
    today: rules.Use


@dataclass(frozen=True)
class Resolved:
    """One enterprise's resolutions."""

    prefix: str
    name: str
    today: int
    per_second: float
    use: rules.Use


def use_of(contract: Contract) -> ContractUse:
    """Identifiers and today's resolutions of one contract."""
    today = counting.resolutions().today.get(contract.prefix.name.upper(), 0)
    return ContractUse(contract.use, rules.Use(today, contract.daily_resolutions))


@never_cache
@require_safe
def overview_page(request: HttpRequest) -> HttpResponse:
    """Prefixes, enterprises, identifiers, who resolves what, what waits; with htmx only what moves."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    prefixes = list(registry.prefixes(user, scope))
    contracts = {contract.prefix_id: contract for contract in services.contracts(user, scope)}
    resolved = counting.resolutions()
    rates = resolved.per_second or {}
    lines = []
    for prefix in prefixes:
        contract = contracts.get(prefix.pk)
        today = resolved.today.get(prefix.name, 0)
        name = contract.enterprise if contract else str(prefix.organisation)
        use = rules.Use(today, contract.daily_resolutions if contract else 0)
        lines.append(Resolved(prefix.name, name, today, rates.get(prefix.name, 0.0), use))
    ending = [c for c in contracts.values() if c.state == Contract.State.ACTIVE and c.days_left <= max(rules.REMINDERS)]
    full = [c for c in contracts.values() if c.use.level in (rules.Level.NEAR, rules.Level.SPENT)]
    context = {
        "prefixes": len(prefixes),
        "enterprises": len({prefix.organisation_id for prefix in prefixes if prefix.kind == "enterprise"}),
        "identifiers": sum(registry.count(prefix.name) for prefix in prefixes),
        "today": sum(line.today for line in lines),
        "rate": sum(line.per_second for line in lines) if resolved.per_second is not None else None,
        "lines": sorted((line for line in lines if line.today), key=lambda line: -line.today)[:TOP],
        "most": max((line.today for line in lines), default=0),
        "ending": sorted(ending, key=lambda contract: contract.ends_on)[:TOP],
        "full": sorted(full, key=lambda contract: -contract.use.share)[:TOP],
        "applications": _queue(user)[:TOP],
        "is_operator": is_platform_admin.test(user, None),
        "waiting": services.waiting(user).count(),
    }
    part = request.headers.get("HX-Target") == "overview"
    return render(request, "business/_overview.html" if part else "business/overview.html", context)


def _queue(user: User) -> list[Application]:
    state = Application.State.SUBMITTED if is_platform_admin.test(user, None) else Application.State.RETURNED
    return list(Application.objects.visible_to(user).filter(state=state).order_by("submitted_at")[:TOP])


@never_cache
@require_safe
def mine_page(request: HttpRequest) -> HttpResponse:
    """What an enterprise has and may do: prefixes, use, contract, templates, what waits for it."""
    user = accounts.user_of(request)
    scope = accounts.active_organisation(request)
    own = [
        m.organisation for m in user.memberships_cached if scope is None or m.organisation.path.startswith(scope.path)
    ]
    today = clock.today()
    contracts = list(services.contracts(user).filter(organisation__in=own))
    with_contract = {contract.prefix_id for contract in contracts}
    prefixes = registry.prefixes(user).filter(organisation__in=own, kind="enterprise")
    context = {
        "cards": [(contract, use_of(contract), can_edit.test(user, contract)) for contract in contracts],
        "bare": [(prefix, registry.count(prefix.name)) for prefix in prefixes if prefix.pk not in with_contract],
        "applications": Application.objects.filter(organisation__in=own).exclude(
            state__in=(Application.State.ALLOTTED, Application.State.WITHDRAWN)
        )[:TOP],
        "templates": Template.objects.visible_to(user).filter(state=Template.State.PUBLISHED)[:50],
        "shared": services.grants_to(user, today)[:50],
        "may_apply": any(can_edit.test(user, organisation) for organisation in own),
        "reminders": max(rules.REMINDERS),
    }
    return render(request, "business/mine.html", context)


@require_POST
def accept_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Accept an application on the terms of the review's form."""
    user = accounts.user_of(request)
    application = Application.objects.visible_to(user).filter(pk=pk).first()
    if application is None:
        raise _missing(pk)
    form = TermsForm(request.POST)
    if not form.is_valid():
        context = {"object": application, "form": form}
        return render(request, "business/review_page.html", context, status=422)
    done = services.accept(user, application, form.terms, form.cleaned_data["reason"])
    messages.success(request, _("%(thing)s: accepted.") % {"thing": done})
    return redirect("identity-applications-detail", done.pk)


@require_POST
def renew_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin an application that renews a contract."""
    user = accounts.user_of(request)
    contract = services.contracts(user).filter(pk=pk).first()
    if contract is None:
        raise _missing(pk)
    if contract.state == Contract.State.REVOKED:
        raise Conflict(
            mark("The contract of {prefix} is revoked."),
            remedy=mark("Apply for another prefix."),
            prefix=contract.prefix.name,
        )
    application = services.renewal(user, contract)
    where = "identity-applications-edit" if application.editable else "identity-applications-detail"
    return redirect(where, application.pk)


def _missing(key: int) -> NotFound:
    return NotFound(mark("There is nothing with the key {key}."), remedy=mark("Look in the list."), key=key)
