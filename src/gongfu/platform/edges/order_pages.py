"""Buttons on the page of an edge node: what it shall do now."""

from __future__ import annotations

import re
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, GongfuError
from gongfu.kernel.i18n import mark
from gongfu.network.edge.contract import ForwardOrder
from gongfu.platform.devices.applying import What
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import ordering, services
from gongfu.platform.edges.models import Edge

_PROCESS = re.compile(r"[a-z][a-z-]{0,30}")


@require_POST
def restart_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Start it, or one of its processes, anew."""
    process = _process(request)
    return _ordered(request, pk, lambda user, edge: ordering.restart(user, edge, process), _("It starts anew."))


@require_POST
def forward_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What it sends first."""
    order = ForwardOrder.NEWEST if request.POST.get("order") == ForwardOrder.NEWEST.value else ForwardOrder.OLDEST
    return _ordered(request, pk, lambda user, edge: ordering.forward(user, edge, order), _("It does so from now on."))


@require_POST
def upgrade_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it this node's version."""
    return _ordered(request, pk, ordering.upgrade, _("It fetches the new version; this page shows how far it is."))


@require_POST
def logs_part(request: HttpRequest, pk: int) -> HttpResponse:
    """The last lines of one of its logs."""
    user = accounts.user_of(request)
    edge = services.edge_for(user, pk)
    context: dict[str, object] = {"edge": edge}
    try:
        context["text"] = ordering.logs(user, edge, _process(request) or "gateway")
    except GongfuError as error:
        if isinstance(error, Forbidden):
            raise
        context["problem"] = error.text(get_language())
    return render(request, "edges/_logs.html", context)


@require_POST
def assign_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it devices that another gateway reads."""
    user = accounts.user_of(request)
    edge = services.edge_for(user, pk)
    if not can_edit.test(user, edge):
        raise Forbidden(mark("You may not change devices of {organisation}."), organisation=edge.organisation)
    keys = [int(key) for key in request.POST.getlist("device") if key.isascii() and key.isdigit() and len(key) < 19]
    done = proposed = 0
    for device in Device.objects.visible_to(user).filter(pk__in=keys[:1000], organisation=edge.organisation):
        try:
            outcome = services.assign(user, edge, device)
        except GongfuError as error:
            messages.error(request, f"{device}: {error.text(get_language())}")
            continue
        done += outcome.what is What.CHANGED
        proposed += outcome.what is What.PROPOSED
    if done:
        said = ngettext("%(n)d device was given to %(edge)s.", "%(n)d devices were given to %(edge)s.", done)
        messages.success(request, said % {"n": done, "edge": edge})
    if proposed:
        messages.info(request, _("Proposed: it takes effect when a second person agrees."))
    return HttpResponseRedirect(f"/platform/edges/{edge.pk}/?tab=devices")


def _ordered(request: HttpRequest, pk: int, give: Callable[[User, Edge], object], said: str) -> HttpResponse:
    user = accounts.user_of(request)
    edge = services.edge_for(user, pk)
    try:
        give(user, edge)
    except GongfuError as error:
        if isinstance(error, Forbidden):
            raise
        messages.error(request, error.text(get_language()))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(f"/platform/edges/{edge.pk}/?tab=orders")


def _process(request: HttpRequest) -> str:
    name = request.POST.get("process", "")
    return name if _PROCESS.fullmatch(name) else ""
