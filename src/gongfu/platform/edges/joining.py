"""How a machine becomes an edge node: an invitation made once, shown once, taken up once.

Of two machines with one token the first one wins. What a wrong, a used and an expired token hear is the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gongfu.kernel import nats_server
from gongfu.kernel.accounts.models import SignInThrottle, User
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.network.edge.contract import JoinAnswer, JoinRequest, Leaf
from gongfu.platform.edges import reporting, rules
from gongfu.platform.edges.assigning import ticket_key
from gongfu.platform.edges.errors import JoinRefused, TooManyJoins
from gongfu.platform.edges.models import Edge, Happening, JoinToken

FREE_FAILURES = 10
"""Wrong tokens from one address before waiting begins."""
LONGEST_WAIT = dt.timedelta(minutes=15)
FORGET_AFTER = dt.timedelta(hours=1)


def require_possible(host: str) -> None:
    """Raise :class:`Conflict` while no edge node can join this node; ``host`` is how it is called."""
    node = settings()
    if node.bus_url:
        raise Conflict(
            mark("This node uses a bus of its own, in which it creates no users."),
            remedy=mark("Remove bus_url, or give the edge node credentials by hand."),
        )
    nats_server.leaf_url(node, host)


def invite(user: User, edge: Edge) -> tuple[JoinToken, str]:
    """A token for ``edge`` and its text, which cannot be had again; earlier ones are worthless from now on."""
    if edge.state != Edge.State.WAITING:
        raise Conflict(
            mark("{edge} has joined already, or is suspended."),
            remedy=mark("Suspend it and let it join again to give its place to another machine."),
            edge=edge,
        )
    text = rules.new_token()
    with transaction.atomic():
        edge.tokens.filter(used_at=None).delete()
        made = JoinToken.objects.create(
            organisation=edge.organisation,
            created_by=user,
            edge=edge,
            digest=rules.digest(text),
            expires_at=timezone.now() + rules.VALID_FOR,
        )
        audit.record(user, "invite", edge, after={"valid_until": made.expires_at.isoformat(timespec="seconds")})
    return made, text


def join(asked: JoinRequest, address: str, host: str) -> JoinAnswer:
    """Make the machine at ``address`` the edge node that its token names; ``host`` is how it called this node.

    Raises :class:`JoinRefused`, :class:`TooManyJoins`, and :class:`Conflict` when no edge node can join at all.
    """
    key = hashlib.sha256(f"edge join\n{address}".encode()).hexdigest()
    _require_patience(key)
    require_possible(host)
    try:
        with transaction.atomic():
            return _take_up(asked, address, host)
    except JoinRefused:
        _count(key)
        raise


def _take_up(asked: JoinRequest, address: str, host: str) -> JoinAnswer:
    now = timezone.now()
    open_now = JoinToken.objects.filter(digest=rules.digest(asked.token), used_at=None, expires_at__gt=now)
    token = open_now.first()
    # Whoever turns the token from open to used has it: the database lets one do that.
    if token is None or not open_now.update(used_at=now, used_from=address[:45]):
        raise _refused()
    edge = Edge.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=token.edge_id)
    if edge.state != Edge.State.WAITING:
        raise _refused()
    before = audit.state(edge)
    edge.generation += 1
    edge.admitted = True
    edge.state = Edge.State.OFFLINE  # until it reports
    edge.joined_at = edge.state_since = now
    edge.host, edge.version, edge.platform = asked.name, asked.version, asked.platform
    edge.last_seen_at, edge.rules_seen, edge.upgrade = None, 0, Edge.UpgradeState.NONE
    edge.save()
    Happening.objects.create(edge=edge, kind=Happening.Kind.JOINED, detail=f"{asked.name} {address}"[:500])
    audit.record(f"edge {edge.code}"[:150], "join", edge, before=before, after=audit.state(edge))
    node = settings()
    nats_server.forget_edge_password(node.home, edge.code)  # whoever had this place before has it no more
    admit()
    return JoinAnswer(
        edge=edge.code,
        name=edge.name,
        node=node.node,
        org=edge.organisation_id,
        org_code=edge.organisation.code,
        leaf=Leaf(
            url=nats_server.leaf_url(node, host),
            user=nats_server.edge_user(edge.code),
            password=nats_server.edge_password(node.home, edge.code),
            ca=nats_server.leaf_ca(node),
        ),
        tickets=ticket_key(edge),
        language=node.language,
        timezone=node.timezone,
        time=time.time_ns() // 1000,
    )


def on_revoked(sender: object, edge: Edge, **_: object) -> None:
    """Lock it out once this transaction commits; what it reads cannot be seen from here any more."""
    del sender
    reporting.lose_devices(edge, timezone.now())
    admit()


def admit() -> None:
    """Let exactly the edge nodes that have joined reach the bus, once this transaction commits."""
    transaction.on_commit(write)


def write() -> None:
    """Let exactly the edge nodes of the database reach the bus now."""
    node = settings()
    if node.bus_url:
        return
    admitted = Edge.objects.filter(admitted=True).order_by("code").values_list("code", "organisation")
    nats_server.write_edges(node.home, [nats_server.EdgeUser(code, org) for code, org in admitted])


def _refused() -> JoinRefused:
    return JoinRefused(
        mark("This token is not valid."),
        remedy=mark("It works once and for an hour: have a new one made on the page of the edge node."),
    )


def _require_patience(key: str) -> None:
    found = SignInThrottle.objects.filter(key=key).first()
    if found is None or found.failures < FREE_FAILURES:
        return
    pause = min(dt.timedelta(seconds=30 * 2 ** min(found.failures - FREE_FAILURES, 10)), LONGEST_WAIT)
    seconds = int((found.last_at + pause - timezone.now()).total_seconds())
    if seconds > 0:
        raise TooManyJoins(
            mark("Too many wrong tokens came from there."),
            remedy=mark("Wait {seconds} seconds, then try again."),
            seconds=seconds,
        )


def _count(key: str) -> None:
    now = timezone.now()
    SignInThrottle.objects.filter(key=key, last_at__lt=now - FORGET_AFTER).delete()
    found, new = SignInThrottle.objects.get_or_create(key=key, defaults={"failures": 1, "last_at": now})
    if not new:
        SignInThrottle.objects.filter(pk=found.pk).update(failures=F("failures") + 1, last_at=now)
