"""What edge nodes say of themselves, written down: state, backlog, what happened, and who fell silent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from gongfu.kernel.errors import Unavailable, packed, unpacked
from gongfu.kernel.i18n import mark
from gongfu.network.edge.contract import EdgeState
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import rules
from gongfu.platform.edges.models import Edge, Happening, Sample

SAMPLE_EVERY = dt.timedelta(seconds=10)
WRONG_CLOCK = 2.0
"""Seconds by which a clock may be wrong before it is told of."""
_MOST_ERRORS = 10
Kind = Happening.Kind
Told = list[tuple[Happening.Kind, str]]


def write(states: Mapping[str, EdgeState]) -> None:
    """Take over what edge nodes said, by their codes. One that is suspended, or that nobody knows, is passed over."""
    now = timezone.now()
    with transaction.atomic():
        for edge in Edge.objects.select_for_update(of=("self",)).filter(code__in=states, admitted=True):
            state = states[edge.code]
            if state.edge == edge.code:
                _take(edge, state, now)


def _take(edge: Edge, state: EdgeState, now: dt.datetime) -> None:
    told = _news(edge, state)
    if edge.state != Edge.State.ONLINE:
        edge.state, edge.state_since = Edge.State.ONLINE, now
        told.insert(0, (Kind.ONLINE, ""))
    edge.last_seen_at = now
    edge.version, edge.platform = state.version[:200], state.platform[:200] or edge.platform
    edge.started_at = _moment(state.started)
    edge.clock_offset = state.clock_offset
    edge.disk_free = state.disk_free
    edge.backlog, edge.backlog_bytes, edge.backlog_limit = (
        state.backlog.messages,
        state.backlog.bytes,
        state.backlog.limit,
    )
    edge.backlog_since = _moment(state.backlog.oldest)
    edge.forwarded = state.forwarded.readings
    edge.forwarding = state.order.value
    edge.device_states = {name[:40]: count for name, count in list(state.devices.items())[:20]}
    edge.processes = {name[:40]: text[:100] for name, text in list(state.processes.items())[:20]}
    edge.errors = [text[:1000] for text in state.errors[:_MOST_ERRORS]]
    edge.rules_seen, edge.rules_problem = state.rules_version, state.rules_problem[:1000]
    edge.rules_fired = state.fired
    edge.upgrade, edge.upgrade_detail = state.upgrade.value, state.upgrade_detail[:500]
    edge.save()
    happened(edge, told)
    last = edge.samples.order_by("-at").values_list("at", flat=True).first()
    if last is None or now - last >= SAMPLE_EVERY:
        Sample.objects.create(edge=edge, at=now, backlog=edge.backlog, forwarded=edge.forwarded)
        edge.samples.filter(at__lt=now - Sample.KEPT).delete()


def _news(edge: Edge, state: EdgeState) -> Told:
    """What is different from the last report, and worth a line."""
    told: Told = []
    if edge.started_at is not None and state.started and edge.started_at != _moment(state.started):
        told.append((Kind.RESTARTED, ""))
    if edge.version and edge.version != state.version:
        told.append((Kind.VERSION, f"{edge.version} → {state.version}"))
    if state.rules_version != edge.rules_seen:
        told.append((Kind.RULES, f"v{state.rules_version}"))
    if state.rules_problem and state.rules_problem[:1000] != edge.rules_problem:
        told.append((Kind.REFUSED, state.rules_problem))
    if state.upgrade.value != edge.upgrade:
        label = Edge.UpgradeState(state.upgrade.value)
        told.append((Kind.UPGRADE, f"{label.value} {unpacked(state.upgrade_detail, 'en')}"))
    wrong, was = _is_wrong(state.clock_offset), _is_wrong(edge.clock_offset)
    if wrong and not was and state.clock_offset is not None:
        told.append((Kind.CLOCK, f"{-state.clock_offset:+.1f} s"))
    return told


def _is_wrong(offset: float | None) -> bool:
    return offset is not None and abs(offset) > WRONG_CLOCK


def happened(edge: Edge, told: Sequence[tuple[Happening.Kind, str]]) -> None:
    """Write down what happened to ``edge``; the oldest goes."""
    if not told:
        return
    Happening.objects.bulk_create([Happening(edge=edge, kind=kind, detail=detail[:500]) for kind, detail in told])
    oldest = edge.happenings.values_list("pk", flat=True)[Happening.MOST : Happening.MOST + 1]
    if last := list(oldest):
        edge.happenings.filter(pk__lte=last[0]).delete()


def find_silent() -> int:
    """Edge nodes that fell silent are offline, and so is what they read, as far as this node knows; how many."""
    now = timezone.now()
    silent = Edge.objects.filter(state=Edge.State.ONLINE).filter(
        Q(last_seen_at=None) | Q(last_seen_at__lt=now - rules.SILENT_AFTER)
    )
    count = 0
    for edge in silent:
        with transaction.atomic():
            changed = Edge.objects.filter(pk=edge.pk, state=Edge.State.ONLINE, last_seen_at=edge.last_seen_at).update(
                state=Edge.State.OFFLINE, state_since=now
            )
            if changed:
                count += 1
                happened(edge, [(Kind.OFFLINE, "")])
                lose_devices(edge, now)
    return count


def lose_devices(edge: Edge, now: dt.datetime) -> None:
    """This node no longer knows how the devices of ``edge`` are."""
    problem = packed(
        Unavailable(
            mark("The edge node {edge} is away: what it reads meanwhile comes when it is back."),
            remedy=mark("See to its power and network."),
            edge=edge.name,
        )
    )
    Device.objects.filter(gateway=edge.code, organisation=edge.organisation_id, life=Device.Life.IN_SERVICE).exclude(
        connection=Device.Connection.REFUSED
    ).update(connection=Device.Connection.OFFLINE, connection_since=now, problem=problem)


def _moment(microseconds: int) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(microseconds / 1e6, dt.UTC) if microseconds > 0 else None
    except (OverflowError, ValueError, OSError):
        return None
