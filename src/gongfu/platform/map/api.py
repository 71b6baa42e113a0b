"""The map for programs: indicators, the network, what changed, what was measured."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import Field

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.network.map.days import COLUMNS
from gongfu.network.map.topology import Layer
from gongfu.platform.map import history, services
from gongfu.platform.map.gathering import Gathered, gather

router = Router()
Pk = Annotated[int, Field(ge=1, lt=2**63)]


class Whose(Schema):
    """Whose map; by default the active organisation's, else the one with most devices."""

    organisation: Pk | None = None


class FiguresOut(Schema):
    """Indicators. ``ipv6_rate`` in percent of the hosts whose readiness is known; ``latency`` in milliseconds."""

    name: str
    devices: int
    online: int
    good: int
    uncertain: int
    bad: int
    unknown: int
    ipv6_ready: int
    ipv6_known: int
    ipv6_rate: float | None
    links: int
    links_planned: int
    latency: float | None
    loss: float | None


class IndicatorsOut(FiguresOut):
    """Of an organisation, and of each of its sites."""

    organisation: int
    sites: list[FiguresOut]


class NodeOut(Schema):
    """A thing on the map. ``latency``, ``p95``, ``jitter`` in milliseconds, ``loss`` from 0 to 1."""

    key: str
    layer: str
    kind: str
    name: str
    site: str
    cell: str
    build: str
    grade: str
    device: int | None
    address: str
    latency: float | None
    p95: float | None
    jitter: float | None
    loss: float | None
    ipv6: str
    rate: float | None


class EdgeOut(Schema):
    """A link; ``derived``: nobody drew it, it follows from the device's configuration."""

    key: str
    a: str
    b: str
    kind: str
    derived: bool
    build: str
    grade: str


class NetworkOut(Schema):
    """Everything on the map of an organisation."""

    organisation: int
    nodes: list[NodeOut]
    links: list[EdgeOut]


class ChangeOut(Schema):
    """One difference."""

    news: str
    key: str
    name: str
    what: str
    before: str
    after: str


class ChangesOut(Schema):
    """What differs between two days; ``after`` null is the present."""

    organisation: int
    before: dt.date | None
    after: dt.date | None
    changes: list[ChangeOut]


class Between(Whose):
    """Two days; by default the last one before today, and the present."""

    before: dt.date | None = None
    after: dt.date | None = None


class Lines(Whose):
    """Lines of one node; by default the last day."""

    node: Annotated[str, Field(max_length=80)]
    start: dt.datetime | None = None
    end: dt.datetime | None = None


class LinesOut(Schema):
    """Column → ``[milliseconds since 1970 UTC, value]`` every five minutes."""

    node: str
    lines: dict[str, list[tuple[int, float]]]


@router.get("/map/indicators", response={200: IndicatorsOut} | FAILURES, operation_id="map_indicators")
def indicators(request: HttpRequest, query: Query[Whose]) -> dict[str, object]:
    """IPv6 readiness, links in use and mean quality, in all and of each site."""
    owner = _owner(request, query.organisation)
    found = gather(owner)
    sites = [_figures(found, node.key, node.name) for node in found.topology.nodes if node.layer is Layer.SITE]
    return {**_figures(found, "", str(owner)), "organisation": owner.pk, "sites": sites}


@router.get("/map/network", response={200: NetworkOut} | FAILURES, operation_id="map_network")
def network(request: HttpRequest, query: Query[Whose]) -> dict[str, object]:
    """Nodes and links as they are now, planned ones among them."""
    owner = _owner(request, query.organisation)
    found = gather(owner, everything=True)
    nodes = []
    for node in found.topology.nodes:
        quality = found.qualities.get(node.key)
        device = found.devices.get(node.key)
        nodes.append(
            {
                "key": node.key,
                "layer": node.layer.name.lower(),
                "kind": node.kind,
                "name": node.name,
                "site": node.site,
                "cell": node.cell,
                "build": node.build.value,
                "grade": node.grade.value,
                "device": device.pk if device else None,
                "address": str(found.addresses.get(node.key, "")),
                "latency": quality.latency if quality else None,
                "p95": quality.p95 if quality else None,
                "jitter": quality.jitter if quality else None,
                "loss": quality.loss if quality else None,
                "ipv6": quality.ipv6 if quality else "unknown",
                "rate": quality.rate if quality else None,
            }
        )
    links = [
        {
            "key": edge.key,
            "a": edge.a,
            "b": edge.b,
            "kind": edge.kind,
            "derived": edge.derived,
            "build": edge.build.value,
            "grade": edge.grade.value,
        }
        for edge in found.topology.edges
    ]
    return {"organisation": owner.pk, "nodes": nodes, "links": links}


@router.get("/map/changes", response={200: ChangesOut} | FAILURES, operation_id="map_changes")
def changes(request: HttpRequest, query: Query[Between]) -> dict[str, object]:
    """What is new, gone, moved, worse or better."""
    owner = _owner(request, query.organisation)
    before, after, found = history.changes(owner, query.before, query.after)
    return {
        "organisation": owner.pk,
        "before": before,
        "after": after,
        "changes": [
            {
                "news": one.news.value,
                "key": one.key,
                "name": one.name,
                "what": one.what,
                "before": one.before,
                "after": one.after,
            }
            for one in found
        ],
    }


@router.get("/map/quality", response={200: LinesOut} | FAILURES, operation_id="map_quality")
def quality(request: HttpRequest, query: Query[Lines]) -> dict[str, object]:
    """What was measured of one node."""
    owner = _owner(request, query.organisation)
    end = query.end or timezone.now()
    start = query.start or end - dt.timedelta(days=1)
    if start.tzinfo is None or end.tzinfo is None:
        raise Invalid(mark("Times need a time zone."), remedy=mark("Write them like 2026-11-20T14:05:00+08:00."))
    if not dt.timedelta(0) < end - start <= dt.timedelta(days=history.KEEP_DAYS):
        raise Invalid(mark("{start} to {end} is no range of time."), start=start.isoformat(), end=end.isoformat())
    if query.node not in gather(owner, everything=True).nodes:
        raise NotFound(mark("{node} is not on the map."), node=query.node)
    return {"node": query.node, "lines": history.lines(owner, query.node, COLUMNS[1:], start, end)}


def _owner(request: HttpRequest, pk: int | None) -> Organisation:
    found = services.owner_for(accounts.user_of(request), pk, accounts.active_organisation(request))
    if found is None:
        raise NotFound(mark("There is no organisation {pk}."), pk=pk or "")
    return found


def _figures(found: Gathered, site: str, name: str) -> dict[str, object]:
    said = services.figures(found, site)
    return {
        "name": name,
        "devices": said.devices,
        "online": said.online,
        **{grade.value: count for grade, count in said.graded.items()},
        "ipv6_ready": said.ipv6_ready,
        "ipv6_known": said.ipv6_known,
        "ipv6_rate": said.ipv6_rate,
        "links": said.links,
        "links_planned": said.links_planned,
        "latency": said.latency,
        "loss": said.loss,
    }
