"""Orders to edge nodes: asked over the bus, answered at once, kept with what came of them."""

from __future__ import annotations

import contextlib

import msgspec
from django.db import transaction

from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Unavailable, packed, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings
from gongfu.network.edge import contract
from gongfu.network.edge.contract import Forget, Forward, ForwardOrder, Install, Logs, OrderAnswer, Restart
from gongfu.platform.devices import desk
from gongfu.platform.edges import wheels
from gongfu.platform.edges.models import Edge, EdgeOrder

WITHIN = 10.0
"""Seconds that an edge node has to answer."""
_FAREWELL = 2.0
FOLDER = "edges"
"""Of wheels, below home."""
_KIND = {
    Logs: EdgeOrder.Kind.LOGS,
    Restart: EdgeOrder.Kind.RESTART,
    Forward: EdgeOrder.Kind.FORWARD,
    Install: EdgeOrder.Kind.UPGRADE,
}
_encoder = msgspec.json.Encoder()
_answers = msgspec.json.Decoder(OrderAnswer)


class Refused(Conflict):
    """The edge node did not do it; ``problem`` is its own error, packed."""

    def __init__(self, problem: str) -> None:
        super().__init__(mark("The edge node did not do it: {problem}"), problem=unpacked(problem))
        self.problem = problem


def restart(user: User, edge: Edge, process: str = "") -> EdgeOrder:
    """Start one process of it anew, or all but the bus."""
    return _give(user, edge, Restart(process=process), process)[0]


def forward(user: User, edge: Edge, order: ForwardOrder) -> EdgeOrder:
    """What it sends first after a cut."""
    return _give(user, edge, Forward(order=order), order.value)[0]


def logs(user: User, edge: Edge, process: str, lines: int = 200) -> str:
    """The last lines that a process of it wrote."""
    return _give(user, edge, Logs(process=process, lines=lines), process)[1].text


def upgrade(user: User, edge: Edge) -> EdgeOrder:
    """Have it fetch this node's own version and try it; how far that is, it reports by itself."""
    wheel = wheels.make(settings().path(FOLDER, "x").parent)
    made = _give(user, edge, Install(version=wheel.version, path=wheel.path, sha256=wheel.sha256), wheel.version)[0]
    Edge.objects.filter(pk=edge.pk).update(upgrade=Edge.UpgradeState.FETCHING, upgrade_detail=wheel.version)
    return made


def forget(code: str) -> None:
    """Tell it that this node has it no longer; one that cannot be reached finds out when it is not let in."""
    with contextlib.suppress(GongfuError):
        desk.request(contract.orders_subject(code), _encoder.encode(Forget(edge=code)), _FAREWELL)


def _give(
    user: User, edge: Edge, order: Logs | Restart | Forward | Install, detail: str
) -> tuple[EdgeOrder, OrderAnswer]:
    """Ask ``edge``; raises :class:`Refused`, :class:`Unavailable`, :class:`Forbidden`. Kept and audited either way."""
    if not can_edit.test(user, edge):
        raise Forbidden(
            mark("You may not give orders to {edge}."),
            remedy=mark("Ask an administrator of the organisation for the role it needs."),
            edge=edge,
        )
    error: GongfuError | None = None
    answer = OrderAnswer(ok=False)
    try:
        answer = _ask(edge, order)
        if not answer.ok:
            error = Refused(answer.problem)
    except GongfuError as found:
        error = found
    problem = "" if error is None else answer.problem[:1000] or packed(error, 1000)
    with transaction.atomic():
        made = EdgeOrder.objects.create(
            organisation=edge.organisation,
            created_by=user,
            edge=edge,
            kind=_KIND[type(order)],
            detail=detail[:500],
            state=EdgeOrder.State.DONE if error is None else EdgeOrder.State.FAILED,
            problem=problem,
        )
        after: audit.State = {"detail": made.detail, "outcome": made.state, "problem": unpacked(problem, "en")[:500]}
        audit.record(user, f"order_{made.kind}", edge, after=after)
    if error is not None:
        raise error
    return made, answer


def _ask(edge: Edge, order: contract.EdgeOrder) -> OrderAnswer:
    if not edge.has_joined:
        raise Conflict(mark("{edge} has not joined."), remedy=mark("Let a machine join first."), edge=edge)
    data = desk.request(contract.orders_subject(edge.code), _encoder.encode(order), WITHIN)
    try:
        return _answers.decode(data)
    except msgspec.DecodeError as error:
        raise Unavailable(mark("{edge} gave an answer that cannot be read."), edge=edge) from error
