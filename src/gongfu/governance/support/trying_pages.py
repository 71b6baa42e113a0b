"""The calculator 试算: what several clauses would give together, explained line by line; saves nothing."""

from __future__ import annotations

import datetime as dt

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from gongfu.governance.support import figures, trying, versions
from gongfu.governance.support.models import Beneficiary
from gongfu.governance.support.schemes import Scheme, in_force
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark

_MOST_ENTERPRISES = 500


@require_GET
def try_page(request: HttpRequest) -> HttpResponse:
    """Form and result in one; the address holds everything that was typed, so that it can be sent and printed."""
    user = accounts.user_of(request)
    given, today = request.GET, timezone.localdate()
    context: dict[str, object] = {"today": today, "kinds": Beneficiary.Kind.choices}
    status = 200
    try:
        enterprise = _enterprise(user, given.get("enterprise", ""))
        known = versions.schemes_of(enterprise.organisation if enterprise else None)
        on = _day(given.get("on", ""), today)
        scheme, note = _scheme(user, known, given.get("document", ""), on, today)
        if note:
            context["note"] = note.text(get_language())
        if scheme.until < on or on < scheme.in_force:
            on = min(max(on, scheme.in_force), scheme.until) if "on" not in given else on
        trial = trying.read(given, scheme, on, enterprise)
        context |= {
            "trial": trial,
            "documents": {one.family: one for one in known}.values(),
            "readings": figures.of_scheme(scheme),
            "enterprises": Beneficiary.objects.visible_to(user).order_by("name")[:_MOST_ENTERPRISES],
            "faults": [(row, row.problem.text(get_language())) for row in trial.rows if row.problem],
        }
        status = 422 if context["faults"] else 200
    except GongfuError as error:
        context |= {"error": error.text(get_language()), "documents": versions.schemes_of(None)}
        status = error.http_status
    return render(request, "support/try.html", context, status=status)


def _enterprise(user: User, key: str) -> Beneficiary | None:
    if not key:
        return None
    found = Beneficiary.objects.visible_to(user).select_related("organisation")
    enterprise = found.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
    if enterprise is None:
        raise NotFound(mark("There is no such enterprise in the ledger."))
    return enterprise


def _day(text: str, today: dt.date) -> dt.date:
    if not text:
        return today
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise Invalid(mark("{value} is no date."), value=repr(text[:40])) from None


def _scheme(
    user: User, known: tuple[Scheme, ...], wanted: str, on: dt.date, today: dt.date
) -> tuple[Scheme, GongfuError | None]:
    """The version of that day, or a version asked for by its key; and why it is not the one of that day."""
    if "-" in wanted:
        scheme = versions.by_key(user, wanted)
        note = None if scheme in known else Invalid(mark("A draft: nobody is judged by it."))
        return scheme, note
    families = [one.family for one in known if one.in_force <= on <= one.until] or [known[0].family]
    family = wanted or families[0]
    try:
        return in_force(known, family, on), None
    except NotFound as error:
        found = [one for one in known if one.family == family]
        if not found:
            raise
        return max(found, key=lambda one: one.in_force), error
