"""Bringing payments into the ledger: by hand and from a sheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_http_methods

from gongfu.governance.support import importing, services, sheet, trying, versions
from gongfu.governance.support.models import Beneficiary, LedgerEntry
from gongfu.governance.support.permissions import offices_of
from gongfu.governance.support.services import Draft
from gongfu.governance.support.sheet import Fault
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import xlsx
from gongfu.kernel.sheets import Headings

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_EXAMPLES: dict[str, list[xlsx.Cell]] = {
    "payments": [
        *("青浦示例机械有限公司", "# 91310118MA1JL0000N", "2023年度上云费用", "qingpu", "3.1", 2023, "拨付", 8500),
        *("2024-06-30", "青科委〔2024〕1号", 12000, ""),
    ],
    "claims": ["# 青浦示例机械有限公司", "2023年度上云费用", "3.1", 2023, 12000, 0, "是"],
}


def office_of(request: HttpRequest) -> Organisation:
    """The office the official works for: the active organisation if it is one. Raises :class:`Forbidden`."""
    offices = offices_of(accounts.user_of(request))
    if not offices:
        raise Forbidden(
            mark("Only officials of an authority keep the ledger of support."),
            remedy=mark("Ask an administrator of the authority for the role of an engineer."),
        )
    asked = request.POST.get("organisation", "")
    active = accounts.active_organisation(request)
    return next((one for one in offices if str(one.pk) == asked), None) or (
        active if active is not None and active in offices else offices[0]
    )


def fault_rows(faults: Sequence[Fault], headings: Headings) -> list[tuple[Fault, str, str]]:
    """Each with its heading and what is wrong in the reader's language."""
    place = 1 if (get_language() or "").startswith("en") else 0
    return [
        (one, headings[one.column][place] if one.column in headings else "", one.problem.text(get_language()))
        for one in faults
    ]


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """A sheet of payments; every wrong row is shown, and then nothing is changed."""
    user, office = accounts.user_of(request), office_of(request)
    context: dict[str, object] = {"office": office, "offices": offices_of(user), "most": sheet.MOST_PAYMENTS}
    status = 200
    if request.method == "POST":
        try:
            file = request.FILES.get("file")
            if not isinstance(file, UploadedFile) or (file.size or 0) > sheet.MOST_BYTES:
                raise Invalid(mark("Send one file of at most {most} MB."), most=sheet.MOST_BYTES // 1_000_000)
            done = importing.take(user, office, file.read(), (file.name or "")[-100:])
            context |= {"done": done, "faults": fault_rows(done.faults, sheet.PAYMENTS)}
            status = 422 if done.faults else 200
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "support/import.html", context, status=status)


@require_GET
def template_file(request: HttpRequest, kind: str) -> HttpResponse:
    """An empty sheet of ``payments`` or ``claims`` with one row as an example."""
    headings = {"payments": sheet.PAYMENTS, "claims": sheet.CLAIMS}.get(kind)
    if headings is None:
        raise NotFound(mark("There is no template {kind}."), kind=repr(kind[:20]))
    place = 1 if (get_language() or "").startswith("en") else 0
    heads = [names[place] for names in headings.values()]
    response = HttpResponse(xlsx.to_xlsx(kind, heads, [_EXAMPLES[kind]]), content_type=_XLSX)
    response.headers["Content-Disposition"] = f'attachment; filename="{kind}.xlsx"'
    return response


@require_http_methods(["GET", "POST"])
def enter_page(request: HttpRequest) -> HttpResponse:
    """One payment, claw-back or sum of another level by hand."""
    user, office = accounts.user_of(request), office_of(request)
    context: dict[str, object] = {
        "office": office,
        "offices": offices_of(user),
        "kinds": [choice for choice in LedgerEntry.Kind.choices if choice[0] != LedgerEntry.Kind.REVERSAL],
        "schemes": {one.family: one for one in versions.schemes_of(office)}.values(),
        "today": timezone.localdate(),
        "given": request.POST if request.method == "POST" else request.GET,
    }
    status = 200
    known = request.GET.get("enterprise", "")
    if known.isdecimal() and len(known) < 19:
        enterprise = Beneficiary.objects.filter(organisation=office, pk=known).first()
        if enterprise is not None:
            context["given"] = {"name": enterprise.name, "credit_code": enterprise.credit_code}
    if request.method == "POST":
        try:
            given = request.POST
            draft = _draft(request)
            name, code = given.get("name", ""), given.get("credit_code", "")
            enterprise = services.enterprise_called(user, office, name, code)
            entry = services.enter(user, enterprise, draft)
            return HttpResponseRedirect(f"/governance/ledger/{entry.pk}/")
        except GongfuError as error:
            context["error"] = error.text(get_language())
            status = error.http_status
    return render(request, "support/enter.html", context, status=status)


def _draft(request: HttpRequest) -> Draft:
    given = request.POST
    try:
        paid_on = dt.date.fromisoformat(given.get("paid_on", ""))
    except ValueError:
        raise Invalid(mark("A payment needs its date.")) from None
    amount = trying.number(given.get("amount", ""))
    if amount is None:
        raise Invalid(mark("A payment needs its amount."))
    family, _separator, clause = given.get("clause", "").partition("/")
    year, kind = given.get("year", "").strip() or "0", given.get("kind", "")
    if not year.isdecimal() or (year != "0" and not 1990 <= int(year[:6]) <= 2200):
        raise Invalid(mark("{value} is no year."), value=repr(year[:40]))
    if kind not in LedgerEntry.Kind.values:
        raise Invalid(mark("Choose what happened."))
    return Draft(
        matter=given.get("matter", ""),
        amount=amount,
        paid_on=paid_on,
        kind=LedgerEntry.Kind(kind),
        scheme=family,
        clause=clause,
        year=int(year),
        basis=trying.number(given.get("basis", "")),
        document=given.get("document", ""),
        remark=given.get("remark", ""),
    )
