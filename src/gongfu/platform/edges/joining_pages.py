"""The page on which somebody gets the command that makes a machine an edge node, and sees it arrive."""

from __future__ import annotations

import datetime as dt
import ipaddress

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit.middleware import address
from gongfu.kernel.errors import Forbidden, GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.network.edge.contract import JoinRequest
from gongfu.platform.edges import joining, rules, services
from gongfu.platform.edges.models import Edge

_requests = msgspec.json.Decoder(JoinRequest)
_MOST = 4096
"""Octets of a request to join."""


@never_cache
@require_http_methods(["GET", "POST"])
def join_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Make an invitation, which is shown this once; then it says live that the machine is there."""
    user = accounts.user_of(request)
    edge = _edge(user, pk)
    context: dict[str, object] = {"edge": edge}
    status = 200
    try:
        joining.require_possible(_host(request))
        if request.method == "POST":
            _token, text = joining.invite(user, edge)
            context["command"] = rules.command(_address(request), text)
    except GongfuError as error:
        context["problem"] = error.text(get_language())
        status = error.http_status if request.method == "POST" else 200
    context |= {"loopback": _is_loopback(_host(request))} | _standing(edge)
    return render(request, "edges/join.html", context, status=status)


@never_cache
@require_GET
def joining_part(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether it has joined; asked again every two seconds."""
    edge = _edge(accounts.user_of(request), pk)
    return render(request, "edges/_joining.html", {"edge": edge} | _standing(edge))


@csrf_exempt
@login_not_required
@never_cache
@require_POST
def knock(request: HttpRequest) -> HttpResponse:
    """Where a machine takes up its invitation; the one-time token in the body is the proof of who calls."""
    if len(request.body) > _MOST:
        raise Invalid(mark("The request cannot be read: it is too long."))
    try:
        asked = _requests.decode(request.body)
    except msgspec.DecodeError as error:
        raise Invalid(mark("The request cannot be read: {reason}."), reason=str(error)[:200]) from error
    answer = joining.join(asked, address(request), _host(request))
    response = HttpResponse(msgspec.json.encode(answer), content_type="application/json")
    response["Cache-Control"] = "no-store"
    return response


def _edge(user: User, pk: int) -> Edge:
    edge = services.edge_for(user, pk)
    if not can_edit.test(user, edge):
        raise Forbidden(
            mark("You may not let machines join."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    return edge


def _standing(edge: Edge) -> dict[str, object]:
    token = edge.tokens.filter(used_at=None).first()
    return {"open": bool(token and token.is_open), "expired": bool(token and not token.is_open)} | (
        _left(token.expires_at) if token else {}
    )


def _left(expires_at: dt.datetime) -> dict[str, object]:
    left = max(0, round((expires_at - timezone.now()).total_seconds() / 60))
    return {"minutes": left}


def _host(request: HttpRequest) -> str:
    """How the browser calls this node, without the port; the machine beside it will call it so, too."""
    host = request.get_host()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _address(request: HttpRequest) -> str:
    return settings().url if settings().public_url else f"{request.scheme}://{request.get_host()}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
