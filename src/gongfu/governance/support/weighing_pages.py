"""The policy what-if 政策试算: other figures, what they would cost, and keeping them as a draft."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from gongfu.governance.support import figures, sheet, versions, weighing
from gongfu.governance.support.ledger_pages import fault_rows, office_of
from gongfu.governance.support.schemes import Change, Scheme, changed
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark


@require_http_methods(["GET", "POST"])
def what_if_page(request: HttpRequest) -> HttpResponse:
    """Figures to change; POST weighs a sheet or the ledger, or keeps the figures as a draft."""
    user = accounts.user_of(request)
    office = office_of(request)
    given = request.POST if request.method == "POST" else request.GET
    schemes = versions.schemes_of(office)
    today = timezone.localdate()
    first = next((one for one in schemes if one.in_force <= today <= one.until), schemes[0])
    scheme = versions.by_key(user, given.get("scheme", "") or first.key)
    context: dict[str, object] = {
        "office": office,
        "schemes": schemes,
        "scheme": scheme,
        "today": today,
        "given": given,
        "most": sheet.MOST_ROWS,
    }
    status = 200
    if request.method == "POST":
        try:
            changes = _changes(scheme, given)
            if given.get("do") == "draft":
                return HttpResponseRedirect(f"/governance/versions/{_keep(request, office, scheme, changes)}/")
            context |= _weighed(request, office, scheme, changes)
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    context["rows"] = [(clause, _fields(clause.key, scheme, given)) for clause in scheme.clause]
    context["readings"] = [
        (reading.field, figures.options(reading.field), given.get(reading.field) or getattr(scheme, reading.field))
        for reading in figures.of_scheme(scheme)
    ]
    return render(request, "support/what_if.html", context, status=status)


def _fields(key: str, scheme: Scheme, given: Mapping[str, str]) -> dict[str, object]:
    clause = scheme.find(key)
    numbers = [(one, f"{key}:{one.name}", given.get(f"{key}:{one.name}", one.shown)) for one in figures.figures(clause)]
    choices = [
        (f"{key}:{name}", figures.options(name), given.get(f"{key}:{name}") or getattr(clause, name))
        for name in figures.reading_fields(clause)
    ]
    return {"numbers": numbers, "choices": choices}


def _changes(scheme: Scheme, given: Mapping[str, str]) -> dict[str, Change]:
    changes: dict[str, Change] = {}
    for clause in scheme.clause:
        prefix = f"{clause.key}:"
        typed = {name.removeprefix(prefix): str(given[name]) for name in given if name.startswith(prefix)}
        changes |= figures.change_of(clause, typed)
    whole: dict[str, str | int | bool | list[dict[str, str]]] = {
        reading.field: str(given[reading.field])
        for reading in figures.of_scheme(scheme)
        if given.get(reading.field) and given[reading.field] != getattr(scheme, reading.field)
    }
    if whole:
        changes[""] = whole
    changed(scheme, changes)  # says at once what makes no sense
    return changes


def _weighed(
    request: HttpRequest, office: Organisation, scheme: Scheme, changes: Mapping[str, Change]
) -> dict[str, object]:
    file = request.FILES.get("file")
    if isinstance(file, UploadedFile):
        if (file.size or 0) > sheet.MOST_BYTES:
            raise Invalid(mark("The file is larger than {most} MB."), most=sheet.MOST_BYTES // 1_000_000)
        rows, faults = sheet.claims(file.read(), (file.name or "")[-100:])
        if faults:
            return {"faults": fault_rows(faults, sheet.CLAIMS)}
        many = weighing.from_sheet(scheme, rows)
    else:
        many = weighing.from_ledger(scheme, office)
    found = weighing.weigh(scheme, many, changes)
    after = changed(scheme, changes)
    return {
        "found": found,
        "many": many,
        "difference": found.after - found.before,
        "claims": len(many.claims.clause),
        "by_clause": [
            (clause, *found.by_clause[clause.key], found.by_clause[clause.key][1] - found.by_clause[clause.key][0])
            for clause in scheme.clause
            if any(found.by_clause[clause.key])
        ],
        "differences": figures.differences(scheme, after),
    }


def _keep(request: HttpRequest, office: Organisation, scheme: Scheme, changes: Mapping[str, Change]) -> int:
    given = request.POST
    try:
        begins = dt.date.fromisoformat(given.get("begins_on", ""))
        ends = dt.date.fromisoformat(given.get("ends_on", ""))
    except ValueError:
        raise Invalid(mark("A draft needs the days it would begin and end.")) from None
    user = accounts.user_of(request)
    reason, name = given.get("reason", ""), given.get("version", "").strip()
    made = versions.draft(user, office, scheme, changes, version=name, begins_on=begins, ends_on=ends, reason=reason)
    return int(made.pk)
