"""The only door to edge nodes: find them, store them, remove them, and say how they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import msgspec
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from gongfu.kernel import nats_server
from gongfu.kernel.accounts.models import Organisation, User
from gongfu.kernel.errors import Conflict, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.platform.devices import applying, versions
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import assigning, joining, ordering, rules
from gongfu.platform.edges.models import Edge, EdgeRule
from gongfu.platform.edges.workflow import agrees

_MOST_ASKED = 100


@dataclass(frozen=True)
class Overview:
    """How the edge nodes that a user may see are, in numbers."""

    total: int
    online: int
    offline: int
    waiting: int


def edge_for(user: User, pk: int) -> Edge:
    """The edge node; raises :class:`NotFound` also when it is another organisation's."""
    found = Edge.objects.visible_to(user).select_related("organisation", "place").filter(pk=pk).first()
    if found is None:
        raise NotFound(mark("There is no edge node {pk}."), pk=pk)
    return found


def overview(user: User) -> Overview:
    """Numbers for the list's first sentence."""
    counts = dict(Edge.objects.visible_to(user).order_by().values_list("state").annotate(Count("pk")))
    return Overview(
        total=sum(counts.values()),
        online=counts.get(Edge.State.ONLINE.value, 0),
        offline=counts.get(Edge.State.OFFLINE.value, 0),
        waiting=counts.get(Edge.State.WAITING.value, 0),
    )


def proposed_rules(user: User) -> QuerySet[EdgeRule]:
    """Rules that wait for a second person."""
    return EdgeRule.objects.visible_to(user).filter(state=EdgeRule.State.PROPOSED)


def waiting_rules(user: User) -> int:
    """How many of them wait for ``user`` to agree, or not."""
    found = proposed_rules(user).select_related("organisation")
    return sum(agrees.test(user, rule) for rule in found[:_MOST_ASKED])


def visible(user: User) -> QuerySet[Edge]:
    """Edge nodes that ``user`` may know of, each with how many devices it ``reads``."""
    own = Device.objects.filter(organisation=OuterRef("organisation"), gateway=OuterRef("code")).order_by()
    counted = Subquery(own.values("gateway").annotate(n=Count("pk")).values("n"))
    return (
        Edge.objects.visible_to(user)
        .select_related("organisation", "place")
        .annotate(reads=Coalesce(counted, Value(0)))
    )


def free_code(organisation: Organisation) -> str:
    """A code that nobody has."""
    stem = f"{organisation.code.lower()[:28]}-edge".replace("_", "-")
    taken = set(Edge.objects.filter(code__startswith=stem).values_list("code", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"{stem}-{n}" not in taken)
    return f"{stem}-{number}"


def save(edge: Edge, user: User, new: bool) -> None:
    """Store an edge node; raises :class:`Invalid`, :class:`Conflict`."""
    del user
    if edge.place is not None and edge.place.organisation_id != edge.organisation_id:
        raise Invalid(mark("{place} belongs to another organisation."), place=edge.place)
    if new:
        edge.code = edge.code or free_code(edge.organisation)
        rules.check_code(edge.code, settings().node)
        others = Device.objects.exclude(organisation=edge.organisation_id)
        # Whoever named a gateway so would have its passwords sent there.
        if Edge.objects.filter(code=edge.code).exists() or others.filter(gateway=edge.code).exists():
            raise Conflict(mark("The code {code} is taken."), remedy=mark("Choose another one."), code=edge.code)
    else:
        before = Edge.objects.get(pk=edge.pk)
        if (before.code, before.organisation_id) != (edge.code, edge.organisation_id):
            raise Invalid(
                mark("Code and organisation of {edge} stand in its credentials and cannot change."),
                remedy=mark("Add another edge node."),
                edge=before.name,
            )
    edge.save()


def remove(edge: Edge, user: User) -> None:
    """Delete an edge node that reads no device; what it read stays in the store. Raises :class:`Conflict`."""
    del user
    count = assigning.devices(edge).count()
    if count:
        raise Conflict(
            mark("{edge} reads {count} devices."),
            remedy=mark("Give them to another gateway first, on their configuration page or in a spreadsheet."),
            edge=edge,
            count=count,
        )
    code, joined = edge.code, edge.has_joined
    edge.delete()

    def dismiss() -> None:
        if joined:
            ordering.forget(code)
        joining.write()
        nats_server.forget_edge_password(settings().home, code)

    transaction.on_commit(dismiss)


def is_wheel_reader(user: str, password: str) -> bool:
    """Whether these are the credentials of an edge node that has joined."""
    code = user.removeprefix(nats_server.edge_user(""))
    if nats_server.edge_user(code) != user or not Edge.objects.filter(code=code, admitted=True).exists():
        return False
    known = nats_server.edge_password(settings().home, code)
    return secrets.compare_digest(known.encode(), password.encode("utf-8", "replace"))


def assign(user: User, edge: Edge, device: Device) -> applying.Outcome:
    """Have ``edge`` read ``device`` from now on; what read it before forgets it. Raises :class:`Forbidden`."""
    document = msgspec.structs.replace(versions.fresh(device), gateway=edge.code)
    return applying.put(user, device.organisation, document)
