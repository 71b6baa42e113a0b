"""An OPC UA server for demonstration, replay and tests.

One server holds many devices as folders ``Objects/<device>``; a point is the variable ``ns=2;s=<name>``.
The first server of a process costs about 3 s of processor at start (the standard address space) and 80 MB
with the library, each further one 0.2 s and 3 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_subscription import InternalSubscription

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.opcua.standard_nodes import SharingServer

NAMESPACE = "urn:gongfu:simulator"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {
    Quality.GOOD: ua.StatusCodes.Good,
    Quality.UNCERTAIN: ua.StatusCodes.UncertainSensorNotAccurate,
    Quality.BAD: ua.StatusCodes.BadSensorFailure,
}


@dataclass(frozen=True)
class Point:
    """A variable. ``name`` is unique on the server; the first ``value`` fixes the data type."""

    device: str
    name: str
    """Identifier of the node, customarily ``<device>.<tag>``: address ``ns=2;s=<name>``."""
    value: float | bool | str | list[float] = 0.0
    pending: bool = False
    """The server says BadWaitingForInitialData until the first write; replay begins so."""


class _OneUser:
    """Accepts one name and password, or nobody else."""

    def __init__(self, username: str, password: str) -> None:
        self._expected = (username, password)

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | bytes | None = None,
        certificate: object = None,
    ) -> User | None:
        given = password.decode() if isinstance(password, bytes) else password
        return User(role=UserRole.User) if (username, given) == self._expected else None


class OpcuaSimulator:
    """``async with OpcuaSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one."""

    def __init__(
        self, host: str, port: int, points: Sequence[Point], *, username: str = "", password: str = ""
    ) -> None:
        self.host = host
        self.port = port
        self._points = list(points)
        self._user = _OneUser(username, password) if username else None
        self._nodes: dict[str, tuple[ua.NodeId, ua.VariantType]] = {}
        self._silence: asyncio.Task[None] | None = None
        self.server: Server | None = None

    @property
    def endpoint(self) -> str:
        """The address a client is given."""
        return f"opc.tcp://{self.host}:{self.port}/"

    async def __aenter__(self) -> Self:
        server = Server(iserver=SharingServer(user_manager=self._user))
        await server.init()
        server.set_server_name("Gongfu simulator")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        server.set_identity_tokens([ua.UserNameIdentityToken if self._user else ua.AnonymousIdentityToken])
        server.set_endpoint(self.endpoint)
        await self._build(server)
        try:
            await server.start()
        except OSError as error:
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        self.port = server.bserver.port
        self.server = server
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.answer_again()
        if self.server is not None:
            await self.server.stop()
            self.server = None

    async def _build(self, server: Server) -> None:
        namespace = await server.register_namespace(NAMESPACE)
        folders: dict[str, object] = {}
        for point in self._points:
            if point.device not in folders:
                folders[point.device] = await server.nodes.objects.add_object(
                    ua.NodeId(point.device, namespace), ua.QualifiedName(point.device, namespace)
                )
            browse_name = point.name.removeprefix(f"{point.device}.")
            kind = _variant_type(point.value)
            node = await folders[point.device].add_variable(  # type: ignore[attr-defined]
                ua.NodeId(point.name, namespace), ua.QualifiedName(browse_name, namespace), point.value, kind
            )
            self._nodes[point.name] = (node.nodeid, kind)
            if point.pending:
                waiting = ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData)
                await server.write_attribute_value(node.nodeid, ua.DataValue(StatusCode=waiting))

    async def write(
        self,
        name: str,
        value: float | bool | str | list[float] | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a point; ``time`` is its source timestamp, microseconds UTC, kept exactly; default: now."""
        kind = self._nodes[name][1]
        source = datetime.now(UTC) if time is None else _EPOCH + timedelta(microseconds=time)
        await self.write_raw(
            name,
            ua.DataValue(
                Value=ua.Variant(_as_type(value, kind), kind if value is not None else ua.VariantType.Null),
                StatusCode=ua.StatusCode(_STATUS[quality]),
                SourceTimestamp=source,
                ServerTimestamp=datetime.now(UTC),
            ),
        )

    async def write_raw(self, name: str, value: ua.DataValue) -> None:
        """Set a point to exactly this ``DataValue``; for faults that ``write`` cannot express."""
        if self.server is None:
            raise Unavailable(mark("The simulator is not running."))
        status = await self.server.iserver.aspace.write_attribute_value(
            self._nodes[name][0], ua.AttributeIds.Value, value
        )
        status.check()

    def watched(self, names: Sequence[str]) -> bool:
        """Whether a client monitors each of these points now."""
        if self.server is None:
            return False
        space = self.server.iserver.aspace
        return all(space[self._nodes[name][0]].attributes[ua.AttributeIds.Value].datachange_callbacks for name in names)

    def waiting(self) -> int:
        """Values of one point, of that with the most, that wait for publication."""
        return max(
            (len(queue) for held in self._subscriptions() for queue in held._triggered_datachanges.values()), default=0
        )

    def unacknowledged(self) -> bool:
        """Whether a client has yet to be told something, or to say that it has heard it."""
        return any(held._triggered_datachanges or held._not_acknowledged_results for held in self._subscriptions())

    def close_connections(self) -> None:
        """Drop every client; they may come back at once."""
        for client in self._clients():
            client.close()

    async def stop_answering(self) -> None:
        """Keep connections and accept new ones, but read nothing from them any more."""
        if self._silence is None:
            self._silence = asyncio.create_task(self._ignore())
            await asyncio.sleep(0)

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        if self._silence is not None:
            self._silence.cancel()
            with suppress(asyncio.CancelledError):
                await self._silence
            self._silence = None
            for client in self._clients():
                client.resume_reading()

    async def _ignore(self) -> None:
        # asyncua has no hook for new connections, hence the repetition.
        while True:
            for client in self._clients():
                client.pause_reading()
            await asyncio.sleep(0.02)

    def _subscriptions(self) -> list[InternalSubscription]:
        return [] if self.server is None else list(self.server.iserver.subscription_service.subscriptions.values())

    def _clients(self) -> list[asyncio.Transport]:
        if self.server is None or self.server.bserver is None:
            return []
        return [client.transport for client in self.server.bserver.clients if client.transport is not None]


def _variant_type(value: float | bool | str | list[float]) -> ua.VariantType:
    match value:
        case bool():
            return ua.VariantType.Boolean
        case str():
            return ua.VariantType.String
        case int():
            return ua.VariantType.Int64
        case _:
            return ua.VariantType.Double


def _as_type(
    value: float | bool | str | list[float] | None, kind: ua.VariantType
) -> float | bool | str | list[float] | None:
    # A server refuses an integer for a Double; a simulation should not need to care.
    if isinstance(value, int | float) and kind is ua.VariantType.Double:
        return float(value)
    if isinstance(value, float) and kind is ua.VariantType.Int64:
        return round(value)
    return value
