"""Asking one address who it is: by the driver's session, or by a probe that says less still. Nothing is written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from asyncua import ua

from gongfu.kernel.errors import GongfuError
from gongfu.network.discovery import banners, sockets
from gongfu.network.discovery.probes import Probe
from gongfu.network.discovery.shapes import MOST_POINTS, Finding
from gongfu.network.discovery.sockets import Silent
from gongfu.network.drivers import registry
from gongfu.network.drivers.contract import Identity, Point, Session
from gongfu.network.drivers.opcua.client import GatewayClient
from gongfu.network.drivers.registry import Capability, Value
from gongfu.network.gateway.config import DeviceConfig

LONGEST = 12.0
"""Seconds for one attempt, whatever the peer does."""
BROWSING = 6.0
"""Seconds for looking what a device holds."""
_FOLDERS = 12
"""Folders that are opened of one device."""
_TEXT = 200
_ENDPOINTS = 3.0

Turn = Callable[[], Awaitable[None]]
"""Waits until one more connection may be opened."""


async def identify(probe: Probe, address: str, port: int, turn: Turn, *, browse: bool) -> Finding | None:
    """What stands at ``port`` of ``address``; None when it does not speak that protocol."""
    if probe.how.probe in _OWN:
        try:
            async with asyncio.timeout(LONGEST):
                await turn()
                identity = await _OWN[probe.how.probe](address, port)
        except (Silent, TimeoutError):
            return None
        if identity is None:
            return None
        if browse and probe.how.browse:
            return await _by_session(probe, address, port, {}, turn, identity, browse=True)
        options = probe.options(address, port, {}) if probe.driver else {}
        return _finding(probe, address, port, options, identity, [])
    for attempt in probe.how.tries:
        known: Identity | None = None
        if probe.how.probe == "opcua":
            await turn()
            endpoint = probe.options(address, port, attempt)
            known, anonymous = await _endpoints(str(endpoint["endpoint"]))
            if known is None or not anonymous:
                return None if known is None else _finding(probe, address, port, endpoint, known, [])
        found = await _by_session(probe, address, port, attempt, turn, known, browse=browse)
        if found is not None:
            return found
    return None


async def _by_session(
    probe: Probe,
    address: str,
    port: int,
    attempt: dict[str, Value],
    turn: Turn,
    known: Identity | None,
    *,
    browse: bool,
) -> Finding | None:
    """What the driver's session says, added to what is ``known``; None when neither says anything."""
    options = probe.options(address, port, attempt)
    device = DeviceConfig(
        device=0,
        org=0,
        org_code="discovery",
        name=f"{address}:{port}",
        driver=probe.driver,
        options={**options, **probe.how.gentle},
    )
    said, points = known, list[Point]()
    try:
        await turn()
        async with (
            asyncio.timeout(LONGEST),
            registry.polled(probe.driver).open_session(registry.complete(device)) as session,
        ):
            said = _both(await session.identify(), known)
            if browse and probe.how.browse and Capability.BROWSE in registry.manifest(probe.driver).capabilities:
                async with asyncio.timeout(BROWSING):
                    points = await _points(session)
    except (GongfuError, TimeoutError, OSError):
        pass  # what it has said until then counts
    return None if said is None else _finding(probe, address, port, options, said, points)


def _both(identity: Identity, known: Identity | None) -> Identity:
    if known is None:
        return identity
    return msgspec.structs.replace(
        identity,
        vendor=identity.vendor or known.vendor,
        product=identity.product or known.product,
        detail=identity.detail or known.detail,
    )


async def _points(session: Session) -> list[Point]:
    """Values that the device holds, level by level, until there are enough."""
    folders = [""]
    values: list[Point] = []
    opened = 0
    while folders and opened < _FOLDERS and len(values) < MOST_POINTS:
        opened += 1
        for point in await session.browse(folders.pop(0)):
            if point.kind:
                values.append(point)
            elif point.folder and point.name != "Server":  # what every OPC UA server has, and no machine
                folders.append(point.address)
    return values[:MOST_POINTS]


async def _endpoints(endpoint: str) -> tuple[Identity | None, bool]:
    """The application behind an OPC UA endpoint by GetEndpoints (Part 4 §5.5.4), and whether anybody may enter."""
    client = GatewayClient(endpoint, timeout=_ENDPOINTS)
    try:
        async with asyncio.timeout(LONGEST):
            offered: Sequence[ua.EndpointDescription] = await client.connect_and_get_server_endpoints()
    except Exception:  # asyncua raises many kinds for bytes that are no OPC UA
        return None, False
    if not offered:
        return None, False
    name = str(offered[0].Server.ApplicationName.Text or offered[0].Server.ApplicationUri or "")
    anonymous = any(
        one.SecurityMode == ua.MessageSecurityMode.None_
        and any(token.TokenType == ua.UserTokenType.Anonymous for token in one.UserIdentityTokens or ())
        for one in offered
    )
    policies = dict.fromkeys(str(one.SecurityPolicyUri).rpartition("#")[2] for one in offered)
    return Identity(product=name, detail=", ".join(policies)), anonymous


async def _iec104(address: str, port: int) -> Identity | None:
    async with sockets.talk(address, port) as talk:
        answer = await talk.ask(banners.TESTFR_ACT, len(banners.TESTFR_CON))
    return Identity() if answer == banners.TESTFR_CON else None


async def _mqtt(address: str, port: int) -> Identity | None:
    async with sockets.talk(address, port) as talk:
        return banners.mqtt(await talk.ask(banners.MQTT_CONNECT, banners.CONNACK))


async def _http(address: str, port: int) -> Identity | None:
    async with sockets.talk(address, port) as talk:
        return banners.http(await talk.ask_until_closed(banners.request("/", _host(address, port))))


async def _mtconnect(address: str, port: int) -> Identity | None:
    async with sockets.talk(address, port) as talk:
        return banners.mtconnect(await talk.ask_until_closed(banners.request("/probe", _host(address, port))))


_OWN: Mapping[str, Callable[[str, int], Awaitable[Identity | None]]] = {
    "iec104": _iec104,
    "mqtt": _mqtt,
    "http": _http,
    "mtconnect": _mtconnect,
}


def _host(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _finding(
    probe: Probe, address: str, port: int, options: dict[str, Value], identity: Identity, points: list[Point]
) -> Finding:
    said = {name: _plain(getattr(identity, name)) for name in Identity.__struct_fields__}
    return Finding(
        address=address,
        port=port,
        probe=probe.name,
        protocol=probe.protocol,
        driver=probe.driver,
        options=options,
        identity=Identity(**said),
        points=[_clipped(point) for point in points],
    )


def _clipped(point: Point) -> Point:
    return msgspec.structs.replace(
        point,
        address=point.address[:255],
        name=_plain(point.name),
        unit=_plain(point.unit),
        detail=_plain(point.detail),
    )


def _plain(text: str) -> str:
    """What a device says of itself may be anything: one line, not long, fit for a database."""
    kept = "".join(char if char.isprintable() else " " for char in text[: 4 * _TEXT])
    return " ".join(kept.split())[:_TEXT]
