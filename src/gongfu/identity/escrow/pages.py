"""Data escrow in the console: ours at the node above, and what we keep for nodes below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db import models
from django.db.models import Max, Min, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from gongfu.identity.escrow import services
from gongfu.identity.escrow.models import EscrowPlan, EscrowSet
from gongfu.identity.mirror import wire as mirror
from gongfu.identity.mirror.follower import Lag, lag
from gongfu.identity.peers.models import Peer
from gongfu.identity.registry import services as registry
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import is_platform_admin, nobody
from gongfu.kernel.errors import Forbidden, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages.resource import Column, Permissions, Resource
from gongfu.kernel.settings import settings
from gongfu.kernel.tasks import services as tasks

SETS: Resource[EscrowSet] = Resource(
    model=EscrowSet,
    room="identity",
    slug="escrow-sets",
    icon="lock",
    columns=[
        Column("series"),
        Column("number"),
        Column("kind"),
        Column("way"),
        Column("peer"),
        Column("state"),
        Column("records"),
        Column("octets"),
        Column("made_at"),
        Column("verified_at"),
        Column("missing", shown=False),
        Column("trouble", _("Trouble"), export=lambda one: one.trouble, shown=False),
    ],
    filters=["way", "kind", "state", "peer"],
    ordering="-made_at",
    detail=[
        "series",
        "number",
        "kind",
        "way",
        "peer",
        "state",
        "first",
        "last",
        "records",
        "octets",
        "parts",
        "missing",
        "made_at",
        "verified_at",
    ],
    permissions=Permissions(view=is_platform_admin, add=nobody, change=nobody, delete=nobody),
    empty=_("A set is a snapshot or an increment of the identifiers, encrypted."),
)
RESOURCES: Sequence[Resource[models.Model]] = (SETS,)  # type: ignore[assignment]


@dataclass(frozen=True)
class Shown:
    """A series at a glance."""

    peer: Peer
    way: str
    series: str
    snapshot: EscrowSet | None
    increments: int
    octets: int
    records: int
    waiting: int
    damaged: list[EscrowSet]
    verified_at: object
    plan: EscrowPlan | None


@require_http_methods(["GET", "POST"])
def escrow_page(request: HttpRequest) -> HttpResponse:
    """State of every escrow, and the buttons: begin, make now, verify now, end."""
    user = accounts.user_of(request)
    if not is_platform_admin.test(user):
        raise Forbidden(mark("Only the platform administrator sees the data escrow."), remedy=mark("Ask the operator."))
    context: dict[str, object] = {}
    if request.method == "POST":
        text = _do(request, user, request.POST.get("do", ""))
        if not text:
            return HttpResponseRedirect(request.path)
        context["recovery"] = text
    plans = list(EscrowPlan.objects.select_related("peer"))
    begun = {plan.peer_id for plan in plans}
    above = Peer.objects.filter(role=Peer.Role.ABOVE, state=Peer.State.PAIRED).exclude(pk__in=begun)
    return render(
        request,
        "escrow/escrow.html",
        context | {"ours": _ours(plans), "kept": _kept(), "above": above, "mirror": _mirror(), "sets": SETS},
    )


def _do(request: HttpRequest, user: User, what: str) -> str:
    """Perform a button; returns the recovery text to show, if there is one."""
    if what == "begin":
        peer = Peer.objects.filter(pk=_number(request, "peer")).first()
        if peer is None:
            raise NotFound(mark("There is no such node."), remedy=mark("Choose one from the list."))
        return services.begin(user, peer, released=request.POST.get("released") == "on")[1]
    if what == "verify":
        one = EscrowSet.objects.filter(pk=_number(request, "set")).select_related("peer", "organisation").first()
        if one is None:
            raise NotFound(mark("There is no such set."), remedy=mark("Load the page again."))
        tasks.start(
            services.verify,
            services.verification_title(one.peer),
            user=user,
            organisation=one.organisation,
            way=one.way,
            peer=one.peer_id,
            series=one.series,
        )
        messages.success(request, gettext("Verification has begun; see background work."))
        return ""
    plan = EscrowPlan.objects.filter(pk=_number(request, "plan")).first()
    if plan is None or what not in ("now", "end"):
        raise NotFound(mark("There is no such escrow."), remedy=mark("Load the page again."))
    if what == "now":
        services.soon(plan)
        messages.success(request, gettext("The next set is made within seconds."))
    else:
        services.end(user, plan)
        messages.success(request, gettext("The escrow has ended. What was sent stays with the node above."))
    return ""


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid(mark("The parameter {name} cannot be read."), name=name)
    return int(text)


def _ours(plans: list[EscrowPlan]) -> list[Shown]:
    return [_shown(plan.peer, EscrowSet.Way.UP, plan.series, plan) for plan in plans]


def _kept() -> list[Shown]:
    held = EscrowSet.objects.filter(way=EscrowSet.Way.DOWN).order_by().values_list("peer", "series").distinct()
    named = Peer.objects.in_bulk([peer for peer, _series in held])
    return [_shown(named[peer], EscrowSet.Way.DOWN, series, None) for peer, series in held]


def _shown(peer: Peer, way: str, series: str, plan: EscrowPlan | None) -> Shown:
    sets = EscrowSet.objects.filter(peer=peer, way=way, series=series)
    snapshot = sets.filter(kind=EscrowSet.Kind.SNAPSHOT).order_by("-number").first()
    since = sets.filter(number__gte=snapshot.number) if snapshot else sets
    total = since.aggregate(
        octets=Sum("octets"), records=Sum("records"), oldest=Min("verified_at"), newest=Max("verified_at")
    )
    all_verified = not since.filter(verified_at=None).exists()
    return Shown(
        peer,
        way,
        series,
        snapshot,
        since.filter(kind=EscrowSet.Kind.INCREMENT).count(),
        total["octets"] or 0,
        total["records"] or 0,
        since.filter(state=EscrowSet.State.WAITING).count(),
        list(sets.filter(state=EscrowSet.State.DAMAGED)),
        total["oldest"] if all_verified else None,
        plan,
    )


def _mirror() -> Lag | None:
    """How far this node's copy of another is behind, when it keeps one."""
    if not settings().mirror_of:
        return None
    return lag(registry.store(), mirror.source(settings().mirror_of)[1])


urlpatterns = [path("identity/escrow/", escrow_page, name="identity-escrow")]
