"""Which model a device follows: proposals with their reasons, and a person's decision."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.network.models.proposing import Pair, Proposal
from gongfu.network.models.types import TagType
from gongfu.platform.devices.models import Device, Tag
from gongfu.platform.modelling import model_tabs, services

REASONS: dict[str, str | Promise] = {
    "same_key": gettext_lazy("same key"),
    "name": gettext_lazy("same name"),
    "synonym": gettext_lazy("a name people use for it"),
    "words": gettext_lazy("similar words"),
    "unit": gettext_lazy("same unit"),
    "unit_converts": gettext_lazy("unit can be converted"),
    "range": gettext_lazy("values fit the range"),
    "behaviour": gettext_lazy("behaves like it"),
    "tags": gettext_lazy("its tags"),
    "entered_type": gettext_lazy("type given when it was entered"),
    "by_hand": pgettext_lazy("reason", "chosen by a person"),
}


@dataclass(frozen=True)
class Line:
    """A tag of the model with the tag of the device proposed for it."""

    tag: TagType
    name: str
    chosen: str
    percent: int
    reasons: str


@require_http_methods(["GET", "POST"])
def bind_page(request: HttpRequest, device: int) -> HttpResponse:
    """Proposals for a device; with ``?model=`` the tags of one model, to be confirmed."""
    user = accounts.user_of(request)
    found, binding = services.bound_for(user, device)
    if request.method == "POST":
        model = services.model_for(user, _number(request.POST.get("model", "")))
        pairs = {
            name.removeprefix("tag."): value
            for name, value in request.POST.items()
            if name.startswith("tag.") and value and isinstance(value, str)
        }
        made = services.bind(user, found, model, pairs)
        messages.success(request, _("%(device)s follows %(model)s now.") % {"device": found, "model": made.model})
        return HttpResponseRedirect(f"/platform/devices/{found.pk}/?tab=model")
    context: dict[str, object] = {"object": found, "binding": binding, "may_bind": can_edit.test(user, found)}
    wanted = request.GET.get("model", "")
    if wanted:
        model = services.model_for(user, _number(wanted))
        known = binding.pairs if binding and binding.model_id == model.pk else None
        tags = list(found.tags.all())
        context |= {"model": model, "lines": _lines(services.fit(found, model), known), "tags": tags}
        return render(request, "modelling/bind.html", context)
    context["proposals"] = [
        (model, proposal, round(100 * proposal.score), _said(proposal.reasons))
        for model, proposal in services.propose(user, found)
    ]
    context["models"] = services.usable(user, found.organisation)
    return render(request, "modelling/proposals.html", context)


def _lines(proposal: Proposal, known: dict[str, str] | None) -> list[Line]:
    """Every tag of the model; what a person confirmed earlier goes before what is proposed."""
    pairs = {pair.model_tag: pair for pair in proposal.pairs}
    if known is not None:
        pairs = {
            key: pairs[key]
            if key in pairs and pairs[key].device_tag == chosen
            else Pair(key, chosen, 1.0, ("by_hand",))
            for key, chosen in known.items()
        }
    language = get_language() or ""
    lines = []
    for tag in proposal.model.tags:
        pair = pairs.get(tag.key)
        lines.append(
            Line(
                tag,
                tag.name.in_language(language),
                pair.device_tag if pair else "",
                round(100 * pair.score) if pair else 0,
                _said(pair.reasons) if pair else "",
            )
        )
    return lines


def _said(reasons: tuple[str, ...]) -> str:
    joint = "、" if (get_language() or "").startswith("zh") else ", "
    return joint.join(str(REASONS[reason]) for reason in reasons)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def device_tab(request: HttpRequest, device: Device) -> dict[str, object]:
    """What the tab on a device's page shows: its binding with the report, or the way to one."""
    user = accounts.user_of(request)
    binding = services.binding_of(user, device)
    context: dict[str, object] = {"binding": binding, "may_bind": can_edit.test(user, device)}
    if binding is not None:
        context |= model_tabs.findings(services.report_of(binding), binding.model)
        names: dict[str, Tag] = {tag.key: tag for tag in device.tags.all()}
        language = get_language() or ""
        context["pairs"] = [
            (tag.name.in_language(language), tag, names.get(binding.pairs.get(tag.key, "")))
            for tag in binding.model.spec.tags
        ]
    return context
