"""Drafts: taken from a model, imported from a NodeSet, written as JSON; and files for other systems."""

from __future__ import annotations

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models import importing, library, shipped
from gongfu.network.models.nodeset.catalogue import Imported
from gongfu.network.models.nodeset.elements import MOST_BYTES
from gongfu.network.models.nodeset.members import type_model
from gongfu.network.models.nodeset.reading import read_bytes
from gongfu.network.models.nodeset.space import Layer
from gongfu.network.models.types import DeviceType
from gongfu.platform.modelling import services
from gongfu.platform.modelling.models import InformationModel

MOST_FILES = 12


@require_GET
def export_page(request: HttpRequest, pk: int, kind: str) -> HttpResponse:
    """The model as a file for another system."""
    name, media, content = services.export(services.model_for(accounts.user_of(request), pk), kind)
    return HttpResponse(content, content_type=media, headers={"Content-Disposition": f'attachment; filename="{name}"'})


@require_POST
def draft_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A draft of one's own with what a model says: a new version, or an adaptation of the library's."""
    user = accounts.user_of(request)
    model = services.model_for(user, pk)
    made = services.draft_from(user, _organisation(request), model.spec)
    messages.success(request, _("%(thing)s was made. Adapt it, then submit it for review.") % {"thing": made})
    return HttpResponseRedirect(f"/network/models/{made.pk}/")


@require_http_methods(["GET", "POST"])
def content_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Write what a draft says, as JSON."""
    user = accounts.user_of(request)
    model = services.model_for(user, pk)
    if not can_edit.test(user, model):
        raise Forbidden(mark("You may not change {model}."), remedy=mark("Ask an engineer."), model=str(model))
    if model.state != InformationModel.State.DRAFT:
        raise Conflict(
            mark("{model} is no draft; it cannot be changed."), remedy=mark("Make a new version."), model=str(model)
        )
    text = msgspec.json.format(msgspec.json.encode(model.spec), indent=2).decode()
    problem = ""
    if request.method == "POST":
        text = request.POST.get("content", "")[: 2 * 2**20]
        try:
            services.write_content(user, model, text)
        except GongfuError as error:
            problem = error.text(request.LANGUAGE_CODE)
        else:
            messages.success(request, _("%(thing)s was saved.") % {"thing": model})
            return HttpResponseRedirect(f"/network/models/{pk}/")
    context = {"object": model, "text": text, "problem": problem}
    return render(request, "modelling/content.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
def import_page(request: HttpRequest) -> HttpResponse:
    """Drafts from an OPC UA NodeSet or from JSON that was exported: choose files, then types."""
    user = accounts.user_of(request)
    context: dict[str, object] = {
        "owners": services.owners_for(user),
        "shipped": shipped.models(),
        "chosen": request.POST.get("shipped", "") or request.GET.get("shipped", ""),
    }
    status = 200
    if request.method == "POST":
        try:
            specs, warnings = _offered(request)
            chosen = request.POST.getlist("type")
            if chosen:
                made = [
                    services.draft_from(user, _organisation(request), spec, "nodeset" if spec.opcua else "own")
                    for spec in specs
                    if spec.id in chosen
                ]
                messages.success(request, _("%(n)d drafts were made.") % {"n": len(made)})
                return HttpResponseRedirect("/network/models/?state=draft")
            context |= {"specs": specs, "warnings": warnings[:20]}
        except GongfuError as error:
            context["problem"] = error.text(request.LANGUAGE_CODE)
            status = 422
    return render(request, "modelling/import.html", context, status=status)


def _offered(request: HttpRequest) -> tuple[list[DeviceType], list[str]]:
    """Types in the files that were sent, or in one that came with the programme, and what is odd about them."""
    files = request.FILES.getlist("files")
    if not files and request.POST.get("shipped"):
        return _types(shipped.load(request.POST["shipped"]))
    if not 0 < len(files) <= MOST_FILES:
        raise Invalid(mark("Choose 1 to {most} files."), most=MOST_FILES)
    contents = []
    for file in files:
        if (file.size or 0) > MOST_BYTES:
            raise Invalid(mark("{file} is larger than {most} MB."), file=file.name or "", most=MOST_BYTES // 2**20)
        contents.append((file.name or "", file.read()))
    if len(contents) == 1 and contents[0][0].lower().endswith(".json"):
        name, content = contents[0]
        try:
            return [library.checked(name, msgspec.json.decode(content, type=DeviceType))], []
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise library.unusable(name, [str(error)]) from error
    return _types(_joined(contents))


def _types(found: Imported) -> tuple[list[DeviceType], list[str]]:
    specs = [
        importing.device_type(found.space, type_model(found.space, node.id))
        for node in found.space.types()
        if not node.is_abstract
    ]
    return [spec for spec in specs if spec.tags], list(found.warnings)


def _joined(contents: list[tuple[str, bytes]]) -> Imported:
    """The file that no other one requires, on top of the others; what they lack came with the programme, perhaps."""
    nodesets = [read_bytes(name, content) for name, content in contents]
    needed = {wanted.uri for nodeset in nodesets for model in nodeset.models for wanted in model.requires}
    tops = [nodeset for nodeset in nodesets if not needed & {model.uri for model in nodeset.models}]
    if not tops:
        raise Invalid(mark("The models require each other in a circle: {models}."), models=", ".join(sorted(needed)))
    top = tops[-1]
    catalogue = shipped.catalogue()
    for uri in {model.uri for nodeset in nodesets for model in nodeset.models}:
        catalogue.forget(uri)  # what was sent counts
    for nodeset in nodesets:
        if nodeset is not top:
            catalogue.add(nodeset)
    return catalogue.join(Layer(top))


def _organisation(request: HttpRequest) -> Organisation:
    """The organisation chosen in the form, or the only one there is."""
    user = accounts.user_of(request)
    chosen = request.POST.get("organisation", "")
    own = services.owners_for(user)
    for organisation in own:
        if str(organisation.pk) == chosen or (not chosen and len(own) == 1):
            return organisation
    raise NotFound(mark("There is no such organisation."), remedy=mark("Choose one of yours."))
