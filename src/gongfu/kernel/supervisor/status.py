"""What the supervisor tells of its processes, and how to ask it."""

from __future__ import annotations

import urllib.error
import urllib.request
from enum import StrEnum

import msgspec

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings


class State(StrEnum):
    """Where a process is in its life."""

    WAITING = "waiting"
    """Not started yet: the database is being prepared."""
    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    """Runs, but says that something it needs is missing, or does not answer."""
    RESTARTING = "restarting"
    """Died; started again after a pause."""
    STOPPED = "stopped"


class Condition(msgspec.Struct, frozen=True):
    """One thing a process needs in order to be ready."""

    ok: bool
    detail: str = ""


class ProcessStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process. ``since`` in seconds since the epoch; ``cpu_percent`` of one core, over the last seconds."""

    name: str
    pid: int | None
    state: State
    since: float
    restarts: int
    last_exit: str
    """How it ended last: ``exit 1``, ``SIGKILL``; empty while it never did."""
    memory_bytes: int
    """Resident, with its own children."""
    cpu_percent: float
    port: int
    conditions: dict[str, Condition]
    created: float | None = None
    """When the operating system started ``pid``: a number alone may mean another process later."""


def fetch(settings: Settings, timeout: float = 2.0) -> list[ProcessStatus]:
    """Ask the running supervisor; raises :class:`Unavailable` when none answers."""
    address = f"http://127.0.0.1:{settings.supervisor_port}/processes"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=timeout) as answer:
            return msgspec.json.decode(answer.read(), type=list[ProcessStatus])
    except (OSError, urllib.error.URLError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise Unavailable(
            mark("Gongfu is not running: nothing answers on port {port}."),
            remedy=mark("Start it with gongfu up, or set GONGFU_HOME and GONGFU_SUPERVISOR_PORT as it was started."),
            port=settings.supervisor_port,
        ) from error
