"""The designer of templates: fields one below the other, preview, differences, library, import and export.

Every change is a form of its own that also works without scripts; with htmx only the designer is exchanged.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.identity.business import checking, classes, fields, library, services, templating
from gongfu.identity.business.errors import WrongFields
from gongfu.identity.business.field_form import FieldForm
from gongfu.identity.business.models import Template
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Conflict, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark

MAX_FILE = 1_000_000


@require_http_methods(["GET", "POST"])
def design_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Add, change, order and remove fields of a draft."""
    user = accounts.user_of(request)
    template = templating.find(user, pk)
    here = reverse("identity-templates-design", args=[pk])
    error: GongfuError | None = None
    form = FieldForm.of(template.spec.field(request.GET.get("field", "")))
    status = 200
    if request.method == "POST":
        form = FieldForm(request.POST)
        try:
            if _change(user, template, request.POST.get("do", ""), request.POST.get("key", ""), form):
                if not request.headers.get("HX-Request"):
                    return HttpResponseRedirect(here)
                template, form = templating.find(user, pk), FieldForm()
            else:
                status = 422
        except Invalid as refused:
            error, status = refused, 422
    context = {
        "template": template,
        "spec": template.spec,
        "form": form,
        "editing": form.data.get("instead_of") or form.initial.get("instead_of", ""),
        "error": error.text(get_language()) if error else "",
        "here": here,
    } | preview_context(request, template)
    part = request.headers.get("HX-Target") == "designer"
    # htmx exchanges nothing on an error status: the part with its messages is an answer like any other.
    return render(
        request,
        "business/_designer.html" if part else "business/designer.html",
        context,
        status=200 if part else status,
    )


def _change(user: User, template: Template, do: str, key: str, form: FieldForm) -> bool:
    """Whether it was done; False when the form says what is wrong."""
    now = template.spec.fields
    if do in ("up", "down"):
        templating.change_fields(user, template, templating.moved(now, key, -1 if do == "up" else 1))
    elif do == "remove":
        templating.change_fields(user, template, [field for field in now if field.key != key])
    elif do == "save":
        if not form.is_valid():
            return False
        templating.change_fields(user, template, templating.placed(now, form.field, form.cleaned_data["instead_of"]))
    else:
        raise Invalid(mark("The parameter {name} cannot be read."), name="do")
    return True


def fields_context(request: HttpRequest, template: Template) -> dict[str, object]:
    """The table of fields, and what may be done with the template."""
    user = accounts.user_of(request)
    mine = can_edit.test(user, template.organisation)
    return {
        "spec": template.spec,
        "may_design": mine and template.state == Template.State.DRAFT,
        "may_copy": mine and template.state != Template.State.DRAFT,
        "may_register": template.state == Template.State.PUBLISHED and can_edit.test(user, None),
        "reference": template.reference,
    }


def preview_context(_request: HttpRequest, template: Template) -> dict[str, object]:
    """The public page as it would look, with each field's example."""
    language = get_language() or ""
    return {
        "lines": [
            (field.name.in_language(language), checking.shown(field, field.example, language) or "…")
            for field in template.spec.fields
            if field.grant == "public"
        ],
        "hidden": sum(field.grant != "public" for field in template.spec.fields),
        "organisation": template.organisation,
    }


def difference_context(request: HttpRequest, template: Template) -> dict[str, object]:
    """What changed against another version, by default the one before."""
    family = Template.objects.visible_to(accounts.user_of(request)).filter(
        organisation=template.organisation, code=template.code
    )
    others = list(family.exclude(pk=template.pk).order_by("-version"))
    asked = request.GET.get("with", "")
    before = next((other for other in others if str(other.version) == asked), None)
    before = before or next((other for other in others if other.version < template.version), None)
    found = fields.differences(before.spec.fields, template.spec.fields) if before else []
    return {"others": others, "before": before, "differences": found}


@require_POST
def next_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the next version and open it."""
    user = accounts.user_of(request)
    draft = templating.next_version(user, templating.find(user, pk))
    return redirect("identity-templates-design", draft.pk)


@require_GET
def export_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The template as JSON."""
    template = templating.find(accounts.user_of(request), pk)
    response = HttpResponse(fields.encode(template.spec), content_type="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="{template.code}-{template.version}.json"'
    return response


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Take over a template from a JSON file."""
    user = accounts.user_of(request)
    owners = _owners(user)
    problem = ""
    if request.method == "POST":
        try:
            sent = request.FILES.get("file")
            if sent is None or (sent.size or 0) > MAX_FILE:
                raise Invalid(mark("Choose a JSON file of at most {limit} octets."), limit=MAX_FILE)
            draft = templating.import_spec(user, _owner(owners, request), fields.decode(sent.read()))
        except (Invalid, Conflict) as error:
            problem = error.text(get_language())
        else:
            return redirect("identity-templates-design", draft.pk)
    context = {"owners": owners, "problem": problem}
    return render(request, "business/import.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
def library_page(request: HttpRequest) -> HttpResponse:
    """Starter templates to begin with."""
    user = accounts.user_of(request)
    owners = _owners(user)
    if request.method == "POST":
        draft = templating.import_starter(user, _owner(owners, request), request.POST.get("code", ""))
        messages.success(request, _("%(thing)s was saved.") % {"thing": draft})
        return redirect("identity-templates-design", draft.pk)
    language = get_language() or ""
    have = set(Template.objects.filter(organisation__in=owners).values_list("code", flat=True))
    rows = [
        {
            "spec": spec,
            "name": spec.name.in_language(language),
            "description": spec.description.in_language(language) if spec.description else "",
            "industry": classes.industry_name(spec.industry, language),
            "there": spec.code in have,
        }
        for spec in library.starters()
    ]
    return render(request, "business/library.html", {"rows": rows, "owners": owners})


@require_http_methods(["GET", "POST"])
def register_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Register one identifier that follows this template."""
    user = accounts.user_of(request)
    template = templating.find(user, pk)
    spec = template.spec
    given = {field.key: request.POST.get(field.key, "") for field in spec.fields}
    handle = request.POST.get("prefix", "") + "/" + request.POST.get("suffix", "").strip()
    wrong: Mapping[str, str] = {}
    problem = ""
    if request.method == "POST":
        try:
            record = services.register(user, handle, template.reference, given)
        except WrongFields as error:
            wrong = {found.key: found.text(get_language()) for found in checking.problems(spec, given)}
            problem = error.parts(get_language())[0]
        except GongfuError as error:
            if error.http_status in (403, 404, 503):
                raise
            problem = error.text(get_language())
        else:
            messages.success(request, _("%(thing)s was saved.") % {"thing": record.handle})
            return redirect("identity-identifier", str(record.handle))
    language = get_language() or ""
    own = [p for p in registry.prefixes(user).filter(kind="enterprise") if can_edit.test(user, p)]
    context = {
        "template": template,
        "prefixes": own,
        "chosen": request.POST.get("prefix", ""),
        "suffix": request.POST.get("suffix", ""),
        "rows": [
            (field, field.name.in_language(language), given[field.key], wrong.get(field.key)) for field in spec.fields
        ],
        "language": language,
        "problem": problem,
    }
    return render(request, "business/register.html", context, status=422 if problem else 200)


def _owners(user: User) -> list[Organisation]:
    """Organisations for which ``user`` may make templates."""
    if user.is_superuser:
        return list(accounts.visible_organisations(user)[:100])
    return [m.organisation for m in user.memberships_cached if can_edit.test(user, m.organisation)]


def _owner(owners: list[Organisation], request: HttpRequest) -> Organisation:
    asked = request.POST.get("organisation", "")
    for organisation in owners:
        if str(organisation.pk) == asked:
            return organisation
    raise NotFound(mark("There is no organisation {key}."), remedy=mark("Choose one from the list."), key=asked[:20])
