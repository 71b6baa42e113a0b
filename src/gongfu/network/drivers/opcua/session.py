"""A session with an OPC UA server: connect, subscribe, read; asyncua's many exceptions become two."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

from asyncua import Client, ua

from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.opcua.address import Address, IdType

T = TypeVar("T")

QUEUE = 1000
"""Values the server keeps for one tag between two publications."""
_CHUNK = 100
"""Nodes in one request; small servers limit them (Part 5 §6.3.11)."""
_SESSION = 60_000
"""Milliseconds a server keeps the session of a gateway that was killed."""
_TOKENS = {
    IdType.NUMBER: ua.NodeIdType.Numeric,
    IdType.STRING: ua.NodeIdType.String,
    IdType.GUID: ua.NodeIdType.Guid,
    IdType.BYTES: ua.NodeIdType.ByteString,
}
_REMEDY = mark("Check address, port, network and that the server is on.")
_LOGIN = (ua.StatusCodes.BadUserAccessDenied, ua.StatusCodes.BadIdentityTokenRejected)
_NO_TIMESTAMP_TRIGGER = (
    ua.StatusCodes.BadFilterNotAllowed,
    ua.StatusCodes.BadMonitoredItemFilterUnsupported,
    ua.StatusCodes.BadMonitoredItemFilterInvalid,
)


class Session:
    """An open session. Every method raises :class:`DeviceUnavailable` when the server fails it."""

    def __init__(self, client: Client, endpoint: str, namespaces: Sequence[str], lost: asyncio.Event) -> None:
        self._client = client
        self._endpoint = endpoint
        self._namespaces = list(namespaces)
        self.lost = lost
        """Set when the connection has broken."""

    def node(self, address: Address) -> ua.NodeId | None:
        """The node of ``address``, None when the server does not know its namespace URI."""
        namespace = address.namespace
        if address.uri:
            if address.uri not in self._namespaces:
                return None
            namespace = self._namespaces.index(address.uri)
        return ua.NodeId(address.value, namespace, _TOKENS[address.type])

    async def subscribe(
        self, publishing: float, keep_alive: int, results: asyncio.Queue[ua.PublishResult]
    ) -> tuple[int, float]:
        """Id of a new subscription, and the seconds within which it must give a sign of life.

        What it publishes goes to ``results``; while that is full nothing more is asked of the server, which queues.
        """
        wanted = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=publishing * 1000,
            RequestedLifetimeCount=max(30, keep_alive * 10),
            RequestedMaxKeepAliveCount=keep_alive,
            MaxNotificationsPerPublish=10_000,
            PublishingEnabled=True,
            Priority=0,
        )
        with _talking(self._endpoint):
            made = await self._client.uaclient.create_subscription(wanted, results.put)
        return int(made.SubscriptionId), made.RevisedPublishingInterval / 1000 * made.RevisedMaxKeepAliveCount

    async def monitor(self, subscription: int, nodes: dict[int, ua.NodeId], sampling: float) -> dict[int, int]:
        """Watch the nodes, each under its number; returns the status codes of those the server refuses."""
        refused: dict[int, int] = {}
        for part in _chunks(list(nodes.items())):
            # Also a value that stays the same has a new source time: replay and slow processes need it.
            answers = await self._create(subscription, part, sampling, by_time=True)
            again = [item for item, code in zip(part, answers, strict=True) if code in _NO_TIMESTAMP_TRIGGER]
            codes = {number: code for (number, _node), code in zip(part, answers, strict=True)}
            if again:
                second = await self._create(subscription, again, sampling, by_time=False)
                codes |= {number: code for (number, _node), code in zip(again, second, strict=True)}
            refused |= {number: code for number, code in codes.items() if code >> 30}
        return refused

    async def _create(
        self, subscription: int, items: list[tuple[int, ua.NodeId]], sampling: float, *, by_time: bool
    ) -> list[int]:
        requests = [
            ua.MonitoredItemCreateRequest(
                ItemToMonitor=ua.ReadValueId(NodeId=node, AttributeId=ua.AttributeIds.Value),
                MonitoringMode=ua.MonitoringMode.Reporting,
                RequestedParameters=ua.MonitoringParameters(
                    ClientHandle=number,
                    SamplingInterval=sampling * 1000,
                    Filter=ua.DataChangeFilter(Trigger=ua.DataChangeTrigger.StatusValueTimestamp) if by_time else None,
                    QueueSize=QUEUE,
                    DiscardOldest=True,
                ),
            )
            for number, node in items
        ]
        wanted = ua.CreateMonitoredItemsParameters(
            SubscriptionId=subscription, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=requests
        )
        with _talking(self._endpoint):
            answers = await self._client.uaclient.create_monitored_items(wanted)
        if len(answers) != len(items):
            raise _broken(self._endpoint, "an answer for another number of nodes")
        return [int(answer.StatusCode.value) for answer in answers]

    async def read(self, nodes: Sequence[ua.NodeId]) -> list[ua.DataValue]:
        """The present values of ``nodes``."""
        values: list[ua.DataValue] = []
        for part in _chunks(list(nodes)):
            with _talking(self._endpoint):
                answers = await self._client.uaclient.read_attributes(part, ua.AttributeIds.Value)
            if len(answers) != len(part):
                raise _broken(self._endpoint, "an answer for another number of nodes")
            values += answers
        return values


@asynccontextmanager
async def session(endpoint: str, username: str, password: str, timeout: float) -> AsyncIterator[Session]:  # noqa: ASYNC109
    """A session, closed at the end. Raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    client = _client(endpoint, username, password, timeout)
    lost = asyncio.Event()

    async def connection_lost(_error: Exception) -> None:
        lost.set()

    client.connection_lost_callback = connection_lost
    try:
        with _talking(endpoint):
            # Five round trips; a server that answers each at the last moment is of no use.
            async with asyncio.timeout(2 * timeout):
                await client.connect()
                namespaces = await client.get_namespace_array()
        yield Session(client, endpoint, namespaces, lost)
    finally:
        with suppress(Exception):
            async with asyncio.timeout(1):
                await client.disconnect()


def _client(endpoint: str, username: str, password: str, timeout: float) -> Client:
    try:
        url = urlsplit(endpoint)
        port = url.port or 4840
    except ValueError:
        url, port = urlsplit(""), 0
    if url.scheme != "opc.tcp" or not url.hostname or url.username is not None:
        raise BadConfiguration(
            mark("{endpoint} is not the address of an OPC UA server."),
            remedy=mark("Write opc.tcp://host:port/path, without user name and password."),
            endpoint=endpoint if url.username is None else f"opc.tcp://…@{url.hostname}",
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    # The watchdog of asyncua reads the server's state; it is what notices a silent server.
    client = Client(f"opc.tcp://{host}:{port}{url.path}", timeout=timeout, watchdog_intervall=timeout)
    client.name = client.description = "Gongfu gateway"
    client.application_uri = "urn:gongfu:gateway"
    client.product_uri = "urn:gongfu"
    client.session_timeout = _SESSION
    if username:
        client.set_user(username)
        client.set_password(password)
    return client


@contextmanager
def _talking(endpoint: str) -> Iterator[None]:
    try:
        yield
    except GongfuError:
        raise
    except ua.UaStatusCodeError as error:
        if error.code in _LOGIN:
            raise BadConfiguration(
                mark("The OPC UA server at {endpoint} refuses this user."),
                remedy=mark("Check user name and password."),
                endpoint=endpoint,
            ) from error
        raise _broken(endpoint, error) from error
    except TimeoutError as error:
        raise DeviceUnavailable(
            mark("The OPC UA server at {endpoint} does not answer in time."), remedy=_REMEDY, endpoint=endpoint
        ) from error
    except OSError as error:
        raise DeviceUnavailable(
            mark("No OPC UA server answers at {endpoint}: {reason}."), remedy=_REMEDY, endpoint=endpoint, reason=error
        ) from error
    except Exception as error:  # a malformed answer makes the library raise anything
        if "No matching endpoints" in str(error):
            raise BadConfiguration(
                mark("The OPC UA server at {endpoint} wants encryption."),
                remedy=mark(
                    "Connections with certificates are not supported yet: allow the policy None for this gateway."
                ),
                endpoint=endpoint,
            ) from error
        raise _broken(endpoint, error) from error


def _broken(endpoint: str, reason: object) -> DeviceUnavailable:
    return DeviceUnavailable(mark("The OPC UA server at {endpoint} fails: {reason}."), endpoint=endpoint, reason=reason)


def _chunks(items: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
