"""Edge nodes for programs: invitations, orders, the wheel. The rest is the kernel's generic API."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponseBase
from ninja import Body, Router
from pydantic import BaseModel, Field

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.errors import Forbidden, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.files import download
from gongfu.kernel.pages.schemas import Wire
from gongfu.kernel.settings import settings
from gongfu.network.edge.contract import ForwardOrder
from gongfu.platform.edges import joining, ordering, rules, services, wheels
from gongfu.platform.edges.models import EdgeOrder

router = Router()
Pk = Annotated[int, Field(ge=1, lt=2**63)]


class Invitation(BaseModel):
    """A token, shown this once."""

    token: str
    command: str
    valid_until: dt.datetime


class Process(Wire):
    """One process of the edge node; empty: all but the bus."""

    process: Annotated[str, Field(max_length=30, pattern=r"^([a-z][a-z-]{0,30})?$")] = ""


class LogOf(Wire):
    """Which log, and how many of its last lines."""

    process: Annotated[str, Field(max_length=30, pattern=r"^[a-z][a-z-]{0,30}$")] = "gateway"
    lines: Annotated[int, Field(ge=1, le=1000)] = 200


class Order(Wire):
    """What goes first after a cut."""

    order: Literal["oldest", "newest"]


class Text(BaseModel):
    """Lines of a log."""

    text: str


class OrderOut(BaseModel):
    """An order that the edge node took."""

    id: int
    kind: str
    detail: str
    state: str


@router.get("/edges/wheel/{sha256}/{name}", auth=None, response={200: None} | FAILURES, operation_id="edges_wheel")
def wheel(request: HttpRequest, sha256: str, name: str) -> HttpResponseBase:
    """Between machines: this node's program, for edge nodes that have joined (HTTP Basic, the bus's credentials)."""
    if not services.is_wheel_reader(*_basic(request)):
        raise NotFound(mark("There is nothing at this address."))
    path = wheels.find(settings().path(ordering.FOLDER, "x").parent, sha256)
    return download(request, path.open("rb"), name[:200], "application/zip")


@router.post("/edges/{pk}/invite", response={200: Invitation} | FAILURES, operation_id="edges_invite")
def invite(request: HttpRequest, pk: Pk) -> Invitation:
    """A one-time token for an edge node that waits to join; it cannot be had again."""
    user = accounts.user_of(request)
    edge = services.edge_for(user, pk)
    if not can_edit.test(user, edge):
        raise Forbidden(
            mark("You may not let machines join."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
        )
    joining.require_possible(request.get_host().partition(":")[0])
    token, text = joining.invite(user, edge)
    return Invitation(token=text, command=rules.command(settings().url, text), valid_until=token.expires_at)


@router.post("/edges/{pk}/restart", response={200: OrderOut} | FAILURES, operation_id="edges_restart")
def restart(request: HttpRequest, pk: Pk, data: Body[Process]) -> OrderOut:
    """Start it, or one of its processes, anew."""
    user = accounts.user_of(request)
    return _out(ordering.restart(user, services.edge_for(user, pk), data.process))


@router.post("/edges/{pk}/forward", response={200: OrderOut} | FAILURES, operation_id="edges_forward")
def forward(request: HttpRequest, pk: Pk, data: Body[Order]) -> OrderOut:
    """What it sends first after a cut."""
    user = accounts.user_of(request)
    return _out(ordering.forward(user, services.edge_for(user, pk), ForwardOrder(data.order)))


@router.post("/edges/{pk}/upgrade", response={200: OrderOut} | FAILURES, operation_id="edges_upgrade")
def upgrade(request: HttpRequest, pk: Pk) -> OrderOut:
    """Give it this node's version; how far that is, it reports by itself."""
    user = accounts.user_of(request)
    return _out(ordering.upgrade(user, services.edge_for(user, pk)))


@router.post("/edges/{pk}/logs", response={200: Text} | FAILURES, operation_id="edges_logs")
def logs(request: HttpRequest, pk: Pk, data: Body[LogOf]) -> Text:
    """The last lines that one of its processes wrote."""
    user = accounts.user_of(request)
    return Text(text=ordering.logs(user, services.edge_for(user, pk), data.process, data.lines))


def _basic(request: HttpRequest) -> tuple[str, str]:
    scheme, _, code = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(code, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return (user, password) if scheme.lower() == "basic" else ("", "")


def _out(made: EdgeOrder) -> OrderOut:
    return OrderOut(id=made.pk, kind=made.kind, detail=made.detail, state=made.state)
