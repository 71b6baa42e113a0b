"""An OPC UA server for demonstration, replay and tests.

One server holds many devices as folders ``Objects/<device>``; a point is the variable ``ns=2;s=<name>``, a method
``ns=2;s=<name>`` of ``ns=2;s=<device>``. With :class:`Protection` it has every security policy that asyncua knows.
The first server of a process costs about 3 s of processor at start (the standard address space) and 80 MB
with the library, each further one 0.2 s and 3 MB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from asyncua import Node, Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.event_generator import EventGenerator
from asyncua.server.internal_subscription import InternalSubscription
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.opcua.certificates import self_signed
from gongfu.network.drivers.opcua.standard_nodes import SharingServer

NAMESPACE = "urn:gongfu:simulator"
SERVER_URI = "urn:gongfu:simulator:server"
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
    unit: str = ""
    limits: tuple[float, float] | None = None
    """EURange: lowest and highest value in normal operation."""
    writable: bool = False
    type: ua.VariantType | None = None
    """Data type where that of ``value`` is not meant."""


@dataclass(frozen=True)
class Method:
    """A method of ``device``: ``does`` is given the inputs' values and returns that of the one output."""

    device: str
    name: str
    does: Callable[..., str]
    inputs: dict[str, ua.VariantType] = field(default_factory=dict)


@dataclass(frozen=True)
class Protection:
    """Key, certificate and policies of a server that encrypts."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    policies: tuple[ua.SecurityPolicyType, ...] = tuple(ua.SecurityPolicyType)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hexadecimal digits."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def protect(host: str = "127.0.0.1") -> Protection:
    """A new key and certificate for a server on ``host``; takes up to a second."""
    key = rsa.generate_private_key(65537, 2048)
    return Protection(key, self_signed(key, "Gongfu simulator", SERVER_URI, [host], days=3652))


class _Users:
    """Accepts one name and password, and those who hold one of the certificates."""

    def __init__(self, username: str, password: str, certificates: Sequence[x509.Certificate]) -> None:
        self._expected = (username, password)
        self._certificates = [certificate.public_bytes(serialization.Encoding.DER) for certificate in certificates]

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | bytes | None = None,
        certificate: object = None,
    ) -> User | None:
        given = password.decode() if isinstance(password, bytes) else password
        known = (username, given) == self._expected if username else certificate in self._certificates
        return User(role=UserRole.User) if known else None


class OpcuaSimulator:
    """``async with OpcuaSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one."""

    def __init__(
        self,
        host: str,
        port: int,
        points: Sequence[Point],
        *,
        username: str = "",
        password: str = "",
        user_certificates: Sequence[x509.Certificate] = (),
        protection: Protection | None = None,
        methods: Sequence[Method] = (),
        events: Sequence[str] = (),
        history: bool = False,
        before: Sequence[str] = (),
    ) -> None:
        """``events``: devices that raise them. ``before``: namespaces that come before the simulator's own."""
        self.host = host
        self.port = port
        self._points = list(points)
        self._methods = list(methods)
        self._events = list(events)
        self._history = history
        self._before = list(before)
        self._protection = protection
        self._user = _Users(username, password, user_certificates) if username or user_certificates else None
        self._nodes: dict[str, tuple[ua.NodeId, ua.VariantType]] = {}
        self._generators: dict[str, EventGenerator] = {}
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
        await server.set_application_uri(SERVER_URI)
        await server.set_build_info("urn:gongfu:simulator", "Gongfu", "Gongfu simulator", "1.0", "7", _EPOCH)
        if self._protection is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            server.set_security_policy(list(self._protection.policies))
            server.iserver.certificate = self._protection.certificate
            server.iserver.private_key = self._protection.key
        tokens = [ua.UserNameIdentityToken, ua.X509IdentityToken] if self._user else [ua.AnonymousIdentityToken]
        server.set_identity_tokens(tokens)
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
            # asyncua waits for its clock's next second; three servers in a test are three seconds
            clock, self.server.iserver.time_task = self.server.iserver.time_task, None
            if clock is not None:
                clock.cancel()
            await self.server.stop()
            self.server = None

    async def _build(self, server: Server) -> None:
        for uri in self._before:
            await server.register_namespace(uri)
        space = await server.register_namespace(NAMESPACE)
        folders: dict[str, Node] = {}
        for device in [*(point.device for point in self._points), *(method.device for method in self._methods)]:
            if device not in folders:
                folders[device] = await server.nodes.objects.add_object(
                    ua.NodeId(device, space), ua.QualifiedName(device, space)
                )
        for point in self._points:
            await self._add_point(server, folders[point.device], space, point)
        for method in self._methods:
            await folders[method.device].add_method(
                ua.NodeId(method.name, space),
                ua.QualifiedName(method.name.removeprefix(f"{method.device}."), space),
                _callable(method.does),
                [
                    ua.Argument(Name=name, DataType=ua.NodeId(kind.value), ValueRank=-1)
                    for name, kind in method.inputs.items()
                ],
                [ua.VariantType.String],
            )
        for device in self._events:
            self._generators[device] = await server.get_event_generator(
                ua.ObjectIds.BaseEventType, emitting_node=folders[device]
            )

    async def _add_point(self, server: Server, folder: Node, space: int, point: Point) -> None:
        browse_name = ua.QualifiedName(point.name.removeprefix(f"{point.device}."), space)
        kind = point.type or _variant_type(point.value)
        node = await folder.add_variable(ua.NodeId(point.name, space), browse_name, point.value, kind)
        self._nodes[point.name] = (node.nodeid, kind)
        if point.unit:
            unit = ua.EUInformation(DisplayName=ua.LocalizedText(point.unit), UnitId=-1)
            await node.add_property(ua.NodeId(f"{point.name}.unit", space), "0:EngineeringUnits", unit)
        if point.limits:
            limits = ua.Range(Low=point.limits[0], High=point.limits[1])
            await node.add_property(ua.NodeId(f"{point.name}.range", space), "0:EURange", limits)
        if point.writable:
            await node.set_writable()
        if self._history:
            await server.iserver.enable_history_data_change(node, period=None, count=100_000)
        if point.pending:
            waiting = ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData)
            await server.write_attribute_value(node.nodeid, ua.DataValue(StatusCode=waiting))

    async def raise_event(self, device: str, message: str, severity: int = 500) -> None:
        """Tell whoever listens to ``device`` that something happened."""
        generator = self._generators[device]
        generator.event.Severity = severity
        generator.event.SourceName = device
        await generator.trigger(message=message)

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


def _callable(does: Callable[..., str]) -> Callable[..., object]:
    async def call(_object: ua.NodeId, *inputs: ua.Variant) -> ua.StatusCode | list[ua.Variant]:
        try:
            return [ua.Variant(does(*(given.Value for given in inputs)), ua.VariantType.String)]
        except ValueError:
            return ua.StatusCode(ua.StatusCodes.BadOutOfRange)

    return call


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
