"""Paired nodes in the console, and the two ways to pair."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from gongfu.identity.peers import services
from gongfu.identity.peers.models import Peer
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import is_platform_admin, nobody
from gongfu.kernel.errors import Forbidden, GongfuError
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Action, Column, Permissions, Resource


def _suspend(_user: User, peer: Peer) -> None:
    services.suspend(peer)


def _resume(_user: User, peer: Peer) -> None:
    services.resume(peer)


PEERS: Resource[Peer] = Resource(
    model=Peer,
    room="identity",
    slug="peers",
    icon="hierarchy-2",
    columns=[
        Column("name"),
        Column("role"),
        Column("state"),
        Column("url"),
        Column("heard_at"),
        Column("trouble", _("Trouble"), export=lambda peer: peer.trouble),
        Column("node", shown=False),
    ],
    search=["name", "url"],
    filters=["role", "state"],
    ordering="name",
    detail=["name", "role", "state", "url", "node", "heard_at", "next_attempt_at", "invited_until", "created_at"],
    permissions=Permissions(view=is_platform_admin, add=nobody, change=nobody, delete=is_platform_admin),
    actions=[
        Action("suspend", _("Suspend"), _suspend, may=is_platform_admin, dangerous=True, icon="player-pause"),
        Action("resume", _("Resume"), _resume, may=is_platform_admin, icon="player-play"),
    ],
    summary="peers/summary.html",
    empty=_("A node files its prefixes with the node above it. Pair the two first."),
)
RESOURCES: Sequence[Resource[models.Model]] = (PEERS,)  # type: ignore[assignment]


@require_http_methods(["GET", "POST"])
def pair_page(request: HttpRequest) -> HttpResponse:
    """Invite a node below, or join a node above with the code that its operator gave."""
    user = accounts.user_of(request)
    if not is_platform_admin.test(user):
        raise Forbidden(mark("Only the platform administrator pairs nodes."), remedy=mark("Ask the operator."))
    given = {name: request.POST.get(name, "").replace("\0", "")[:2000] for name in ("way", "name", "url", "code")}
    context: dict[str, object] = {"given": given}
    status = 200
    if request.method == "POST":
        try:
            if given["way"] == "join":
                peer = services.join(user, given["code"], given["name"])
                messages.success(request, gettext("This node is paired with %(peer)s.") % {"peer": peer})
                return HttpResponseRedirect(PEERS.url(peer))
            peer, context["code"] = services.invite(user, given["name"], given["url"])
            context["peer"] = peer
        except GongfuError as error:
            context["error"], status = error.text(request.LANGUAGE_CODE), 422
    return render(request, "peers/pair.html", context, status=status)


urlpatterns = [path("identity/peers/pair", pair_page, name="identity-peers-pair")]
