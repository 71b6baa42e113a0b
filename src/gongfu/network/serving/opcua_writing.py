"""The Write service as OPC 10000-4 §5.11.4 has it: a status code for each node, each decided by the guard.

What clients expect: the operations of one request succeed or fail by themselves. Those of one device are done in the
order in which they stand in the request, so that a later one meets the interlocks as an earlier one left them;
those of different devices beside each other. What has not begun when a client will have lost patience is not begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService

from gongfu.kernel.errors import GongfuError
from gongfu.network.gateway.config import TagConfig
from gongfu.network.serving.offers import NotWritten, Wish

MOST_NODES = 50
"""Nodes in one request, told to clients as MaxNodesPerWrite."""
_BEGIN_WITHIN = 10.0
"""Seconds after which no further value of a request is sent; clients wait 5 to 10 s (asyncua 4, UaExpert 5)."""
_REFUSED = {
    "invalid": ua.StatusCodes.BadOutOfRange,
    "forbidden": ua.StatusCodes.BadUserAccessDenied,
    "not_found": ua.StatusCodes.BadNotWritable,
    "conflict": ua.StatusCodes.BadInvalidState,
    "unavailable": ua.StatusCodes.BadNoCommunication,
}
Write = Callable[[Sequence[Wish], str], Awaitable[None]]
"""Has values written; raises :class:`NotWritten` or another :class:`GongfuError`."""

log = structlog.get_logger("northbound")


class Place(NamedTuple):
    """What a variable stands for."""

    device: int
    tag: TagConfig
    type: ua.VariantType


class GuardedWrites(AttributeService):  # type: ignore[misc]
    """asyncua's attribute service, in which what clients write goes through the guard and nowhere else."""

    def __init__(self, space: AddressSpace, places: Mapping[ua.NodeId, Place], write: Write, offered: bool) -> None:
        super().__init__(space)
        self._space = space
        self._places = places
        self._write = write
        self._offered = offered

    async def write(self, params: ua.WriteParameters, user: User | None = None) -> list[ua.StatusCode]:
        """A status code for each node of ``params``; the server's own writes come as an administrator's."""
        if user is None or user.role == UserRole.Admin:
            return list(await super().write(params))
        wishes = params.NodesToWrite
        if len(wishes) > MOST_NODES:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadTooManyOperations)
        codes = [ua.StatusCode(self._look_at(wish)) for wish in wishes]
        by_device: dict[int, list[int]] = {}
        for index, wish in enumerate(wishes):
            if codes[index].is_good():
                by_device.setdefault(self._places[wish.NodeId].device, []).append(index)
        until = asyncio.get_running_loop().time() + _BEGIN_WITHIN

        async def in_turn(indexes: list[int]) -> None:
            for index in indexes:
                codes[index] = ua.StatusCode(await self._ask(wishes[index], until))

        await asyncio.gather(*map(in_turn, by_device.values()))
        return codes

    def _look_at(self, wish: ua.WriteValue) -> ua.StatusCodes:
        """What can be said before anybody is asked."""
        place = self._places.get(wish.NodeId)
        if place is None:
            there = wish.NodeId in self._space.keys()  # noqa: SIM118 - it is no mapping
            return ua.StatusCodes.BadUserAccessDenied if there else ua.StatusCodes.BadNodeIdUnknown
        if wish.AttributeId != ua.AttributeIds.Value or not self._offered:
            return ua.StatusCodes.BadUserAccessDenied
        given = wish.Value
        if wish.IndexRange or (given.StatusCode is not None and not given.StatusCode.is_good()):
            return ua.StatusCodes.BadWriteNotSupported
        if given.Value is None or given.Value.VariantType != place.type or given.Value.is_array:
            return ua.StatusCodes.BadTypeMismatch
        if not isinstance(given.Value.Value, (bool, int, float, str)):
            return ua.StatusCodes.BadTypeMismatch
        return ua.StatusCodes.Good

    async def _ask(self, wish: ua.WriteValue, until: float) -> ua.StatusCodes:
        if asyncio.get_running_loop().time() > until:
            return ua.StatusCodes.BadTimeout
        series, value = self._places[wish.NodeId].tag.series, wish.Value.Value
        try:
            await self._write([Wish(series, value.Value)], "OPC UA")
        except NotWritten as error:
            log.info("a write was refused", series=series, reason=error.problem[:200])
            return _REFUSED.get(error.problem.partition(":")[0], ua.StatusCodes.BadUserAccessDenied)
        except GongfuError:
            return ua.StatusCodes.BadNoCommunication
        now = datetime.now(UTC)
        await self._space.write_attribute_value(
            wish.NodeId, ua.AttributeIds.Value, ua.DataValue(value, SourceTimestamp=now, ServerTimestamp=now)
        )
        return ua.StatusCodes.Good


async def most_per_request(server: Server) -> None:
    """Tell clients how many nodes they may write at once."""
    node = server.get_node(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite)
    await node.write_value(ua.DataValue(ua.Variant(MOST_NODES, ua.VariantType.UInt32)))
