"""The library of models and the bindings of devices in the console; pages of their own are listed at the end."""

from __future__ import annotations

from django import forms
from django.db import models
from django.http import HttpRequest
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _
from rules.predicates import Predicate

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit, everyone, nobody
from gongfu.kernel.pages.resource import Action, Column, Filter, Permissions, Resource, Section, Tab
from gongfu.network.models.categories import CATEGORIES
from gongfu.platform.modelling import binding_pages, drafting_pages, model_tabs, services
from gongfu.platform.modelling.models import Binding, InformationModel

_SHAPES = {"draft": "stale", "review": "connecting", "published": "good", "superseded": "uncertain", "withdrawn": "bad"}


def _state(model: InformationModel) -> str:
    return format_html(
        '<span class="state state-{}">{}</span>', _SHAPES.get(model.state, "stale"), model.get_state_display()
    )


def _name(model: InformationModel) -> str:
    english = (get_language() or "").startswith("en")
    return model.name_en if english and model.name_en else model.name


def _categories(_user: User) -> list[tuple[str, str]]:
    return [(key, name.in_language(get_language() or "")) for key, name in CATEGORIES.items()]


def _in_category(found: models.QuerySet[models.Model], chosen: list[str]) -> models.QuerySet[models.Model]:
    return found.filter(category__in=chosen)


def _is_draft(user: User, thing: object = None) -> bool:
    draft = not isinstance(thing, InformationModel) or thing.state == InformationModel.State.DRAFT
    return draft and bool(can_edit.test(user, thing))


may_change = Predicate(_is_draft, name="is_draft")


def _lead(request: HttpRequest) -> str:
    number = (
        InformationModel.objects.visible_to(accounts.user_of(request))
        .filter(state=InformationModel.State.PUBLISHED)
        .count()
    )
    return ngettext("%(n)d model is published", "%(n)d models are published", number) % {"n": number}


def _conformance_lead(request: HttpRequest) -> str:
    found = Binding.objects.visible_to(accounts.user_of(request))
    number = found.filter(errors=0).count()
    total = found.count()
    return ngettext(
        "%(n)d of %(total)d bound device keeps its model", "%(n)d of %(total)d bound devices keep their model", total
    ) % {"n": number, "total": total}


def _bindings(user: User) -> models.QuerySet[Binding]:
    return Binding.objects.visible_to(user).select_related("device", "model", "organisation")


def _check(_user: User, binding: Binding) -> None:
    services.check(binding)


class ModelForm(forms.ModelForm[InformationModel]):
    """The head of a draft; what it says is edited on a page of its own."""

    category = forms.ChoiceField(label=_("Category"))

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["organisation"].required = True
        self.fields["category"].choices = _categories(User())  # type: ignore[attr-defined]


MODELS: Resource[InformationModel] = Resource(
    model=InformationModel,
    room="network",
    slug="models",
    icon="list-check",
    columns=[
        Column("name", render=_name),
        Column("code"),
        Column("category", _("Category"), render=InformationModel.get_category_display),
        Column("version", sort="number"),
        Column("state", render=_state),
        Column("tag_count"),
        Column("origin"),
        Column("organisation", shown=False),
        Column("source", shown=False),
    ],
    search=["search_text"],
    filters=[Filter("category", _("Category"), _in_category, _categories), "state", "origin"],
    ordering="code",
    owner_path="",
    queryset=lambda user: InformationModel.objects.visible_to(user).select_related("organisation"),
    form=[
        Section(
            _("Model"),
            ["organisation", "code", "version", "name", "name_en", "category", "source"],
            _("Tags, states, alarms and methods are written on the next page."),
        )
    ],
    form_class=ModelForm,
    detail=["organisation", "code", "version", "state", "name", "name_en", "category", "origin", "source", "remark"],
    permissions=Permissions(view=everyone, change=may_change, delete=may_change),
    save=services.store,
    summary="modelling/model_summary.html",
    tabs=[
        Tab("tags", _("Tags"), "modelling/tags.html", model_tabs.tags, may=everyone),
        Tab("behaviour", _("States, alarms, methods"), "modelling/behaviour.html", model_tabs.behaviour, may=everyone),
        Tab("mappings", _("Standards"), "modelling/mappings.html", model_tabs.mappings, may=everyone),
        Tab("versions", _("Versions"), "modelling/versions.html", model_tabs.versions_tab, may=everyone),
        Tab("devices", _("Devices"), "modelling/devices.html", model_tabs.devices, may=everyone),
    ],
    lead=_lead,
    empty=_("Models say what machines of a kind tell. Take one of the library, import a NodeSet, or write your own."),
)

BINDINGS: Resource[Binding] = Resource(
    model=Binding,
    room="network",
    slug="conformance",
    icon="clipboard-list",
    columns=[
        Column("device"),
        Column("model"),
        Column("percent", template="modelling/cells/percent.html", export=lambda binding: binding.percent),
        Column("errors"),
        Column("warnings"),
        Column("checked_at"),
        Column("confirmed_by", shown=False),
        Column("organisation", shown=False),
    ],
    search=["device__name", "device__name_en", "device__key", "model__name", "model__name_en"],
    filters=["organisation"],
    ordering="percent",
    queryset=_bindings,
    detail=["organisation", "device", "model", "percent", "errors", "warnings", "checked_at", "confirmed_by"],
    permissions=Permissions(add=nobody, change=nobody, delete=can_edit),
    remove=lambda binding, user: services.unbind(user, binding),
    actions=[Action("check", _("Check now"), _check, icon="refresh")],
    tabs=[Tab("report", _("Conformance report"), "modelling/report.html", model_tabs.report)],
    lead=_conformance_lead,
    empty=_("A device is bound to its model on the device's page. Here you see how well each keeps it."),
)

RESOURCES = (MODELS, BINDINGS)

urlpatterns = [
    path("network/models/import", drafting_pages.import_page, name="network-models-import"),
    path("network/models/<int:pk>/export/<str:kind>", drafting_pages.export_page, name="network-models-file"),
    path("network/models/<int:pk>/draft", drafting_pages.draft_page, name="network-models-draft"),
    path("network/models/<int:pk>/content", drafting_pages.content_page, name="network-models-content"),
    path("network/bind/<int:device>", binding_pages.bind_page, name="network-bind"),
]
