"""One BACnet client for all devices of a gateway process that share a local address, over bacpypes3."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from bacpypes3.apdu import (
    APDU,
    AbortPDU,
    AbortReason,
    ConfirmedCOVNotificationRequest,
    ErrorPDU,
    ErrorRejectAbortNack,
    ReadPropertyACK,
    ReadPropertyMultipleACK,
    ReadPropertyMultipleRequest,
    ReadPropertyRequest,
    RejectPDU,
    RejectReason,
    SimpleAckPDU,
    SubscribeCOVRequest,
    UnconfirmedCOVNotificationRequest,
    WritePropertyRequest,
)
from bacpypes3.app import Application
from bacpypes3.basetypes import PropertyIdentifier, PropertyReference, ReadAccessSpecification
from bacpypes3.constructeddata import SequenceOf
from bacpypes3.errors import ServicesError
from bacpypes3.ipv4.link import ForeignLinkLayer, NormalLinkLayer
from bacpypes3.local.device import DeviceObject
from bacpypes3.pdu import IPv4Address, RemoteStation
from bacpypes3.primitivedata import Atomic, ObjectIdentifier, ObjectType
from bacpypes3.settings import settings

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.bacnet.address import Item, Property
from gongfu.network.drivers.bacnet.values import atoms
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable

_GATEWAY = 4194302
"""Instance of our own device object; nobody is told of it, for this is a client only."""
_LONGEST_WAIT = 61_000
"""Milliseconds that bacpypes3 waits; the driver waits less, and repeats by itself."""
_TOO_LONG = {
    int(AbortReason.bufferOverflow),
    int(AbortReason.segmentationNotSupported),
    int(AbortReason.outOfResources),
    int(AbortReason.apduTooLong),
}

Result = list[Atomic] | str
"""The application-tagged values of a property, or why there are none."""
Heard = Callable[[Sequence[tuple[int, int | None, Result]]], None]


class Declined(Exception):
    """The device answered with an error, a reject or an abort.

    ``unknown``: it does not have this service; ``too_long``: its answer would not fit.
    """

    def __init__(self, text: str, *, unknown: bool = False, too_long: bool = False) -> None:
        super().__init__(text)
        self.unknown = unknown
        self.too_long = too_long


class Local(msgspec.Struct, frozen=True):
    """Our end: the address and port to send from, and where to register as a foreign device."""

    address: str = "0.0.0.0"  # noqa: S104 the default of a client that may use any interface
    port: int = 0
    broadcaster: str = ""
    lifetime: int = 300


class _Application(Application):  # type: ignore[misc]
    """Hears notifications, and is no device for anybody else."""

    ears: dict[tuple[str, int], Heard]

    async def indication(self, apdu: APDU) -> None:
        """Nothing but notifications: an answer to anything else would tell that we are here, or feed an echo."""
        if isinstance(apdu, ConfirmedCOVNotificationRequest | UnconfirmedCOVNotificationRequest):
            await super().indication(apdu)

    async def do_ConfirmedCOVNotificationRequest(self, apdu: APDU) -> None:  # noqa: N802
        """A notification that wants an answer."""
        if not self._notify(apdu):
            raise ServicesError(errorCode="unknownSubscription")
        await self.response(SimpleAckPDU(context=apdu))

    async def do_UnconfirmedCOVNotificationRequest(self, apdu: APDU) -> None:  # noqa: N802
        """A notification."""
        self._notify(apdu)

    def _notify(self, apdu: APDU) -> bool:
        heard = self.ears.get((str(apdu.pduSource), int(apdu.subscriberProcessIdentifier)))
        if heard is not None:
            heard(
                [(int(v.propertyIdentifier), _index(v.propertyArrayIndex), atoms(v.value)) for v in apdu.listOfValues]
            )
        return heard is not None


class Client:
    """Requests from one socket. Devices do not wait for one another."""

    def __init__(self, local: Local) -> None:
        self._local = local
        self.users = 0
        self._application: _Application | None = None
        self._process = 0
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Open the socket, if that has not been done; raises :class:`BadConfiguration` when it cannot be."""
        async with self._opening:
            if self._application is None:
                self._application = self._made()
                for link in self._application.link_layers.values():
                    await asyncio.gather(*link.server._transport_tasks)  # before anybody may close it again

    def _made(self) -> _Application:
        settings.route_aware = True  # a device behind a router is named by the router's address as well
        logging.getLogger("bacpypes3").setLevel(logging.CRITICAL)  # it logs every frame that it cannot read
        device = DeviceObject(
            objectIdentifier=("device", _GATEWAY),
            objectName="gongfu",
            vendorIdentifier=999,
            maxApduLengthAccepted=1476,
            apduTimeout=_LONGEST_WAIT,
            numberOfApduRetries=0,
        )
        end = self._socket()
        application: _Application = _Application.from_object_list([device])
        application.ears = {}
        address = IPv4Address("{}:{}".format(*end.getsockname()))
        if self._local.broadcaster:
            # bacpypes3 gives a foreign device no socket of ours: it binds the same port again.
            end.close()
            link = ForeignLinkLayer(address)
            link.register(IPv4Address(self._local.broadcaster), self._local.lifetime)
        else:
            link = NormalLinkLayer(address, bind_socket=end)
        application.nsap.bind(link, address=address)
        application.link_layers[ObjectIdentifier(("network-port", 1))] = link
        return application

    def _socket(self) -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            end.setblocking(False)
            end.bind((self._local.address, self._local.port))
        except OSError as error:
            end.close()
            raise BadConfiguration(
                mark("BACnet cannot use {address}:{port} of this machine: {reason}."),
                remedy=mark("Choose an address of this machine and a free port, or leave both out."),
                address=self._local.address,
                port=self._local.port,
                reason=error.strerror,
            ) from error
        return end

    async def close(self) -> None:
        """Close the socket; a broadcaster is told that we go."""
        application, self._application = self._application, None
        if application is not None:
            for link in application.link_layers.values():
                if isinstance(link, ForeignLinkLayer):
                    link.unregister()
                    await asyncio.sleep(0)
            application.close()

    async def read(self, peer: Peer, wanted: Property) -> list[Atomic]:
        """One property by ReadProperty (clause 15.5); raises :class:`Declined` or :class:`DeviceUnavailable`."""
        request = ReadPropertyRequest(
            objectIdentifier=_identifier(wanted.item),
            propertyIdentifier=PropertyIdentifier(wanted.number),
            destination=peer.address,
        )
        if wanted.index is not None:
            request.propertyArrayIndex = wanted.index
        answer = await self._ask(peer, request)
        if not isinstance(answer, ReadPropertyACK):
            raise _strange(peer, answer)
        result = atoms(answer.propertyValue)
        if isinstance(result, str):
            raise Declined(result)
        return result

    async def read_many(self, peer: Peer, wanted: Sequence[Property]) -> dict[Property, Result]:
        """Properties by one ReadPropertyMultiple (clause 15.7); what is missing was not answered. Raises as `read`."""
        specifications: list[ReadAccessSpecification] = []
        for one in wanted:
            reference = PropertyReference(propertyIdentifier=PropertyIdentifier(one.number))
            if one.index is not None:
                reference.propertyArrayIndex = one.index
            identifier = _identifier(one.item)
            if specifications and specifications[-1].objectIdentifier == identifier:
                specifications[-1].listOfPropertyReferences.append(reference)
            else:
                specifications.append(
                    ReadAccessSpecification(objectIdentifier=identifier, listOfPropertyReferences=[reference])
                )
        answer = await self._ask(
            peer,
            ReadPropertyMultipleRequest(
                listOfReadAccessSpecs=SequenceOf(ReadAccessSpecification)(specifications), destination=peer.address
            ),
        )
        if not isinstance(answer, ReadPropertyMultipleACK):
            raise _strange(peer, answer)
        found: dict[Property, Result] = {}
        for result in answer.listOfReadAccessResults:
            item = Item(int(result.objectIdentifier[0]), result.objectIdentifier[1])
            for element in result.listOfResults:
                one = Property(item, int(element.propertyIdentifier), _index(element.propertyArrayIndex))
                error = element.readResult.propertyAccessError
                value = element.readResult.propertyValue
                found[one] = f"{error.errorClass}: {error.errorCode}" if value is None else atoms(value)
        return found

    async def write(self, peer: Peer, target: Property, value: Atomic, priority: int) -> None:
        """One property by WriteProperty (clause 15.9); raises as :meth:`read`."""
        request = WritePropertyRequest(
            objectIdentifier=_identifier(target.item),
            propertyIdentifier=PropertyIdentifier(target.number),
            propertyValue=value,
            priority=priority,
            destination=peer.address,
        )
        if target.index is not None:
            request.propertyArrayIndex = target.index
        answer = await self._ask(peer, request)
        if not isinstance(answer, SimpleAckPDU):
            raise _strange(peer, answer)

    def listen(self, peer: Peer, heard: Heard) -> int:
        """A number for a subscription whose notifications go to ``heard``."""
        assert self._application is not None
        self._process = self._process % 0x3FFFFF + 1
        self._application.ears[str(peer.address), self._process] = heard
        return self._process

    def forget(self, peer: Peer, process: int) -> None:
        """End of :meth:`listen`."""
        if self._application is not None:
            self._application.ears.pop((str(peer.address), process), None)

    async def subscribe(self, peer: Peer, item: Item, process: int, lifetime: int, *, confirmed: bool) -> None:
        """Subscribe, or again, by SubscribeCOV (clause 13.14); raises as :meth:`read`."""
        request = SubscribeCOVRequest(
            subscriberProcessIdentifier=process,
            monitoredObjectIdentifier=_identifier(item),
            issueConfirmedNotifications=confirmed,
            lifetime=lifetime,
            destination=peer.address,
        )
        await self._ask(peer, request)

    async def _ask(self, peer: Peer, request: APDU) -> APDU:
        assert self._application is not None
        for attempt in range(peer.retries + 1):
            if attempt:
                request.apduInvokeID = None  # the late answer to the first must not be taken for that to the second
            try:
                async with asyncio.timeout(peer.timeout):
                    return await self._application.request(request)
            except TimeoutError:
                continue
            except ErrorRejectAbortNack as answer:
                if isinstance(answer, AbortPDU) and answer.apduAbortRejectReason == AbortReason.noResponse:
                    continue
                raise _declined(answer) from None
        raise DeviceUnavailable(
            mark("No BACnet device answers at {name} within {seconds} s."),
            remedy=mark("Check address, port and network; devices of other subnets answer by a router only."),
            name=peer.name,
            seconds=peer.timeout,
        )


class Peer(msgspec.Struct, frozen=True):
    """A device as the client reaches it. Each attempt takes ``timeout`` seconds."""

    address: IPv4Address | RemoteStation
    name: str
    timeout: float
    retries: int


def _declined(answer: ErrorRejectAbortNack) -> Declined:
    if isinstance(answer, ErrorPDU):
        code = f"{answer.errorClass}: {answer.errorCode}"
        return Declined(code, unknown="not-supported" in code)
    reason = answer.apduAbortRejectReason
    if isinstance(answer, RejectPDU):
        return Declined(f"reject: {reason}", unknown=reason == RejectReason.unrecognizedService)
    return Declined(f"abort: {reason}", too_long=int(reason) in _TOO_LONG)


def _strange(peer: Peer, answer: object) -> DeviceUnavailable:
    return DeviceUnavailable(
        mark("The BACnet device at {name} answers something else than it was asked ({answer})."),
        name=peer.name,
        answer=type(answer).__name__,
    )


def _identifier(item: Item) -> ObjectIdentifier:
    return ObjectIdentifier((ObjectType(item.type), item.instance))


def _index(index: object) -> int | None:
    return int(index) if isinstance(index, int) else None


_clients: dict[tuple[asyncio.AbstractEventLoop, Local], Client] = {}


@asynccontextmanager
async def client(local: Local) -> AsyncIterator[Client]:
    """The client at ``local``, shared within this process; closed when the last user leaves."""
    key = asyncio.get_running_loop(), local
    shared = _clients.setdefault(key, Client(local))
    shared.users += 1
    try:
        await shared.open()
        yield shared
    finally:
        shared.users -= 1
        if not shared.users:
            del _clients[key]
            await shared.close()


class Route(msgspec.Struct, frozen=True):
    """Where a device is behind a router (clause 6): the number of its network, and its address there."""

    network: int
    station: bytes


async def resolve(host: str, port: int, timeout: float, retries: int, route: Route | None = None) -> Peer:  # noqa: ASYNC109 of each request
    """A device by name or IPv4 address, or one behind it when it is a router; raises :class:`DeviceUnavailable`."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:
        raise DeviceUnavailable(mark("{host} is not the name or IPv4 address of a machine."), host=host) from error
    address = IPv4Address("{}:{}".format(*found[0][4]))
    name = f"{host}:{port}"
    if route is None:
        return Peer(address, name, timeout, retries)
    behind = RemoteStation(route.network, route.station, route=address)
    return Peer(behind, f"{behind.addrNet}:{route.station.hex()}@{name}", timeout, retries)
