"""Paths and delegations for programs."""

from __future__ import annotations

from typing import Annotated

from django.http import HttpRequest
from ninja import Body, Router, Status
from pydantic import BaseModel, Field

from gongfu.identity.handle import site
from gongfu.identity.handle.codes import PORT
from gongfu.identity.hierarchy import services
from gongfu.identity.recursion.trace import Hop
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.api import FAILURES
from gongfu.kernel.pages.schemas import Wire

router = Router()


class PathHop(BaseModel):
    """One question: for what, to whom, which prefix is served there, what came back, how long it took."""

    asked: str
    purpose: str
    server: str
    service: str
    transport: str
    code: int
    took_ms: float
    cached: bool
    stale: bool
    problem: str


class PathValue(BaseModel):
    """One value found."""

    index: int
    type: str
    data: str
    ttl: int


class ResolutionPath(BaseModel):
    """How an identifier was reached; ``code`` is the Handle protocol's, ``error`` says why it was not."""

    handle: str
    code: int
    took_ms: float
    stale: bool
    resolver: str
    error: str
    hops: list[PathHop]
    values: list[PathValue]


class SiteServer(Wire):
    """Where one server of the prefix listens, UDP and TCP."""

    address: Annotated[str, Field(max_length=45)]
    port: Annotated[int, Field(ge=1, le=65_535)] = PORT


class Served(Wire):
    """Who serves a prefix instead of this node; an identifier's server among several is told by a hash."""

    servers: Annotated[list[SiteServer], Field(min_length=1, max_length=16)]
    description: Annotated[str, Field(max_length=100)] = ""


@router.get("/trace/{path:handle}", response={200: ResolutionPath} | FAILURES, operation_id="identity_trace")
def trace_identifier(request: HttpRequest, handle: str) -> ResolutionPath:
    """The path to an identifier, whatever node has it; a failure is part of the answer, with the hop it is about."""
    found = services.path_of(accounts.user_of(request), handle)
    return ResolutionPath(
        handle=found.trace.handle,
        code=found.trace.code,
        took_ms=found.trace.took_ms,
        stale=found.trace.stale,
        resolver=found.trace.resolver,
        error=found.error.text() if found.error else "",
        hops=[_hop(hop) for hop in found.trace.hops],
        values=[
            PathValue(index=value.index, type=value.type, data=value.text, ttl=value.ttl) for value in found.values
        ],
    )


@router.get("/prefix-sites/{name}", response={200: Served} | FAILURES, operation_id="identity_prefix_site_get")
def get_site(request: HttpRequest, name: str) -> Served:
    """Who serves a prefix; a conflict when this node does."""
    prefix = registry.prefix_named(accounts.user_of(request), name)
    sites = registry.served_at(prefix.name)
    if not sites:
        raise Conflict(mark("{name} is served here."), name=prefix.name)
    servers = [
        SiteServer(address=str(server.address), port=server.interfaces[0].port if server.interfaces else PORT)
        for server in sites[0].servers
    ]
    return Served(servers=servers, description=dict(sites[0].attributes).get("desc", ""))


@router.put("/prefix-sites/{name}", response={200: Served} | FAILURES, operation_id="identity_prefix_site_put")
def put_site(request: HttpRequest, name: str, data: Body[Served]) -> Served:
    """Say that a prefix is served elsewhere: questions below it are referred there from now on."""
    user = accounts.user_of(request)
    single = [site.single(server.address, server.port).servers[0] for server in data.servers]
    servers = tuple(site.Server(number, server.address, server.interfaces) for number, server in enumerate(single, 1))
    attributes = (("desc", data.description),) if data.description else ()
    registry.delegate(user, registry.prefix_named(user, name), site.Site(servers, attributes=attributes))
    return data


@router.delete("/prefix-sites/{name}", response={204: None} | FAILURES, operation_id="identity_prefix_site_delete")
def delete_site(request: HttpRequest, name: str) -> Status[None]:
    """Serve a prefix here again."""
    user = accounts.user_of(request)
    registry.undelegate(user, registry.prefix_named(user, name))
    return Status(204, None)


def _hop(hop: Hop) -> PathHop:
    return PathHop(
        asked=hop.asked,
        purpose=hop.purpose.value,
        server=hop.server,
        service=hop.service,
        transport=hop.transport,
        code=hop.code,
        took_ms=hop.took_ms,
        cached=hop.cached,
        stale=hop.stale,
        problem=hop.problem.value,
    )
