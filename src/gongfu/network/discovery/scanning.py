"""A scan: every probe at every address, slowly, a few at once, never two at one address at the same time."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence

import structlog

from gongfu.kernel.errors import NotFound, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.network.discovery import ranges, sockets
from gongfu.network.discovery.identifying import identify
from gongfu.network.discovery.probes import Probe, probe
from gongfu.network.discovery.ranges import Network
from gongfu.network.discovery.shapes import MOST_FINDINGS, Finding, Order, Progress, State

AT_ONCE = 16
"""Addresses that are asked at the same time."""
KEPT = 8
"""Scans that are remembered, so that whoever left can fetch what was found."""
_AT_A_TIME = 40
_CHARACTERS = 200_000
"""Of the findings of one answer, roughly."""
_log = structlog.get_logger("gateway")

Place = tuple[Probe, str, int]


class Pace:
    """Lets so many pass a second, evenly: no burst after a pause."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._next)
        self._next = mine + self._gap
        await asyncio.sleep(mine - now)


class Scan:
    """One scan, running or over."""

    def __init__(self, order: Order, networks: Sequence[Network]) -> None:
        """Raises :class:`Invalid` for an order that cannot be read, :class:`Forbidden` for addresses not permitted."""
        addresses = ranges.parse(order.targets)
        ranges.check(addresses, networks)
        wanted = [(probe(wish.probe), wish.ports) for wish in order.wishes]
        places = {
            (found.name, str(address), port): (found, str(address), port)
            for found, ports in wanted
            for port in ports or found.how.ports
            for address in addresses
        }
        self.findings: list[Finding] = []
        self.total = len(places)
        self._left = deque(places.values())
        self._tried = 0
        self._current = ""
        self._order = order
        self._pace = Pace(order.rate)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._state: State = "running"
        self._problem = ""
        self.task = asyncio.create_task(self._run(), name="scan")

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._state == "running"

    def progress(self, since: int) -> Progress:
        """How far it is, with the findings from number ``since``."""
        told: list[Finding] = []
        size = 0
        for finding in self.findings[since : since + _AT_A_TIME]:
            size += 1000 + sum(
                100 + len(point.address) + len(point.name) + len(point.detail) for point in finding.points
            )
            if told and size > _CHARACTERS:
                break
            told.append(finding)
        return Progress(
            state=self._state,
            tried=self._tried,
            total=self.total,
            current=self._current,
            problem=self._problem,
            findings=told,
            more=since + len(told) < len(self.findings),
        )

    async def stop(self) -> None:
        """End it; what was found stays."""
        if self.running:
            self._state = "stopped"
        self.task.cancel()
        await asyncio.wait({self.task}, timeout=3)

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, self.total)):
                    group.create_task(self._work())
            self._state = "done"
        except asyncio.CancelledError:
            self._state = "stopped"
            raise
        except Exception as error:
            _log.warning("a scan failed", exc_info=True)
            self._state, self._problem = "failed", packed(error, 1000)
        finally:
            self._left.clear()
            self._locks.clear()

    async def _work(self) -> None:
        while self._left and len(self.findings) < MOST_FINDINGS:
            place = self._left.popleft()
            async with self._locks[place[1]]:
                await self._look(place)
            self._tried += 1

    async def _look(self, place: Place) -> None:
        found, address, port = place
        self._current = f"{address}:{port}"
        if found.how.transport == "tcp":
            await self._pace.turn()
            if not await sockets.is_open(address, port):
                return
        try:
            finding = await identify(found, address, port, self._pace.turn, browse=self._order.browse)
        except Exception as error:  # a fault of one driver must not end the scan of the others
            _log.warning("a probe failed", probe=found.name, reason=repr(error)[:300])
            return
        if finding is not None:
            self.findings.append(finding)


class Scans:
    """The scans of a gateway: one at a time, the last ones remembered."""

    def __init__(self, permitted: Sequence[Network]) -> None:
        self._permitted = permitted
        self._scans: dict[str, Scan] = {}

    def start(self, name: str, order: Order) -> Progress:
        """Begin; asked again with the same name, the one that is there. Raises as :class:`Scan`."""
        known = self._scans.get(name)
        if known is not None:
            return known.progress(0)
        if any(scan.running for scan in self._scans.values()):
            raise Unavailable(
                mark("This gateway is scanning already."), remedy=mark("Wait until that scan is over, or stop it.")
            )
        made = Scan(order, self._permitted)
        self._scans[name] = made
        for old in list(self._scans)[:-KEPT]:
            del self._scans[old]
        return made.progress(0)

    def look(self, name: str, since: int) -> Progress:
        """How far the scan ``name`` is; raises :class:`NotFound`."""
        return self._known(name).progress(since)

    async def stop(self, name: str, since: int) -> Progress:
        """End the scan ``name``; raises :class:`NotFound`."""
        scan = self._known(name)
        await scan.stop()
        return scan.progress(since)

    async def close(self) -> None:
        """End them all."""
        for scan in self._scans.values():
            if scan.running:
                await scan.stop()

    def _known(self, name: str) -> Scan:
        known = self._scans.get(name)
        if known is None:
            raise NotFound(
                mark("The gateway does not know this scan."), remedy=mark("It was started anew meanwhile: scan again.")
            )
        return known
