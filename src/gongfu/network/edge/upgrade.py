"""Fetching another version of Gongfu from the node; ``gongfu edge`` then tries it, and goes back if need be."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from gongfu.kernel.errors import Conflict, GongfuError, Invalid, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.network.edge import versions
from gongfu.network.edge.contract import Install, Leaf, Upgrade
from gongfu.network.edge.credentials import Membership
from gongfu.network.edge.join import connect

TIMEOUT = 60.0
_LARGEST = 200_000_000
_AT_ONCE = 1 << 20
_BUSY = (Upgrade.FETCHING, Upgrade.INSTALLING, Upgrade.TRYING)
_SOON = 0.5
"""Seconds before the supervisor is told to end, so that the answer gets away first."""

_log = structlog.get_logger("edge-forward")


class Upgrader:
    """Carries out :class:`Install` orders; ``state`` and ``detail`` are reported."""

    def __init__(self, settings: Settings, membership: Membership) -> None:
        self._settings = settings
        self._membership = membership
        self._own: tuple[Upgrade, str] | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def state(self) -> Upgrade:
        """How far the newest upgrade is."""
        return self._own[0] if self._own else versions.chosen(self._settings.home).state

    @property
    def detail(self) -> str:
        """Its version, or why it failed."""
        return self._own[1] if self._own else versions.chosen(self._settings.home).detail

    async def install(self, order: Install) -> str:
        """Begin; raises :class:`Conflict` while another is under way."""
        if self.state in _BUSY:
            raise Conflict(mark("Another upgrade is under way."), remedy=mark("Wait until it is done."))
        supervisor = supervisor_pid(self._settings.home)
        if supervisor is None:
            raise Conflict(mark("Nobody here could start the new version."), remedy=mark("Start it with gongfu edge."))
        self._own = (Upgrade.FETCHING, order.version)
        self._work = asyncio.create_task(self._run(order, supervisor))
        return order.version

    async def _run(self, order: Install, supervisor: int) -> None:
        home = self._settings.home
        try:
            name = await asyncio.to_thread(self._bring, order)
        except (GongfuError, OSError) as error:
            _log.warning("upgrade failed", version=order.version, reason=str(error))
            self._own = None
            before = versions.chosen(home)
            versions.choose(home, versions.Chosen(before.current, "", Upgrade.FAILED, packed(error)))
            return
        before = versions.chosen(home)
        versions.choose(home, versions.Chosen(before.current, name, Upgrade.TRYING, order.version))
        self._own = None
        await asyncio.sleep(_SOON)
        with contextlib.suppress(ProcessLookupError):
            os.kill(supervisor, signal.SIGTERM)

    def _bring(self, order: Install) -> str:
        """Fetch and unpack; returns the folder's name."""
        name = order.sha256[:16]
        target = versions.folder(self._settings.home, name)
        if target.is_dir():
            return name
        wheel = self._settings.path("edge", "versions", f".{name}.whl")
        draft = versions.folder(self._settings.home, f".{name}.{os.getpid()}")
        try:
            fetch(self._membership.url, order, self._membership.answer.leaf, self._membership.ca, wheel)
            self._own = (Upgrade.INSTALLING, order.version)
            versions.unpack(wheel, draft)
            draft.rename(target)
        finally:
            wheel.unlink(missing_ok=True)
        return name


def fetch(url: str, order: Install, leaf: Leaf, ca: str, target: Path) -> None:
    """Write what the node serves to ``target``; raises :class:`Invalid` when it is not the file that was named."""
    parts = urlsplit(url)
    who = base64.b64encode(f"{leaf.user}:{leaf.password}".encode()).decode()
    digest, size = hashlib.sha256(), 0
    try:
        connection = connect(url, ca, TIMEOUT)
        try:
            connection.request("GET", parts.path.rstrip("/") + order.path, headers={"Authorization": f"Basic {who}"})
            with connection.getresponse() as response, target.open("wb") as file:
                if response.status != 200:
                    raise Unavailable(mark("The new version is not here: {reason}."), reason=f"HTTP {response.status}")
                while data := response.read(_AT_ONCE):
                    size += len(data)
                    if size > _LARGEST:
                        raise Invalid(mark("What the node sent is not the file it named."))
                    digest.update(data)
                    file.write(data)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(mark("The new version is not here: {reason}."), reason=error) from error
    if digest.hexdigest() != order.sha256:
        raise Invalid(mark("What the node sent is not the file it named."))


def supervisor_pid(home: Path) -> int | None:
    """The supervisor that started this process, None when another program did."""
    with contextlib.suppress(OSError, ValueError):
        pid = int((home / "run" / "supervisor.lock").read_text(encoding="ascii"))
        if pid == os.getppid():
            return pid
    return None
