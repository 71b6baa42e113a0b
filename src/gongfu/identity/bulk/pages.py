"""Batch jobs in the console: upload, choose columns, look at the first rows, start, watch, read the report."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.identity.bulk import services
from gongfu.identity.bulk.models import Import
from gongfu.identity.bulk.rules import MAX_TARGETS, Operation, Plan, Target
from gongfu.identity.bulk.running import plan_of, table_of
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.files import streamed

_SHOWN = 50
_FORM_ROOM = 64 * 1024  # what a form takes besides its file


@require_GET
def imports_page(request: HttpRequest) -> HttpResponse:
    """What was imported, and what is being imported."""
    user = accounts.user_of(request)
    found = services.imports(user, accounts.active_organisation(request))[:_SHOWN]
    rows = [(made, services.state_of(made)) for made in found]
    return render(request, "bulk/imports.html", {"rows": rows, "may": can_edit.test(user, None)})


@csrf_exempt  # the token is in the body: the size is looked at before that is read
def new_page(request: HttpRequest) -> HttpResponse:
    """Upload a file."""
    length = request.META.get("CONTENT_LENGTH", "")
    if length.isascii() and length.isdigit() and int(length) > services.MAX_FILE + _FORM_ROOM:
        raise services.too_large(int(length))
    return _new_page(request)


@csrf_protect
@require_http_methods(["GET", "POST"])
def _new_page(request: HttpRequest) -> HttpResponse:
    user = accounts.user_of(request)
    prefixes = [
        prefix
        for prefix in registry.prefixes(user, accounts.active_organisation(request))
        if can_edit.test(user, prefix) and prefix.state == prefix.State.ACTIVE
    ]
    chosen = request.POST.get("prefix", request.GET.get("prefix", ""))
    context: dict[str, object] = {
        "prefixes": prefixes,
        "chosen": chosen,
        "operations": Import.Kind.choices,
        "operation": request.POST.get("operation", Operation.REGISTER.value),
        "megabytes": services.MAX_FILE // 2**20,
    }
    if request.method == "GET":
        return render(request, "bulk/new.html", context)
    try:
        file = request.FILES.get("file")
        if not isinstance(file, UploadedFile):
            raise Invalid(mark("No file was sent."), remedy=mark("Choose one."))
        operation = _operation(request.POST.get("operation", ""))
        made = services.upload(user, chosen[:64], operation, file.name or "", file.chunks())
    except GongfuError as error:
        context["error"] = error.text(get_language())
        return render(request, "bulk/new.html", context, status=error.http_status)
    return HttpResponseRedirect(reverse("identity-import", args=[made.pk]))


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    """One import: before it starts its columns and first rows, afterwards how far it is."""
    user = accounts.user_of(request)
    made = services.find(user, pk)
    may = can_edit.test(user, made)
    if made.moment and request.method == "GET":
        return _progress(request, made, may)
    error: GongfuError | None = None
    plan = plan_of(made) if made.moment or request.method == "GET" else _plan(request, made)
    if request.method == "POST" and request.POST.get("do") == "start":
        try:
            services.start(user, made, plan)
            return HttpResponseRedirect(reverse("identity-import", args=[made.pk]))
        except GongfuError as refusal:
            error = refusal
            if made.moment:
                raise
    rows: list[services.Previewed] = []
    try:
        rows = services.preview(made, plan)
    except GongfuError as refusal:
        error = error or refusal
    found = table_of(made)
    types = {target.column: target for target in plan.targets}
    context = {
        "made": made,
        "plan": plan,
        "header": found.header,
        "table": found,
        "columns": [(place, name, types.get(name)) for place, name in enumerate(found.header)],
        "rows": rows,
        "wrong": sum(row.problem is not None for row in rows),
        "reasons": {row.row: row.problem.error.text(get_language()) for row in rows if row.problem},
        "error": error.text(get_language()) if error else "",
        "may": may,
        "registers": plan.operation is Operation.REGISTER,
        "deletes": plan.operation is Operation.DELETE,
    }
    part = request.headers.get("HX-Target") == "preview"
    status = 200 if part or not error or request.method == "GET" else error.http_status
    return render(request, "bulk/_preview.html" if part else "bulk/plan.html", context, status=status)


@require_GET
def report_file(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Every rejected row, in the reader's language."""
    made = services.find(accounts.user_of(request), pk)
    language = get_language() or ""
    answer = streamed(request, services.rejected(made, language), "text/csv; charset=utf-8")
    stem = made.file_name.rpartition(".")[0] or made.file_name
    name = _("%(file)s rejected.csv") % {"file": stem}
    answer.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return answer


@require_POST
def discard_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget an import."""
    user = accounts.user_of(request)
    services.discard(user, services.find(user, pk))
    return HttpResponseRedirect(reverse("identity-imports"))


def _progress(request: HttpRequest, made: Import, may: bool) -> HttpResponse:
    lines = services.first_rejected(made)
    language = get_language() or ""
    running = made.job is not None and made.job.state in (made.job.State.WAITING, made.job.State.RUNNING)
    context = {
        "made": made,
        "state": services.state_of(made),
        "running": running and not made.finished_at,
        "lines": [(line, line.reason(language)) for line in lines],
        "may": may,
        "failure": made.job.error if made.job and not made.finished_at else "",
    }
    part = request.headers.get("HX-Target") == "progress"
    return render(request, "bulk/_progress.html" if part else "bulk/progress.html", context)


def _operation(text: str) -> Operation:
    try:
        return Operation(text)
    except ValueError as error:
        raise Invalid(
            mark("{text} is no operation."), remedy=mark("Choose register, update or delete."), text=text[:50]
        ) from error


def _plan(request: HttpRequest, made: Import) -> Plan:
    """What the form says; its fields are ``source``, ``suffix``, ``rule``, and ``type-N``/``private-N`` of column N."""
    form = request.POST
    if any("\0" in text or len(text) > 300 for text in form.values() if isinstance(text, str)):
        raise Invalid(mark("The parameter {name} cannot be read."), name="type")
    header = table_of(made).header
    minted = form.get("source") == "rule"
    suffix = "" if minted else form.get("suffix", "")
    targets = [
        Target(name, kind, public=f"private-{place}" not in form)
        for place, name in enumerate(header)
        if (kind := form.get(f"type-{place}", "").strip()) and name != suffix
    ]
    ttl = form.get("ttl", "86400").strip()
    return Plan(
        made.prefix,
        Operation(made.operation),
        suffix,
        form.get("rule", "").strip() if minted else "",
        tuple(targets[: MAX_TARGETS + 1]) if made.operation != Operation.DELETE else (),
        int(ttl) if ttl.isascii() and ttl.isdigit() and len(ttl) < 11 else -1,
    )


urlpatterns = [
    path("identity/imports/", imports_page, name="identity-imports"),
    path("identity/imports/new", new_page, name="identity-import-new"),
    path("identity/imports/<int:pk>/", import_page, name="identity-import"),
    path("identity/imports/<int:pk>/rejected.csv", report_file, name="identity-import-report"),
    path("identity/imports/<int:pk>/discard", discard_page, name="identity-import-discard"),
]
