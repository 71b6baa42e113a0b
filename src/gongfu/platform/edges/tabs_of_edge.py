"""What the tabs of an edge node's page show."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from importlib.metadata import version

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.permissions import can_edit
from gongfu.platform.devices.models import Device
from gongfu.platform.edges import assigning, charting
from gongfu.platform.edges.models import Edge
from gongfu.platform.edges.reporting import WRONG_CLOCK

SHOWN = dt.timedelta(hours=1)
"""How far the chart reaches back."""
_MOST = 200
PROCESSES = ("gateway", "edge-forward", "edge-control", "nats-server", "supervisor")


@dataclass(frozen=True)
class Process:
    """A process of the edge node, with the shape of its state."""

    name: str
    state: str
    shape: str


def state(request: HttpRequest, edge: Edge) -> dict[str, object]:
    """Up time, clock, disk, what waits to be sent, versions, and what happened."""
    now = timezone.now()
    samples = edge.samples.filter(at__gte=now - SHOWN).order_by("at")
    points = [charting.Point(one.at, one.backlog, one.forwarded) for one in samples]
    offset = edge.clock_offset
    chart = charting.chart(points)
    return {
        "chart": chart,
        "left": "" if chart is None or chart.left is None else _span(chart.left),
        "clock_wrong": offset is not None and abs(offset) > WRONG_CLOCK,
        "clock": "" if offset is None else f"{-offset:+.2f}",
        "disk_low": bool(edge.disk_free) and edge.disk_free < 500_000_000,
        "backlog_percent": round(100 * edge.backlog_bytes / edge.backlog_limit) if edge.backlog_limit else None,
        "processes": [
            Process(name, str(_STATES.get(text, text)), _SHAPES.get(text, "starting"))
            for name, text in sorted(edge.processes.items())
        ],
        "happenings": edge.happenings.all()[:20],
        "devices_total": assigning.devices(edge).count(),
        "devices_online": int(edge.device_states.get("online", 0)),
        "own_version": version("gongfu"),
        "may": can_edit.test(accounts.user_of(request), edge),
        "rules_behind": edge.rules_version != edge.rules_seen,
    }


def _span(span: dt.timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    if minutes < 1:
        return _("%(n)d s") % {"n": span.total_seconds()}
    return _("%(n)d min") % {"n": minutes} if minutes < 120 else _("%(n)d h") % {"n": round(minutes / 60)}


_STATES = {
    "waiting": gettext_lazy("Waiting"),
    "starting": gettext_lazy("Starting"),
    "ready": gettext_lazy("Ready"),
    "unready": gettext_lazy("Not ready"),
    "restarting": gettext_lazy("Restarting"),
    "stopped": gettext_lazy("Stopped"),
}
_SHAPES = {"ready": "ready", "unready": "failing", "restarting": "failing", "stopped": "stopped"}


def devices(request: HttpRequest, edge: Edge) -> dict[str, object]:
    """What it reads, and what it could read."""
    own = assigning.devices(edge).select_related("organisation", "place").order_by("key")
    may = can_edit.test(accounts.user_of(request), edge)
    others = Device.objects.filter(organisation=edge.organisation_id).exclude(gateway=edge.code).order_by("key")
    return {
        "devices": list(own[:_MOST]),
        "count": own.count(),
        "others": list(others[:_MOST]) if may else [],
        "may": may,
    }


def rules(request: HttpRequest, edge: Edge) -> dict[str, object]:
    """What it does by itself."""
    found = edge.rules.select_related("tag__device", "setpoint__tag__device", "proposed_by", "agreed_by")
    return {"rules": list(found), "may": can_edit.test(accounts.user_of(request), edge)}


def orders(request: HttpRequest, edge: Edge) -> dict[str, object]:
    """What can be ordered, and what was."""
    newest = edge.forwarding == Edge.Forwarding.NEWEST
    return {
        "orders": edge.orders.select_related("created_by")[:30],
        "processes": PROCESSES,
        "newest": newest,
        "own_version": version("gongfu"),
        "upgrading": edge.upgrade
        in (Edge.UpgradeState.FETCHING, Edge.UpgradeState.INSTALLING, Edge.UpgradeState.TRYING),
        "may": can_edit.test(accounts.user_of(request), edge),
        "forwarding_now": _("Newest first") if newest else _("Oldest first"),
    }
