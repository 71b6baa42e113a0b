"""Papers as files: PDF, DOCX, the archive of an application, lists of payments."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gongfu.governance.applications import archive, clock, papers, paying, publishing, services
from gongfu.governance.applications.models import Application
from gongfu.governance.applications.notice_pages import visitor
from gongfu.governance.applications.permissions import acts_for_office, office_of
from gongfu.governance.documents.model import Document
from gongfu.governance.documents.services import TYPES, Kind, as_file
from gongfu.governance.support import services as support
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.xlsx import Cell, to_xlsx

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_KINDS: dict[str, Kind] = {"pdf": "pdf", "docx": "docx"}


def _sent(request: HttpRequest, document: Document, name: str, ending: str) -> HttpResponse:
    """``document`` as a file; who prints it is told on the next page which characters the font lacks."""
    kind = _KINDS.get(ending)
    if kind is None:
        raise NotFound(mark("There is no such file."))
    printed = as_file(document, kind)
    if printed.missing and visitor(request) is not None:
        missing = "、".join(printed.missing[:20])
        messages.warning(request, _("The font of the PDF lacks %(missing)s; take DOCX.") % {"missing": missing})
    response = HttpResponse(printed.data, content_type=TYPES[kind])
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@login_not_required
@require_safe
def notice_file(request: HttpRequest, pk: int, ending: str) -> HttpResponse:
    """申报通知."""
    found = services.notice_for(visitor(request), pk)
    return _sent(request, papers.notice(found), f"notice-{pk}", ending)


@login_not_required
@require_safe
def publication_file(request: HttpRequest, pk: int, ending: str) -> HttpResponse:
    """公示."""
    found = publishing.publication_for(pk)
    return _sent(request, papers.public_notice(found), f"public-notice-{pk}", ending)


@require_safe
def application_file(request: HttpRequest, pk: int, what: str, ending: str) -> HttpResponse:
    """Receipt, decision or story of an application."""
    user = accounts.user_of(request)
    found = services.application_for(user, pk)
    official = acts_for_office.test(user, found)

    def story(one: Application) -> Document:
        return papers.story(one, internal=official)

    known: dict[str, Callable[[Application], Document]] = {
        "receipt": papers.receipt,
        "decision": papers.decision,
        "story": story,
    }
    if what not in known:
        raise NotFound(mark("There is no such file."))
    if what == "receipt" and found.submitted_at is None:
        raise Conflict(mark("It has not been handed in: there is no receipt yet."))
    return _sent(request, known[what](found), f"{what}-{found.number or pk}", ending)


@require_safe
def archive_file(request: HttpRequest, pk: int) -> FileResponse:
    """Everything about an application as one ZIP; that it was taken is in the audit log."""
    user = accounts.user_of(request)
    found = services.application_for(user, pk)
    made = archive.write(found, internal=acts_for_office.test(user, found))
    audit.record(user, "export", found, request=request)
    return FileResponse(made, as_attachment=True, filename=f"{found.number or pk}.zip", content_type="application/zip")


@require_safe
def payments_file(request: HttpRequest, ending: str) -> HttpResponse:
    """What an office can pay now, to whom: as a document, or a sheet in which no text is ever a formula."""
    user = accounts.user_of(request)
    office = office_of(user, request.GET.get("office", ""))
    support.require_official(user, office)
    parts = paying.payable(office)
    audit.record(user, "export", office, reason="payments", request=request)
    if ending != "xlsx":
        return _sent(request, papers.payments(str(office), parts, clock.today()), "payments", ending)
    heads = [_("Receipt number"), _("Enterprise"), _("Unified social credit code"), _("Matter"), _("Account holder")]
    heads += [_("Bank"), _("Account"), _("Amount (CNY)"), _("Due on")]
    rows: list[list[Cell]] = [
        [
            *(one.application.number, one.application.name, one.application.credit_code, one.application.matter),
            *(one.application.account_holder, one.application.bank, one.application.account),
            float(one.amount),
            one.due_on.isoformat(),
        ]
        for one in parts
    ]
    response = HttpResponse(to_xlsx(_("List of payments"), heads, rows), content_type=_XLSX)
    response.headers["Content-Disposition"] = 'attachment; filename="payments.xlsx"'
    return response


urlpatterns = [
    path("governance/notices/<int:pk>/notice.<str:ending>", notice_file, name="governance-notice-file"),
    path("governance/publications/<int:pk>/notice.<str:ending>", publication_file, name="governance-publication-file"),
    path("governance/applications/<int:pk>/archive.zip", archive_file, name="governance-application-archive"),
    path(
        "governance/applications/<int:pk>/<slug:what>.<str:ending>",
        application_file,
        name="governance-application-file",
    ),
    path("governance/payments.<str:ending>", payments_file, name="governance-payments"),
]
