"""A BACnet/IP device on a real socket, for demonstration, replay and tests, made of bacpypes3's own objects."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bacpypes3.apdu import APDU, AbortPDU, AbortReason
from bacpypes3.app import Application
from bacpypes3.basetypes import PropertyIdentifier
from bacpypes3.errors import ExecutionError, UnrecognizedService
from bacpypes3.ipv4.link import NormalLinkLayer
from bacpypes3.local.analog import AnalogInputObject, AnalogOutputObject, AnalogValueObject
from bacpypes3.local.binary import BinaryInputObject, BinaryOutputObject, BinaryValueObject
from bacpypes3.local.cmd import Commandable
from bacpypes3.local.device import DeviceObject
from bacpypes3.local.multistate import MultiStateInputObject, MultiStateOutputObject, MultiStateValueObject
from bacpypes3.local.object import Object
from bacpypes3.object import CharacterStringValueObject
from bacpypes3.pdu import IPv4Address, LocalStation
from bacpypes3.primitivedata import ObjectIdentifier
from bacpypes3.vlan import VirtualNetwork
from bacpypes3.vlan.link import VirtualLinkLayer

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.bacnet.address import ANY, parse


class _TextValue(Object, CharacterStringValueObject):  # type: ignore[misc]
    """A local text."""


class _AnalogCommand(Commandable, AnalogValueObject):  # type: ignore[misc]
    """A local analog value with a priority array."""


_CLASSES = {
    "analog-input": AnalogInputObject,
    "analog-output": AnalogOutputObject,
    "analog-value": AnalogValueObject,
    "binary-input": BinaryInputObject,
    "binary-output": BinaryOutputObject,
    "binary-value": BinaryValueObject,
    "multi-state-input": MultiStateInputObject,
    "multi-state-output": MultiStateOutputObject,
    "multi-state-value": MultiStateValueObject,
    "characterstring-value": _TextValue,
}
_OBJECT_LIST, _PRESENT_VALUE = PropertyIdentifier("object-list"), PropertyIdentifier("present-value")
_wires = itertools.count()
_OUTSIDE = 1
"""Number of the network that a router's socket is in."""
_STATES = 8
"""Of a multi-state object."""


@dataclass(frozen=True)
class Point:
    """An object of the device. ``address`` names its present value; ``name`` is unique in the simulator.

    Outputs have a priority array, and values too when they are ``commandable`` (analog values only).
    """

    name: str
    address: str
    value: float | bool | str = 0.0
    unit: str = "no-units"
    description: str = ""
    commandable: bool = False


class _Device(Application):  # type: ignore[misc]
    """bacpypes3's device with the faults a test needs."""

    silent = False
    delay = 0.0
    multiple = True
    longest = 0
    """Properties in an answer, at most; 0 for no limit."""
    tells = True
    long_list = False
    """Whether its object list does not fit one answer."""
    requests: list[str]

    async def indication(self, apdu: APDU) -> None:
        """A request from outside."""
        self.requests.append(type(apdu).__name__)
        if self.delay:
            await asyncio.sleep(self.delay)
        if not self.silent:
            await super().indication(apdu)

    async def do_ReadPropertyRequest(self, apdu: APDU) -> None:  # noqa: N802 bacpypes3's names
        """Answer for any device when asked for instance 4194303, as clause 15.5.2 says."""
        if self.long_list and apdu.propertyIdentifier == _OBJECT_LIST and apdu.propertyArrayIndex is None:
            await self.response(AbortPDU(True, reason=AbortReason.segmentationNotSupported, context=apdu))
            return
        if tuple(apdu.objectIdentifier) == ObjectIdentifier(("device", ANY)):
            apdu.objectIdentifier = self.device_object.objectIdentifier
        await super().do_ReadPropertyRequest(apdu)

    async def do_ReadPropertyMultipleRequest(self, apdu: APDU) -> None:  # noqa: N802
        """Several properties, unless the device cannot."""
        if not self.multiple:
            raise UnrecognizedService("ReadPropertyMultiple")
        count = sum(len(each.listOfPropertyReferences) for each in apdu.listOfReadAccessSpecs)
        if self.longest and count > self.longest:
            # bacpypes3's own abort does not say that it is the server's, and so no client hears it.
            await self.response(AbortPDU(True, reason=AbortReason.segmentationNotSupported, context=apdu))
            return
        await super().do_ReadPropertyMultipleRequest(apdu)

    async def do_WritePropertyRequest(self, apdu: APDU) -> None:  # noqa: N802
        """A write; what an input has measured is not written (clause 12.2.4)."""
        made = self.get_object_id(apdu.objectIdentifier)
        present = apdu.propertyIdentifier == _PRESENT_VALUE
        if present and made and str(apdu.objectIdentifier[0]).endswith("-input") and not made.outOfService:
            raise ExecutionError(errorClass="property", errorCode="writeAccessDenied")
        await super().do_WritePropertyRequest(apdu)

    async def do_SubscribeCOVRequest(self, apdu: APDU) -> None:  # noqa: N802
        """A subscription, unless the device takes none."""
        if not self.tells:
            raise ExecutionError(errorClass="services", errorCode="covSubscriptionFailed")
        await super().do_SubscribeCOVRequest(apdu)


class BacnetSimulator:
    """``async with BacnetSimulator(host, port, points) as plant: await plant.write(...)``. Port 0 takes a free one.

    ``multiple``: whether it knows ReadPropertyMultiple; ``longest``: how many properties one answer holds, 0 for any
    number; ``tells``: whether it accepts subscriptions; ``long_list``: whether its object list is too long to answer;
    ``behind``: network and station of the device when the socket is that of a router.
    """

    def __init__(
        self,
        host: str,
        port: int,
        points: Sequence[Point],
        *,
        instance: int = 1234,
        multiple: bool = True,
        longest: int = 0,
        tells: bool = True,
        long_list: bool = False,
        behind: tuple[int, int] | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._points = points
        self._instance = instance
        self._multiple = multiple
        self._longest = longest
        self._tells = tells
        self._long_list = long_list
        self._behind = behind
        self._objects: dict[str, Object] = {}
        self._device: _Device | None = None
        self._link: NormalLinkLayer | None = None

    async def __aenter__(self) -> Self:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setblocking(False)
        try:
            end.bind((self.host, self.port))
        except OSError as error:
            end.close()
            raise Unavailable(
                mark("The simulator cannot listen on {host}:{port}: {reason}."),
                host=self.host,
                port=self.port,
                reason=error,
            ) from error
        self.port = end.getsockname()[1]
        device = DeviceObject(
            objectIdentifier=("device", self._instance),
            objectName="simulator",
            vendorName="Gongfu",
            vendorIdentifier=999,
            modelName="Simulated building",
            firmwareRevision="1.0",
            serialNumber="0001",
        )
        application = _Device.from_object_list([device])
        application.requests = []
        application.multiple, application.longest = self._multiple, self._longest
        application.tells, application.long_list = self._tells, self._long_list
        front = application if self._behind is None else _router(application, *self._behind)
        address = IPv4Address(f"{self.host}:{self.port}")
        link = NormalLinkLayer(address, bind_socket=end)
        if self._behind is None:
            front.nsap.bind(link, address=address)
        else:
            front.nsap.bind(link, net=_OUTSIDE, address=address)
        self._link = link
        await asyncio.gather(*link.server._transport_tasks)
        self._device = application
        for point in self._points:
            self._objects[point.name] = made = _object(point)
            application.add_object(made)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._link is not None
        self._link.close()
        await asyncio.sleep(0)

    @property
    def requests(self) -> list[str]:
        """Names of the services that were asked for."""
        assert self._device is not None
        return self._device.requests

    async def write(
        self,
        name: str,
        value: float | bool | str | None,
        time: int | None = None,
        quality: Quality = Quality.GOOD,
    ) -> None:
        """Set a present value; *bad* is a fault, *uncertain* out of service. BACnet carries no time: it is not sent."""
        made = self._objects[name]
        # bacpypes3 derives the flags of these two, but tells subscribers only when they are set themselves.
        made.statusFlags = [0, int(quality is Quality.BAD), 0, int(quality is Quality.UNCERTAIN)]
        made.reliability = "unreliable-other" if quality is Quality.BAD else "no-fault-detected"
        made.outOfService = quality is Quality.UNCERTAIN
        if value is not None:
            made.presentValue = _typed(str(made.objectIdentifier).split(",", 1)[0], value)

    def value(self, name: str) -> float | str:
        """The present value."""
        found: float | str = self._objects[name].presentValue
        return found

    def remove(self, name: str) -> None:
        """Take an object away."""
        assert self._device is not None
        self._device.delete_object(self._objects.pop(name))

    def add(self, point: Point) -> None:
        """Give the device one more object."""
        assert self._device is not None
        self._objects[point.name] = made = _object(point)
        self._device.add_object(made)

    def set_delay(self, seconds: float) -> None:
        """Answer every request this much later."""
        assert self._device is not None
        self._device.delay = seconds

    async def stop_answering(self) -> None:
        """Answer nothing."""
        assert self._device is not None
        self._device.silent = True

    async def answer_again(self) -> None:
        """End of :meth:`stop_answering`."""
        assert self._device is not None
        self._device.silent = False


def _router(application: Application, network: int, station: int) -> Application:
    """A router of which one side is a network of its own, with ``application`` at ``station``."""
    wire = f"simulator {next(_wires)}"
    VirtualNetwork(wire)
    router = Application.from_object_list([DeviceObject(objectIdentifier=("device", 1), objectName="router")])
    sides = ((application, station, None), (router, 255 if station != 255 else 254, network))
    for side, mac, number in sides:
        link = VirtualLinkLayer(LocalStation(mac), wire)
        side.nsap.bind(link, address=LocalStation(mac), **({} if number is None else {"net": number}))
    return router


def _typed(kind: str, value: float | bool | str) -> float | int | str:
    if kind.startswith("analog"):
        return float(value)
    return str(value) if kind.startswith("char") else int(value)


def _object(point: Point) -> Object:
    item = parse(point.address).item
    kind, instance = str(item).split(",")
    common = {
        "objectIdentifier": (kind, int(instance)),
        "objectName": point.name,
        "description": point.description,
        "presentValue": _typed(kind, point.value),
        "statusFlags": [0, 0, 0, 0],
        "eventState": "normal",
        "reliability": "no-fault-detected",
        "outOfService": False,
    }
    made = _AnalogCommand if point.commandable else _CLASSES[kind]
    if kind.startswith("analog"):
        common |= {"units": point.unit, "covIncrement": 0.1}
    if kind.startswith("multi"):
        common |= {"numberOfStates": _STATES}
    if kind.endswith("-output") or point.commandable:
        common |= {"relinquishDefault": _typed(kind, point.value)}
    if kind in ("binary-input", "binary-output"):
        common |= {"polarity": "normal"}
    return made(**common)
