"""运行状态: the processes of this node, and the page about the product."""

from __future__ import annotations

import datetime as dt
import platform
from importlib.metadata import version

import django
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from gongfu.console import plant
from gongfu.kernel.settings import settings
from gongfu.kernel.supervisor.status import ProcessStatus, State

TASKS = {
    "nats-server": _("Message bus: every reading and command passes here"),
    "recorder": _("Writes readings into the telemetry store and answers queries"),
    "resolver": _("Answers about identifiers over the Handle protocol"),
    "worker": _("Background jobs; sends configuration to gateways"),
    "gateway": _("Talks to the devices"),
    "northbound": _("Serves devices to other programs"),
    "streams": _("Evaluates alarm rules over the readings"),
    "web": _("This console and the API"),
    "simulate": _("The machines of the demonstration plant"),
}
STATES = {
    State.WAITING: (_("Waiting"), "starting"),
    State.STARTING: (_("Starting"), "starting"),
    State.READY: (_("Ready"), "ready"),
    State.UNREADY: (_("Not ready"), "failing"),
    State.RESTARTING: (_("Restarting"), "failing"),
    State.STOPPED: (_("Stopped"), "stopped"),
}


class Row:
    """One process as the page shows it."""

    def __init__(self, status: ProcessStatus) -> None:
        self.status = status
        self.task = TASKS.get(status.name, "")
        self.label, self.state = STATES[status.state]
        self.since = dt.datetime.fromtimestamp(status.since, dt.UTC)
        self.memory = f"{status.memory_bytes / 1e6:,.0f}"
        self.failing = [(name, c.detail) for name, c in status.conditions.items() if not c.ok]


@never_cache
@require_GET
def processes_page(request: HttpRequest) -> HttpResponse:
    """Name, state, since, restarts, last exit, memory, processor, port, what is missing."""
    found = plant.known("processes", plant.processes)
    rows = [Row(status) for status in found.value or ()]
    context = {
        "found": found,
        "rows": rows,
        "ready": sum(row.status.state is State.READY for row in rows),
        "memory": sum(row.status.memory_bytes for row in rows) / 1e6,
    }
    template = "console/_processes.html" if request.headers.get("HX-Request") else "console/processes.html"
    return render(request, template, context)


@require_GET
def about_page(request: HttpRequest) -> HttpResponse:
    """What this is, in which version, on what."""
    node = settings()
    facts = [
        (_("Version"), version("gongfu")),
        (_("Node"), node.node),
        (_("Address"), node.url),
        (_("Time zone"), node.timezone),
        (_("Identifier prefix"), node.identifier_prefix),
        (_("Database"), connection.vendor),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
    ]
    return render(request, "console/about.html", {"facts": facts})
