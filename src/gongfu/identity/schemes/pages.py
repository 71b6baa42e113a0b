"""Look up any code; codes bound to identifiers, and their links."""

from __future__ import annotations

from collections.abc import Sequence

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, register_converter, reverse
from django.utils.html import format_html
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from gongfu.identity.schemes import codes, digital_link, services
from gongfu.identity.schemes.models import SchemeBinding, SchemeLink
from gongfu.identity.schemes.types import Candidate
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Resource, Section


def _label(candidate: Candidate) -> str:
    name = gettext(codes.description(candidate.scheme).name)
    return name if candidate.kind in ("Handle", "DNS") or candidate.kind == name else f"{name} · {candidate.kind}"


@require_safe
def look_up_page(request: HttpRequest) -> HttpResponse:
    """One field: what a code is, whether it is valid and why not, who answers for it, and the answer."""
    asked = request.GET.get("code", "")
    if len(asked) > codes.LONGEST:
        raise Invalid(mark("{length} characters are more than any code holds."), length=len(asked))
    report = services.look_up(asked) if asked.strip() else None
    chosen = report.chosen if report else None
    visible = None
    if report and report.here and report.here.binding:
        visible = services.bindings(accounts.user_of(request)).filter(pk=report.here.binding.pk).first()
    context = {
        "asked": asked,
        "report": report,
        "label": _label(chosen) if chosen else "",
        "standard": codes.description(chosen.scheme).standard if chosen else "",
        "reason": gettext(chosen.reason) if chosen else "",
        "parts": [(gettext(part.name), part) for part in report.identifier.parts]
        if report and report.identifier
        else [],
        "others": [(_label(found), found) for found in report.candidates if found is not chosen] if report else [],
        "binding": visible,
        "milliseconds": report.answer.took * 1000 if report and report.answer else 0.0,
        "schemes": [(gettext(found.name), found) for found in codes.SCHEMES],
    }
    part = request.headers.get("HX-Target") == "found"
    return render(request, "schemes/_found.html" if part else "schemes/look_up.html", context)


# --- bound codes: generic pages ---


class BindingForm(forms.ModelForm[SchemeBinding]):
    """Checks the code by its scheme's rules, beside the field."""

    def clean_code(self) -> str:
        """The code in its normal form."""
        draft = SchemeBinding(code=self.cleaned_data["code"], scheme=self.instance.scheme)
        try:
            services.normalise(draft)
        except GongfuError as error:
            raise ValidationError(error.text(get_language())) from error
        self.instance.scheme = draft.scheme  # the normal form of one scheme may look like another's
        return draft.code


def _handle(binding: SchemeBinding) -> str:
    if not binding.handle:
        return "—"
    url = reverse("identity-identifier", args=[binding.handle])
    return format_html('<a class="mono" href="{}">{}</a>', url, binding.handle)


BINDINGS: Resource[SchemeBinding] = Resource(
    model=SchemeBinding,
    room="identity",
    slug="bindings",
    icon="link",
    columns=[
        Column("code"),
        Column("scheme"),
        Column("kind"),
        Column("handle", render=_handle, export=lambda binding: binding.handle),
        Column("organisation"),
        Column("note", shown=False),
    ],
    search=["code", "handle", "note"],
    filters=["scheme", "organisation"],
    ordering="code",
    form=[
        Section(
            _("Bound code"),
            ["organisation", "code", "handle", "note"],
            _("Whoever looks this code up, here or by scanning it, is led to the identifier or to the code's links."),
        )
    ],
    form_class=BindingForm,
    detail=["scheme", "kind", "code", "handle", "organisation", "note"],
    save=services.save_binding,
    empty=_("Bind a GTIN, an OID, an Ecode or another code to an identifier: it is then answered for here."),
)

LINKS: Resource[SchemeLink] = Resource(
    model=SchemeLink,
    room="identity",
    slug="code-links",
    icon="link",
    columns=[
        Column("title"),
        Column("linktype"),
        Column("href"),
        Column("binding"),
        Column("hreflang"),
        Column("is_default"),
        Column("organisation", shown=False),
    ],
    search=["title", "href", "binding__code"],
    filters=["linktype", "binding", "organisation"],
    ordering="binding",
    form=[
        Section(_("Link"), ["binding", "linktype", "href", "title", "is_default"]),
        Section(_("For whom"), ["hreflang", "media_type"], _("Of several links the reader's language decides.")),
    ],
    save=services.save_link,
    empty=_("A bound code may lead to several pages: product information, instructions, recall status."),
)

RESOURCES: Sequence[Resource[models.Model]] = (BINDINGS, LINKS)  # type: ignore[assignment]

register_converter(digital_link.CompressedLink, "gs1compressed")
register_converter(digital_link.PrimaryKey, "gs1key")
urlpatterns = [
    path("identity/look-up", look_up_page, name="identity-look-up"),
    path(".well-known/gs1resolver", digital_link.description, name="gs1-resolver"),
    path("<gs1key:key>/<path:rest>", digital_link.resolve, name="digital-link"),
    path("<gs1compressed:compressed>", digital_link.resolve, name="digital-link-compressed"),
]
