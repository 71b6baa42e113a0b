"""A session with an OPC UA server: its limits, its namespaces, and the services the driver uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import msgspec
from asyncua import ua

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.opcua.address import Address, Deadband, IdType
from gongfu.network.drivers.opcua.client import GatewayClient, open_client
from gongfu.network.drivers.opcua.events import event_filter, refresh
from gongfu.network.drivers.opcua.failures import broken, talking
from gongfu.network.drivers.opcua.memory import Memory, memory_of
from gongfu.network.drivers.opcua.options import Options
from gongfu.network.gateway.config import DeviceConfig

T = TypeVar("T")
A = TypeVar("A")

_MOST = 500
"""Nodes in one request to a server that sets no limit."""
_LIMITS = {
    "read": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    "write": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
    "browse": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerBrowse,
    "monitor": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
    "history": ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData,
}
"""OPC UA Part 5 §6.3.11."""
_TOO_MANY = {
    ua.StatusCodes.BadTooManyOperations,
    ua.StatusCodes.BadRequestTooLarge,
    ua.StatusCodes.BadResponseTooLarge,
    ua.StatusCodes.BadEncodingLimitsExceeded,
}
_NO_SUBSCRIPTION = {
    ua.StatusCodes.BadServiceUnsupported,
    ua.StatusCodes.BadNotImplemented,
    ua.StatusCodes.BadNotSupported,
    ua.StatusCodes.BadTooManySubscriptions,
    ua.StatusCodes.BadUserAccessDenied,
}
_FILTER = {
    ua.StatusCodes.BadFilterNotAllowed,
    ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    ua.StatusCodes.BadMonitoredItemFilterInvalid,
    ua.StatusCodes.BadDeadbandFilterInvalid,
}
_TOKENS = {
    IdType.NUMBER: ua.NodeIdType.Numeric,
    IdType.STRING: ua.NodeIdType.String,
    IdType.GUID: ua.NodeIdType.Guid,
    IdType.BYTES: ua.NodeIdType.ByteString,
}
_TYPES = {token: kind for kind, token in _TOKENS.items()} | {
    ua.NodeIdType.TwoByte: IdType.NUMBER,
    ua.NodeIdType.FourByte: IdType.NUMBER,
}


class NoSubscriptions(Conflict):
    """The server has no subscriptions, or none left."""


class Item(msgspec.Struct, frozen=True):
    """What is to be watched. ``sampling`` in seconds; ``events``: what the node notifies, not its value."""

    number: int
    node: ua.NodeId
    sampling: float
    queue: int
    deadband: Deadband = Deadband()
    events: bool = False


class Watched(msgspec.Struct, frozen=True):
    """What became of an :class:`Item`."""

    status: int
    id: int = 0
    without_deadband: bool = False
    """The server reports every change, it cannot do otherwise."""

    @property
    def refused(self) -> bool:
        """Whether it is not watched."""
        return self.status >> 30 != 0


class Connection:
    """An open session. Every method raises :class:`DeviceUnavailable` when the server fails it."""

    def __init__(self, client: GatewayClient, options: Options, memory: Memory, lost: asyncio.Event) -> None:
        self.client = client
        self.options = options
        self.memory = memory
        self.namespaces: list[str] = []
        self._limits = dict.fromkeys(_LIMITS, _MOST)
        self._lost = lost

    @property
    def lost(self) -> bool:
        """Whether the connection has broken, or soon will."""
        return self._lost.is_set() or self.client.has_stopped_renewing

    async def prepare(self) -> dict[int, str]:
        """Read namespaces and limits; returns the namespaces that have changed, see :meth:`Memory.learn`."""
        with talking(self.options.endpoint):
            self.namespaces = list(await self.client.get_namespace_array())
        answers = await self.read([ua.NodeId(node) for node in _LIMITS.values()])
        for name, answer in zip(_LIMITS, answers, strict=True):
            value = answer.Value.Value if answer.Value is not None else None
            if isinstance(value, int) and value > 0:
                self._limits[name] = min(value, _MOST)
        return self.memory.learn(self.namespaces)

    def node(self, address: Address) -> ua.NodeId | None:
        """The node of ``address`` on this server, None when it does not know its namespace."""
        namespace = address.namespace
        uri = self.memory.uri(address)
        if uri:
            if uri not in self.namespaces:
                return None
            namespace = self.namespaces.index(uri)
        return ua.NodeId(address.value, namespace, _TOKENS[address.type])

    def address(self, node: ua.NodeId) -> Address:
        """The address of ``node``, with the URI of its namespace, so that it holds after a restart, too."""
        number = node.NamespaceIndex
        uri = self.namespaces[number] if 0 < number < len(self.namespaces) else ""
        return Address(0 if uri else number, uri, _TYPES[node.NodeIdType], node.Identifier)

    async def read(
        self, nodes: Sequence[ua.NodeId], attribute: ua.AttributeIds = ua.AttributeIds.Value
    ) -> list[ua.DataValue]:
        """An attribute of each of ``nodes``, now."""
        return await self.in_parts(
            "read", nodes, lambda part: self.client.uaclient.read_attributes(list(part), attribute)
        )

    async def in_parts(
        self, limit: str, items: Sequence[A], ask: Callable[[Sequence[A]], Awaitable[Sequence[T]]]
    ) -> list[T]:
        """One answer for each of ``items``, asked for in as many requests as the server's limit wants.

        ``limit`` is a key of the limits; a server that finds a request too large all the same is asked for less.
        """
        found: list[T] = []
        while len(found) < len(items):
            part = items[len(found) : len(found) + self._limits[limit]]
            with talking(self.options.endpoint):
                try:
                    answers = await ask(part)
                except ua.UaStatusCodeError as error:
                    if error.code not in _TOO_MANY or len(part) == 1:
                        raise
                    self._limits[limit] = max(1, len(part) // 2)
                    continue
            if len(answers) != len(part):
                raise broken(self.options.endpoint, "an answer for another number of nodes")
            found += answers
        return found

    async def subscribe(
        self, publishing: float, keep_alive: int, results: asyncio.Queue[ua.PublishResult]
    ) -> tuple[int, float]:
        """Id of a new subscription, and the seconds within which it must give a sign of life.

        What it publishes goes to ``results``; while that is full nothing more is asked of the server, which queues.
        Raises :class:`NoSubscriptions`.
        """
        wanted = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing * 1000,
            RequestedLifetimeCount=max(30, keep_alive * 10),
            RequestedMaxKeepAliveCount=keep_alive,
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
            Priority=0,
        )
        with talking(self.options.endpoint):
            try:
                made = await self.client.uaclient.create_subscription(wanted, results.put)
            except ua.UaStatusCodeError as error:
                if error.code in _NO_SUBSCRIPTION:
                    raise NoSubscriptions(
                        mark("The server has no subscriptions: {reason}."), reason=ua.StatusCode(error.code).name
                    ) from error
                raise
        return int(made.SubscriptionId), made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount

    async def watch(self, subscription: int, items: Sequence[Item]) -> dict[int, Watched]:
        """Watch ``items``; what became of each, by its number."""
        found: dict[int, Watched] = {}
        left = list(items)
        for wished in (True, False):
            answers = await self._create(subscription, left, wished=wished)
            for item, answer in zip(left, answers, strict=True):
                lacking = not wished and item.deadband.value > 0
                found[item.number] = Watched(int(answer.StatusCode.value), int(answer.MonitoredItemId), lacking)
            left = [item for item in left if found[item.number].status in _FILTER and not item.events]
        return found

    async def _create(
        self, subscription: int, items: Sequence[Item], *, wished: bool
    ) -> list[ua.MonitoredItemCreateResult]:
        async def ask(part: Sequence[Item]) -> Sequence[ua.MonitoredItemCreateResult]:
            wanted = ua.CreateMonitoredItemsParameters(
                SubscriptionId=subscription,
                TimestampsToReturn=ua.TimestampsToReturn.Both,
                ItemsToCreate=[_request(item, wished=wished) for item in part],
            )
            return list(await self.client.uaclient.create_monitored_items(wanted))

        return await self.in_parts("monitor", items, ask)

    async def forget(self, subscription: int, ids: Sequence[int]) -> None:
        """Watch no longer what :class:`Watched` has these ``ids``."""
        if ids:
            wanted = ua.DeleteMonitoredItemsParameters(SubscriptionId=subscription, MonitoredItemIds=list(ids))
            with talking(self.options.endpoint), suppress(ua.UaStatusCodeError):  # it may be gone with its node
                await self.client.uaclient.delete_monitored_items(wanted)

    async def refresh(self, subscription: int) -> None:
        """Let the server repeat the conditions that hold now; one that has none declines, and need not."""
        with talking(self.options.endpoint), suppress(ua.UaStatusCodeError):
            await self.client.uaclient.call([refresh(subscription)])

    async def again(self, subscription: int, number: int) -> ua.NotificationMessage | None:
        """The message ``number`` once more; None when the server has it no longer, or nobody can read it."""
        with talking(self.options.endpoint):
            try:
                message = await self.client.uaclient.session.republish(subscription, number)
            except (OSError, TimeoutError):
                raise
            except Exception:  # what made asyncua drop the message the first time may do so again
                return None
        return message if message.NotificationData else None


def _request(item: Item, *, wished: bool) -> ua.MonitoredItemCreateRequest:
    """``wished``: with the filter that the item should have; else without any, for servers that know none."""
    attributes = ua.AttributeIds
    plain = _filter(item.deadband) if wished else None
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(
            NodeId=item.node, AttributeId=attributes.EventNotifier if item.events else attributes.Value
        ),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=item.number,
            SamplingInterval=0 if item.events else item.sampling * 1000,
            Filter=event_filter() if item.events else plain,
            QueueSize=item.queue,
            DiscardOldest=True,
        ),
    )


def _filter(deadband: Deadband) -> ua.DataChangeFilter:
    if not deadband.value:
        # Also a value that stays the same has a new source time: replay and slow processes need it.
        return ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp)
    kind = ua.DeadbandType.Percent if deadband.percent else ua.DeadbandType.Absolute
    return ua.DataChangeFilter(
        Trigger=ua.DataChangeTrigger.StatusValue, DeadbandType=kind, DeadbandValue=deadband.value
    )


@asynccontextmanager
async def connect(device: DeviceConfig, options: Options) -> AsyncIterator[Connection]:
    """A connection to ``device``, not yet prepared; closed at the end. Raises as :func:`open_client`."""
    lost = asyncio.Event()

    async def connection_lost(_error: Exception) -> None:
        lost.set()

    async with open_client(device, options) as client:
        client.connection_lost_callback = connection_lost
        yield Connection(client, options, memory_of(device.org, device.device, options.endpoint), lost)
