"""Many requests in few messages, and long values in several."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gongfu.network.drivers.ethernetip import cip, logix
from gongfu.network.drivers.ethernetip.cip import Reply, Request, Service
from gongfu.network.drivers.ethernetip.client import Controller
from gongfu.network.drivers.ethernetip.kinds import STRUCTURE
from gongfu.network.drivers.ethernetip.status import NOT_SUPPORTED, PARTIAL, TOO_LARGE, Refused
from gongfu.network.drivers.ethernetip.wire import Malformed

_HEAD, _PLACE = 8, 2
"""Bytes of a Multiple Service Packet before its offsets, and of an offset."""
_REPLY = 12
"""Bytes of a reply that are not its value: head, type and handle, and a word of extended status."""
_ROUTER = cip.path_of(2, 1)


class Wanted(msgspec.Struct, frozen=True):
    """A request, and how many bytes of value to expect."""

    request: Request
    size: int
    count: int = 1
    """Elements of a Read Tag."""


Result = Reply | Refused


def pack(wanted: Sequence[Wanted], limit: int) -> list[list[int]]:
    """Positions of requests that travel together: neither they nor their replies are longer than ``limit`` bytes."""
    groups: list[list[int]] = []
    asked = answered = limit
    for position, one in enumerate(wanted):
        there = _PLACE + 2 + len(one.request.path) + len(one.request.data)
        back = _PLACE + _REPLY + one.size
        if not groups or asked + there > limit or answered + back > limit:
            groups.append([])
            asked = answered = _HEAD
        groups[-1].append(position)
        asked += there
        answered += back
    return groups


class Batch:
    """A set of requests, packed once and asked again and again."""

    def __init__(self, controller: Controller, wanted: Sequence[Wanted]) -> None:
        self._controller = controller
        self._wanted = wanted
        self._groups = [(group, _together(wanted, group)) for group in pack(wanted, controller.limit)]

    async def ask(self) -> list[Result]:
        """A result for each request, in their order."""
        results: list[Result] = []
        for group, together in self._groups:
            if together is None or not self._controller.packs:
                results += [await self._single(self._wanted[position]) for position in group]
            else:
                results += await self._several(group, together)
        return results

    async def _several(self, group: list[int], together: Request) -> list[Result]:
        try:
            reply = await self._controller.ask(together)
        except Refused as refused:
            if refused.status == NOT_SUPPORTED:
                self._controller.packs = False
            return [await self._single(self._wanted[position]) for position in group]
        try:
            replies = [cip.decode_reply(part) for part in cip.decode_several(reply.data)]
            if [one.service for one in replies] != [self._wanted[position].request.service for position in group]:
                raise Malformed("answers to other requests")
        except Malformed as error:
            raise self._controller.failure(error) from error
        results: list[Result] = []
        for position, one in zip(group, replies, strict=True):
            if one.status in (PARTIAL, TOO_LARGE):
                results.append(await self._fragments(self._wanted[position], one))
            else:
                results.append(Refused(one) if one.status else one)
        return results

    async def _single(self, wanted: Wanted) -> Result:
        try:
            reply = await self._controller.ask(wanted.request)
        except Refused as refused:
            return refused
        return await self._fragments(wanted, reply) if reply.status == PARTIAL else reply

    async def _fragments(self, wanted: Wanted, first: Reply) -> Result:
        """The whole value, part by part."""
        if wanted.request.service != Service.READ_TAG:
            return Refused(first)
        head, value = b"", b""
        while True:
            try:
                reply = await self._controller.ask(logix.read_fragment(wanted.request.path, wanted.count, len(value)))
            except Refused as refused:
                return refused
            start = 4 if reply.data[:2] == STRUCTURE.to_bytes(2, "little") else 2
            head, part = reply.data[:start], reply.data[start:]
            value += part
            if reply.status != PARTIAL:
                return Reply(wanted.request.service, 0, head + value)
            if not part or len(value) > 1 << 20:
                raise self._controller.failure(Malformed("a value that does not end"))


def _together(wanted: Sequence[Wanted], group: list[int]) -> Request | None:
    if len(group) == 1:
        return None
    messages = [cip.encode_request(wanted[position].request) for position in group]
    return Request(Service.MULTIPLE_SERVICE_PACKET, _ROUTER, cip.encode_several(messages))
