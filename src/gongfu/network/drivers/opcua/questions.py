"""Answers to questions: who the server is, what it holds, what a tag says now; and writing."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Identity, Point, Refusal, Sample
from gongfu.network.drivers.opcua import values
from gongfu.network.drivers.opcua.address import Address, Events, Method, parse_target
from gongfu.network.drivers.opcua.browsing import Browser
from gongfu.network.drivers.opcua.connection import Connection
from gongfu.network.drivers.opcua.data_types import DataTypes
from gongfu.network.drivers.opcua.failures import talking
from gongfu.network.drivers.opcua.writing import call_method, write_variable
from gongfu.network.gateway.config import TagConfig

_BUILD = (
    ua.ObjectIds.Server_ServerStatus_BuildInfo_ManufacturerName,
    ua.ObjectIds.Server_ServerStatus_BuildInfo_ProductName,
    ua.ObjectIds.Server_ServerStatus_BuildInfo_SoftwareVersion,
    ua.ObjectIds.Server_ServerStatus_BuildInfo_BuildNumber,
)


class Questions:
    """Implements the ``Session`` of the driver contract on an open connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._types = DataTypes(connection)
        self._results: dict[str, str] = {}
        """Address of a method → what it returned when it was last called here."""

    async def identify(self) -> Identity:
        """Who made the server (Part 5 §12.4); its endpoints as detail."""
        answers = await self._connection.read([ua.NodeId(node) for node in _BUILD])
        vendor, product, version, build = (
            str(answer.Value.Value) if answer.Value is not None and answer.Value.Value else "" for answer in answers
        )
        with talking(self._connection.options.endpoint):
            endpoints = await self._connection.client.get_endpoints()
        offered = {
            f"{str(endpoint.SecurityPolicyUri).rpartition('#')[2]} {endpoint.SecurityMode.name.strip('_')}": None
            for endpoint in endpoints
        }
        return Identity(
            vendor=vendor,
            product=product,
            version=f"{version} ({build})" if build and build != "0" else version,
            detail=", ".join(name.replace("None None", "None") for name in offered),
        )

    async def browse(self, parent: str) -> Sequence[Point]:
        """The entries of the folder ``parent``; raises :class:`Refusal` when there is none."""
        return await Browser(self._connection, self._types).entries(parent)

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """The value of each tag now. A method says what it returned to the last call of this session."""
        targets = [parse_target(tag.address) for tag in tags]
        samples = [Sample(tag.series, None, quality=Quality.BAD) for tag in tags]
        asked: list[tuple[int, int | None, ua.NodeId]] = []
        for number, target in enumerate(targets):
            if isinstance(target, Method):
                if tags[number].address in self._results:
                    samples[number] = Sample(tags[number].series, self._results[tags[number].address])
            elif not isinstance(target, Events):
                node = self._connection.node(target.node)
                if node is not None:
                    asked.append((number, target.index, node))
        answers = await self._connection.read([node for _, _, node in asked])
        for (number, index, _), answer in zip(asked, answers, strict=True):
            sample, _ = values.read(tags[number], answer, None, index)
            samples[number] = sample or samples[number]
        return samples

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Write a variable in the type of its node, or call a method with ``value`` as its arguments."""
        target = parse_target(tag.address)
        if isinstance(target, Events):
            raise Refusal(mark("{address} is a source of events and takes no value."), address=tag.address[:100])
        if isinstance(target, Method):
            object_, method = self._node(target.object, tag.address), self._node(target.method, tag.address)
            self._results[tag.address] = await call_method(
                self._connection, self._types, tag.address, object_, method, value
            )
            return
        if target.index is not None:
            raise Refusal(
                mark("{address} is one element of an array."),
                remedy=mark("Write the whole array, as a JSON list, to its address without index."),
                address=tag.address[:100],
            )
        node = self._node(target.node, tag.address)
        await write_variable(self._connection, self._types, tag.address, node, value)

    def _node(self, address: Address, text: str) -> ua.NodeId:
        node = self._connection.node(address)
        if node is None:
            raise Refusal(mark("The server does not know the namespace of {address}."), address=text[:100])
        return node
