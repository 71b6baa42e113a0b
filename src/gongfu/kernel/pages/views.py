"""The pages of a resource: list, detail, create, edit, delete, bulk action, export."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.audit import services as audit
from gongfu.kernel.audit.models import AuditEntry
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import cells, changes, export, forms, listing
from gongfu.kernel.pages.models import SavedView
from gongfu.kernel.pages.resource import Column, Resource, installed
from gongfu.kernel.workflow import services as workflow

Kind = Resource[models.Model]
MAX_BULK = 1000


@require_GET
def list_page(request: HttpRequest, resource: Kind) -> HttpResponse:
    """The list, or with htmx only its rows."""
    user = accounts.user_of(request)
    query = listing.parse(resource, listing.parameters(request.GET), user)
    found = listing.select(resource, query, user, accounts.active_organisation(request))
    context = {
        "resource": resource,
        "query": query,
        "page": listing.page(resource, query, found),
        "chips": listing.chips(query, request.GET),
        "headings": [_Heading(resource, column, query, request.GET) for column in query.columns],
        "all_columns": [(c.name, cells.label(resource, c), c in query.columns) for c in resource.columns],
        "sizes": listing.PAGE_SIZES,
        "may_add": bool(resource.form) and resource.permissions.add.test(user, None),
        "actions": [action for action in resource.actions if action.may.test(user, None)],
        "chosen_columns": ",".join(request.GET.getlist("columns")),
        "kept": [(name, values) for name, values in request.GET.lists() if name not in ("columns", "page")],
        "views": SavedView.objects.filter(user=user, resource=resource.name),
        "here": request.GET.urlencode(),
    }
    if request.headers.get("HX-Request") and request.headers.get("HX-Target") == "list":
        return render(request, "pages/_list.html", context)
    context["lead"] = resource.lead(request) if resource.lead else ""
    return render(request, "pages/list.html", context)


class _Heading:
    """A column's heading and the address that sorts by it."""

    def __init__(self, resource: Kind, column: Column[models.Model], query: listing.Query, given: QueryDict) -> None:
        self.column = column
        self.label = cells.label(resource, column)
        self.sortable = bool(listing.sort_field(resource, column))
        self.direction = "asc" if query.sort == column.name else "desc" if query.sort == f"-{column.name}" else ""
        changed = given.copy()
        changed.pop("page", None)
        changed["sort"] = f"-{column.name}" if self.direction == "asc" else column.name
        self.url = f"?{changed.urlencode()}"


@require_GET
def detail_page(request: HttpRequest, resource: Kind, pk: int) -> HttpResponse:
    """One thing: state on top, then tabs."""
    user = accounts.user_of(request)
    thing = changes.find(resource, user, pk)
    tabs = [tab for tab in resource.tabs if tab.may.test(user, thing)]
    name = request.GET.get("tab", "")
    tab = next((tab for tab in tabs if tab.name == name), None)
    history_visible = AuditEntry.objects.visible_to(user)
    if name not in ("", "details", "changes") and tab is None:
        raise NotFound(mark("There is no tab {name}."), remedy=mark("Choose one from the page."), name=name[:50])
    if not name and tabs:
        tab = tabs[0]
    context: dict[str, object] = {
        "resource": resource,
        "object": thing,
        "tabs": tabs,
        "tab": tab,
        "tab_name": tab.name if tab else name or "details",
        "may_change": bool(resource.form) and resource.permissions.change.test(user, thing),
        "may_delete": resource.permissions.delete.test(user, thing),
        "actions": [action for action in resource.actions if action.may.test(user, thing)],
        "steps": workflow.available(thing, user),
        "related": _related(resource, thing),
    }
    if tab is not None:
        context |= tab.context(request, thing) if tab.context else {}
    elif context["tab_name"] == "changes":
        context["entries"] = history_visible.filter(object_type=thing._meta.label_lower, object_id=str(thing.pk))[:100]
    else:
        context["fields"] = [
            (cells.heading(field), cells.show(cells.attribute(thing, field.name))) for field in resource.detail_fields
        ]
    if request.headers.get("HX-Request") and request.headers.get("HX-Target") == "tab":
        return render(request, "pages/_tab.html", context)
    return render(request, "pages/detail.html", context)


def _related(resource: Kind, thing: models.Model) -> list[tuple[str, str]]:
    """Lists of other things that point here: name and address."""
    found = []
    for other in installed():
        for name in other.filters:
            if isinstance(name, str):
                field = other.field(name)
                if isinstance(field, models.ForeignKey) and field.related_model is resource.model:
                    found.append((other.label_plural, f"{other.list_url()}?{name}={thing.pk}"))
    return found


@require_http_methods(["GET", "POST"])
def form_page(request: HttpRequest, resource: Kind, pk: int | None = None) -> HttpResponse:
    """Create or edit. What was entered stays when something is wrong."""
    user = accounts.user_of(request)
    thing = changes.blank(resource, request) if pk is None else changes.find(resource, user, pk)
    permission = resource.permissions.add if pk is None else resource.permissions.change
    changes.require(permission, user, None if pk is None else thing, resource)
    before = None if pk is None else audit.state(thing)
    version = forms.version(thing)
    form = forms.build(resource, user, thing, request.POST if request.method == "POST" else None, request.FILES or None)
    if pk is None:  # a link may fill in what is known already
        form.initial.update((name, value) for name, value in request.GET.items() if name in form.fields)
    status = 200
    if request.method == "POST":
        forms.check_version(form, request.POST.get(forms.VERSION, ""), version)
        if form.is_valid():
            try:
                changes.store(resource, form.instance, request, before)
            except ValidationError as error:
                form.add_error(None, error)
            except GongfuError as error:
                if error.http_status == 403:
                    raise
                form.add_error(None, error.text(request.LANGUAGE_CODE))
            else:
                messages.success(request, _("%(thing)s was saved.") % {"thing": form.instance})
                return HttpResponseRedirect(resource.url(form.instance))
        status = 422
    context = {
        "resource": resource,
        "object": None if pk is None else thing,
        "form": form,
        "sections": list(forms.sections(resource, form)),
        "version": version,
        "cancel": resource.list_url() if pk is None else resource.url(thing),
    }
    return render(request, "pages/form.html", context, status=status)


@require_http_methods(["GET", "POST"])
def delete_page(request: HttpRequest, resource: Kind, pk: int) -> HttpResponse:
    """Say what will be deleted; delete it."""
    user = accounts.user_of(request)
    thing = changes.find(resource, user, pk)
    changes.require(resource.permissions.delete, user, thing, resource)
    if request.method == "POST":
        name = str(thing)
        changes.remove(resource, thing, request)
        messages.success(request, _("%(thing)s was deleted.") % {"thing": name})
        return HttpResponseRedirect(resource.list_url())
    context = {"resource": resource, "object": thing, "consequences": changes.consequences(thing)}
    return render(request, "pages/delete.html", context)


@require_POST
def action_page(request: HttpRequest, resource: Kind, name: str) -> HttpResponse:
    """Do an action to everything selected; each succeeds or is refused by itself."""
    user = accounts.user_of(request)
    action = resource.action(name)
    if action is None:
        raise NotFound(mark("There is no action {name}."), name=name[:50])
    keys = [int(key) for key in request.POST.getlist("pk") if key.isascii() and key.isdigit() and len(key) < 19]
    if not keys or len(keys) > MAX_BULK:
        raise Invalid(mark("Select between 1 and {most} rows."), most=MAX_BULK)
    done, refused = 0, []
    for thing in resource.visible_to(user).filter(pk__in=keys):
        try:
            said = changes.perform(resource, action, thing, request)
            done += 1
            if said:
                messages.info(request, said)
        except GongfuError as error:
            refused.append(f"{thing}: {error.text(request.LANGUAGE_CODE)}")
    if done:
        text = ngettext("%(action)s: %(n)d done.", "%(action)s: %(n)d done.", done)
        messages.success(request, text % {"action": action.label, "n": done})
    for text in refused[:5]:
        messages.error(request, text)
    return HttpResponseRedirect(_back(request, resource))


@require_http_methods(["GET", "POST"])
def step_page(request: HttpRequest, resource: Kind, pk: int, name: str) -> HttpResponse:
    """Take a step of the workflow; asks for the reason, and for certainty when it is dangerous."""
    user = accounts.user_of(request)
    thing = changes.find(resource, user, pk)
    step = workflow.find(resource.model, name)
    context: dict[str, object] = {"resource": resource, "object": thing, "step": step}
    context["consequence"] = step.consequence_for(thing)
    if request.method == "POST":
        reason = request.POST.get("reason", "")[:2000].replace("\0", "")
        try:
            workflow.perform(thing, name, user, reason=reason, request=request)
        except Invalid as error:
            context["error"] = error.text(request.LANGUAGE_CODE)
            return render(request, "pages/step.html", context, status=422)
        messages.success(request, _("%(thing)s: %(step)s was done.") % {"thing": thing, "step": step.label})
        return HttpResponseRedirect(resource.url(thing))
    return render(request, "pages/step.html", context)


@require_GET
def lookup_page(request: HttpRequest, resource: Kind, name: str) -> HttpResponse:
    """Options of a relation that match ``q``: what a long choice fetches while somebody types."""
    user = accounts.user_of(request)
    field = resource.field(name) if resource.has_field(name) else None
    if not isinstance(field, models.ForeignKey) or name not in [*resource.form_fields, *resource.filters]:
        raise NotFound(mark("There is no choice {name}."), name=name[:50])
    text = next(iter(listing.parameters(request.GET).get("q", [])), "")[: listing.MAX_SEARCH]
    options = forms.matching(field, user, text)
    if request.GET.get("as") == "checks":  # a filter takes several
        return render(request, "pages/_checks.html", {"options": options, "name": name})
    return render(request, "pages/_options.html", {"options": options, "required": not field.null})


def _back(request: HttpRequest, resource: Kind) -> str:
    """Where the form said to return to, if that is one of this resource's own pages."""
    target = request.POST.get("next", "")
    home = resource.list_url()
    return target if target.startswith(home) and "//" not in target and "\\" not in target else home


@require_GET
def export_page(request: HttpRequest, resource: Kind, kind: str) -> HttpResponse:
    """Every row the list's filters match, in its columns, as a file."""
    user = accounts.user_of(request)
    query = listing.parse(resource, listing.parameters(request.GET), user)
    found = listing.select(resource, query, user, accounts.active_organisation(request))
    return export.respond(resource, query.columns, found, kind)
