"""What the drawing asks for and sends back: nodes and links, lines of a day, moved nodes, drawn links."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Annotated, TypeVar

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.map.topology import Build, Edge, Layer, Node
from gongfu.platform.map import history, looks, services
from gongfu.platform.map.models import Link, Position
from gongfu.platform.map.services import Drawing

_MOST_BODY = 400_000
_LONGEST = dt.timedelta(days=history.KEEP_DAYS)
Kind = TypeVar("Kind")
Coordinate = Annotated[float, msgspec.Meta(ge=-1e7, le=1e7)]
_UNITS = {"latency": "ms", "p95": "ms", "jitter": "ms", "loss": "%", "rate": "1/s", "volume": "B/s"}


class NodeOut(msgspec.Struct, frozen=True):
    """A node as the browser draws it."""

    id: str
    x: float
    y: float
    layer: int
    kind: str
    name: str
    grade: str
    build: str
    count: int
    note: str
    opens: str
    """Key of the place that shows its members, of a folded one."""


class EdgeOut(msgspec.Struct, frozen=True):
    """A link as the browser draws it."""

    id: str
    a: str
    b: str
    kind: str
    derived: bool
    grade: str
    build: str
    count: int
    load: float
    """Readings a second over it, in the view of use."""


class DrawingOut(msgspec.Struct, frozen=True):
    """Everything there is to draw."""

    view: str
    nodes: list[NodeOut]
    edges: list[EdgeOut]


class Moved(msgspec.Struct, frozen=True):
    """Nodes that were dragged: on the drawing, or on a plan."""

    places: Annotated[dict[str, tuple[Coordinate, Coordinate]], msgspec.Meta(max_length=services.MOST_MOVED)]
    plan: int | None = None


class Forgotten(msgspec.Struct, frozen=True):
    """Nodes to put back; all of the drawing or plan when none is named."""

    nodes: list[str] = []
    plan: int | None = None


class Drawn(msgspec.Struct, frozen=True):
    """A link that somebody drew."""

    a: str
    b: str
    kind: str = Link.Kind.WIRED.value


def owner_of(request: HttpRequest) -> Organisation:
    """Whose map is asked for; raises :class:`NotFound`."""
    text = request.GET.get("org", "")
    if text and not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise NotFound(mark("There is no organisation {pk}."), pk=text[:40])
    user = accounts.user_of(request)
    found = services.owner_for(user, int(text) if text else None, accounts.active_organisation(request))
    if found is None:
        raise NotFound(mark("There is no organisation {pk}."), pk="")
    return found


def view_of(request: HttpRequest) -> str:
    """Which view is asked for; to run is the usual one."""
    wanted = request.GET.get("view", "")
    return wanted if wanted in looks.VIEWS else "run"


@require_GET
def drawing_json(request: HttpRequest) -> HttpResponse:
    """The drawing; 304 when nothing has changed since the browser last asked."""
    owner, view = owner_of(request), view_of(request)
    drawing = services.drawing(owner, everything=view == "build", opened=request.GET.getlist("open")[:50])
    body = msgspec.json.encode(shown(drawing, view))
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(body, content_type="application/json")
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def shown(drawing: Drawing, view: str) -> DrawingOut:
    """What the browser draws."""
    qualities = drawing.gathered.qualities
    rates = {key: one.rate or 0.0 for key, one in qualities.items()}

    def node(one: Node) -> NodeOut:
        x, y = drawing.places[one.key]
        name = one.name.rpartition(" / ")[2] if one.layer is Layer.CELL else one.name
        if one.kind == "fold":
            name = _("%(count)d devices") % {"count": one.count}
        return NodeOut(
            id=one.key,
            x=round(x, 1),
            y=round(y, 1),
            layer=int(one.layer),
            kind=one.kind,
            name=name,
            grade=one.grade.value,
            build=one.build.value,
            count=one.count,
            note="" if view == "build" else looks.short(qualities.get(one.key), view),
            opens=one.cell if one.kind == "fold" else "",
        )

    def edge(one: Edge) -> EdgeOut:
        load = rates.get(one.b, 0.0) or rates.get(one.a, 0.0) if view == "use" else 0.0
        return EdgeOut(
            one.key, one.a, one.b, one.kind, one.derived, one.grade.value, one.build.value, one.count, round(load, 1)
        )

    return DrawingOut(view, [node(one) for one in drawing.shown.nodes], [edge(one) for one in drawing.shown.edges])


@require_GET
def history_json(request: HttpRequest) -> JsonResponse:
    """Lines of a node for ``<live-chart>``: ``tag`` names columns, ``from`` and ``to`` are milliseconds."""
    owner = owner_of(request)
    start, end = _moment(request, "from"), _moment(request, "to")
    if not dt.timedelta(0) < end - start <= _LONGEST:
        raise Invalid(mark("{start} to {end} is no range of time."), start=start.isoformat(), end=end.isoformat())
    names = [name for name in request.GET.getlist("tag") if name in _UNITS]
    found = history.lines(owner, request.GET.get("node", "")[:80], names, start, end)
    labels = {
        "latency": _("Latency"),
        "p95": _("Latency (p95)"),
        "jitter": _("Jitter"),
        "loss": _("Loss"),
        "rate": _("Readings"),
        "volume": _("Volume"),
    }
    series = [
        {
            "tag": name,
            "name": labels[name],
            "unit": _UNITS[name],
            "points": [[at, round(100 * value if name == "loss" else value, 4), 0] for at, value in points],
        }
        for name, points in found.items()
    ]
    return JsonResponse({"series": series})


def _moment(request: HttpRequest, name: str) -> dt.datetime:
    text = request.GET.get(name, "")
    if not text.isascii() or not text.isdecimal() or len(text) > 14:
        raise Invalid(mark("{value} is no time in milliseconds."), value=text[:40])
    return dt.datetime.fromtimestamp(int(text) / 1000, dt.UTC)


@require_POST
def move(request: HttpRequest) -> JsonResponse:
    """Nodes that were dragged."""
    user, owner = accounts.user_of(request), owner_of(request)
    sent = _body(request, Moved)
    plan = services.plan_for(user, sent.plan) if sent.plan is not None else None
    return JsonResponse({"moved": services.move(user, owner, sent.places, plan)})


@require_POST
def forget(request: HttpRequest) -> JsonResponse:
    """Nodes that are to stand where the drawing would have them."""
    user, owner = accounts.user_of(request), owner_of(request)
    sent = _body(request, Forgotten)
    plan = services.plan_for(user, sent.plan) if sent.plan is not None else None
    return JsonResponse({"forgotten": services.forget(user, owner, plan, sent.nodes)})


@require_POST
def connect(request: HttpRequest) -> JsonResponse:
    """A link that was drawn."""
    sent = _body(request, Drawn)
    if sent.kind not in Link.Kind.values:
        raise Invalid(mark("There is no kind of link {kind}."), kind=sent.kind[:20])
    link = services.connect(accounts.user_of(request), owner_of(request), sent.a, sent.b, sent.kind)
    return JsonResponse({"id": link.pk, "url": f"/network/links/{link.pk}/edit"})


@require_GET
def plan_json(request: HttpRequest, pk: int) -> JsonResponse:
    """What stands on a plan, and what could be put there."""
    plan = services.plan_for(accounts.user_of(request), pk)
    view = view_of(request)
    drawing = services.drawing(plan.organisation, everything=view == "build")
    placed = {one.node: (one.x, one.y) for one in Position.objects.filter(organisation=plan.organisation_id, plan=plan)}
    pins, waiting = [], []
    for node in drawing.gathered.topology.nodes:
        if node.layer <= Layer.CELL or (view != "build" and node.build is Build.PLANNED):
            continue
        quality = drawing.gathered.qualities.get(node.key)
        pin = {
            "id": node.key,
            "name": node.name,
            "kind": node.kind,
            "layer": int(node.layer),
            "grade": node.grade.value,
            "build": node.build.value,
            "note": looks.short(quality, view),
        }
        if node.key in placed:
            pins.append({**pin, "x": placed[node.key][0], "y": placed[node.key][1]})
        elif node.site == f"p{plan.place_id}" or node.cell == f"p{plan.place_id}" or not node.site:
            waiting.append(pin)
    lines = [
        {"a": one.a, "b": one.b, "kind": one.kind, "grade": one.grade.value, "build": one.build.value}
        for one in drawing.gathered.topology.edges
        if one.a in placed and one.b in placed
    ]
    return JsonResponse({"pins": pins[:2000], "waiting": waiting[:500], "lines": lines[:4000]})


def _body(request: HttpRequest, kind: type[Kind]) -> Kind:
    if len(request.body) > _MOST_BODY:
        raise Invalid(mark("That is too much at once."))
    try:
        return msgspec.json.decode(request.body, type=kind)
    except msgspec.DecodeError as error:
        raise Invalid(mark("The request cannot be read: {reason}."), reason=error) from None


urlpatterns = [
    path("network/map/drawing.json", drawing_json, name="network-map-drawing"),
    path("network/map/history", history_json, name="network-map-history"),
    path("network/map/move", move, name="network-map-move"),
    path("network/map/forget", forget, name="network-map-forget"),
    path("network/map/connect", connect, name="network-map-connect"),
    path("network/map/plans/<int:pk>.json", plan_json, name="network-plan-json"),
]
