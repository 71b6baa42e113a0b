"""Devices as an OPC UA server: objects typed by their information model, variables with unit and range.

``Objects/<device>/<tag>``, node ids ``ns=2;s=<device>`` and ``ns=2;s=<device>.<tag>``; each device has the object type
of its model, ``ns=2;s=type.<model>``, whose variables are the model's tags. A value has the source time and quality of
the device; where nothing was ever stored it is *BadWaitingForInitialData*. Who connects needs the organisation's
user name and password; without encryption only on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from asyncua import Server, ua
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.kernel.settings import Settings
from gongfu.network.drivers.opcua.own_certificate import own_certificate
from gongfu.network.drivers.opcua.standard_nodes import SharingServer
from gongfu.network.gateway.config import DeviceConfig, TagConfig
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType
from gongfu.network.serving.offers import Offer
from gongfu.network.serving.opcua_writing import GuardedWrites, Place, most_per_request
from gongfu.network.serving.plane import Estate, Plane
from gongfu.network.serving.stored import Newest

NAMESPACE = "urn:gongfu:devices"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATUS = {
    Quality.GOOD: ua.StatusCodes.Good,
    Quality.UNCERTAIN: ua.StatusCodes.UncertainLastUsableValue,
    Quality.BAD: ua.StatusCodes.BadNoCommunication,
}
_TYPES = {
    "number": ua.VariantType.Double,
    "boolean": ua.VariantType.Boolean,
    "text": ua.VariantType.String,
    "array": ua.VariantType.Double,
}
_DATA_TYPES = {
    "number": ua.ObjectIds.Double,
    "boolean": ua.ObjectIds.Boolean,
    "text": ua.ObjectIds.String,
    "array": ua.ObjectIds.Double,
}
_SECURE = [
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
]

log = structlog.get_logger("northbound")


class _OneUser:
    """Lets in who knows the organisation's password."""

    def __init__(self, name: str, password: str) -> None:
        self._name = name
        self._password = password.encode()

    def get_user(
        self,
        iserver: object,
        username: str | None = None,
        password: str | bytes | None = None,
        certificate: object = None,
    ) -> User | None:
        """As asyncua asks."""
        given = password.encode() if isinstance(password, str) else password or b""
        right = hmac.compare_digest(given, self._password) and username == self._name
        return User(role=UserRole.User, name=username) if right else None


class OpcuaOutlet:
    """The server of one organisation."""

    def __init__(self, settings: Settings, offer: Offer, password: str, plane: Plane) -> None:
        self._settings = settings
        self._offer = offer
        self._password = password
        self._plane = plane
        self._server: Server | None = None
        self._built: dict[int, DeviceConfig] = {}
        self._nodes: dict[int, tuple[ua.NodeId, TagConfig]] = {}
        self._types: dict[str, Node] = {}
        self._nodes_by_id: dict[ua.NodeId, Place] = {}

    async def start(self) -> None:
        """Listen; raises :class:`Unavailable` when the port is taken."""
        server = Server(iserver=SharingServer(user_manager=_OneUser(self._offer.org_code, self._password)))
        await server.init()
        server.set_server_name(f"Gongfu {self._offer.org_code}")
        own = await asyncio.to_thread(own_certificate, self._settings.home, f"{self._settings.node}-northbound")
        await server.set_application_uri(own.uri)
        await server.load_certificate(own.file)
        server.iserver.private_key = own.key
        policies = list(_SECURE)
        if _is_loopback(self._settings.host):
            policies.append(ua.SecurityPolicyType.NoSecurity)
        server.set_security_policy(policies)
        server.set_identity_tokens([ua.UserNameIdentityToken])
        server.set_endpoint(f"opc.tcp://{self._settings.host}:{self._offer.opcua_port}/")
        await server.register_namespace(NAMESPACE)
        server.iserver.attribute_service = GuardedWrites(
            server.iserver.aspace, self._nodes_by_id, partial(self._plane.write, self._offer.org), self._offer.writes
        )
        await most_per_request(server)
        try:
            await server.start()
        except OSError as error:
            raise Unavailable(
                mark("The OPC UA port {port} of {organisation} cannot be used: {reason}."),
                remedy=mark("Choose another port in the offer."),
                port=self._offer.opcua_port,
                organisation=self._offer.org_code,
                reason=error.strerror,
            ) from error
        self._server = server

    async def stop(self) -> None:
        """Hang up."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    async def update(self, estate: Estate) -> None:
        """Serve the devices of ``estate`` as they are now; those that did not change stay untouched."""
        for number, config in list(self._built.items()):
            if estate.devices.get(number) != config:
                await self._remove(config)
        for number, config in estate.devices.items():
            if number not in self._built:
                await self._add(config)
                await self.came(config.device, [tag.series for tag in config.tags], estate)

    async def came(self, device: int, series: Sequence[int], estate: Estate) -> None:
        """Tell clients the newest values of these series."""
        del device
        if self._server is None:
            return
        for number in series:
            place, newest = self._nodes.get(number), estate.values.get(number)
            if place is not None and newest is not None:
                with contextlib.suppress(ua.UaError):
                    await self._server.write_attribute_value(place[0], _data_value(place[1], newest))

    async def _add(self, config: DeviceConfig) -> None:
        assert self._server is not None
        of_type = await self._type(config.type)
        objects = self._server.nodes.objects
        there = await objects.add_object(ua.NodeId(config.name, 2), ua.QualifiedName(config.name, 2))
        await there.delete_reference(
            ua.NodeId(ua.ObjectIds.BaseObjectType), ua.ObjectIds.HasTypeDefinition, forward=True, bidirectional=False
        )
        await there.add_reference(of_type, ua.ObjectIds.HasTypeDefinition, forward=True, bidirectional=False)
        for tag in config.tags:
            node_id = ua.NodeId(f"{config.name}.{tag.name}", 2)
            node = await _variable(there, node_id, tag)
            empty = ua.DataValue(StatusCode=ua.StatusCode(ua.StatusCodes.BadWaitingForInitialData))
            await self._server.write_attribute_value(node_id, empty)
            if self._offer.writes and tag.kind != "array":
                await node.set_writable()
            self._nodes[tag.series] = (node_id, tag)
            self._nodes_by_id[node_id] = Place(config.device, tag, _TYPES[tag.kind])
        self._built[config.device] = config

    async def _remove(self, config: DeviceConfig) -> None:
        assert self._server is not None
        with contextlib.suppress(ua.UaError):
            await self._server.delete_nodes([self._server.get_node(ua.NodeId(config.name, 2))], recursive=True)
        for tag in config.tags:
            place = self._nodes.pop(tag.series, None)
            if place is not None:
                self._nodes_by_id.pop(place[0], None)
        del self._built[config.device]

    async def _type(self, name: str) -> Node:
        assert self._server is not None
        known = self._types.get(name)
        if known is not None:
            return known
        base = self._server.nodes.base_object_type
        model = _model(name)
        if model is None:
            found = base
        else:
            found = await base.add_object_type(ua.NodeId(f"type.{name}", 2), ua.QualifiedName(name, 2))
            text = ua.LocalizedText(model.name.en, "en")
            await found.write_attribute(ua.AttributeIds.DisplayName, ua.DataValue(ua.Variant(text)))
            for tag in model.tags:
                described = TagConfig(
                    series=0, name=tag.key, address="", kind=tag.kind, unit=tag.unit, low=tag.low, high=tag.high
                )
                node = await _variable(found, ua.NodeId(f"type.{name}.{tag.key}", 2), described)
                await node.set_modelling_rule(False)
        self._types[name] = found
        return found


async def _variable(parent: Node, node_id: ua.NodeId, tag: TagConfig) -> Node:
    start: str | int | list[float] | None = {"text": None, "array": []}.get(tag.kind, 0)
    node = await parent.add_variable(
        node_id,
        ua.QualifiedName(tag.name, 2),
        ua.Variant(start, _TYPES[tag.kind], is_array=tag.kind == "array"),
        datatype=ua.NodeId(_DATA_TYPES[tag.kind]),
    )
    if tag.kind == "array":
        await node.write_value_rank(ua.ValueRank.OneDimension)
    name = node_id.Identifier
    if tag.unit:
        unit = ua.EUInformation(DisplayName=ua.LocalizedText(tag.unit), Description=ua.LocalizedText(tag.unit))
        await node.add_property(ua.NodeId(f"{name}.EngineeringUnits", 2), ua.QualifiedName("EngineeringUnits", 0), unit)
    if tag.low is not None and tag.high is not None:
        limits = ua.Range(tag.low, tag.high)
        await node.add_property(ua.NodeId(f"{name}.EURange", 2), ua.QualifiedName("EURange", 0), limits)
    return node


def _data_value(tag: TagConfig, newest: Newest) -> ua.DataValue:
    value: float | bool | str | list[float] | None = newest.value
    if newest.quality is Quality.BAD or isinstance(value, list) != (tag.kind == "array") or value != value:
        value = None
    elif tag.kind == "boolean":
        value = bool(value)
    return ua.DataValue(
        ua.Variant(value, _TYPES[tag.kind]) if value is not None else None,
        StatusCode=ua.StatusCode(_STATUS[newest.quality]),
        SourceTimestamp=_EPOCH + timedelta(microseconds=newest.time),
    )


def _model(name: str) -> DeviceType | None:
    return next((model for model in library.types() if model.id == name), None)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
