"""Reads many properties of one device: a few requests if the device can, one each if it cannot."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.network.drivers.bacnet.address import Property
from gongfu.network.drivers.bacnet.client import Client, Declined, Peer, Result


class Reader:
    """Remembers what a device can: ReadPropertyMultiple at all, and how much of it at once."""

    def __init__(self, client: Client, peer: Peer, batch: int) -> None:
        self._client = client
        self._peer = peer
        self._batch = batch
        """Properties in a request; 1 reads one by one."""

    async def read(self, wanted: Sequence[Property]) -> dict[Property, Result]:
        """Every property of ``wanted``, or why it has no value; raises :class:`DeviceUnavailable`.

        Properties of one object should stand side by side.
        """
        found: dict[Property, Result] = {}
        at = 0
        while at < len(wanted):
            part = wanted[at : at + self._batch]
            found |= await self._one_by_one(part) if self._batch == 1 else await self._together(part)
            at += len(part)
        return found

    async def _together(self, part: Sequence[Property]) -> dict[Property, Result]:
        try:
            found = await self._client.read_many(self._peer, part)
        except Declined as declined:
            if declined.unknown:
                self._batch = 1
            elif declined.too_long and len(part) > 1:
                self._batch = max(1, len(part) // 2)
                half = len(part) // 2
                return await self._again(part[:half]) | await self._again(part[half:])
            # Some devices decline the whole request for one object that they do not have.
            return await self._one_by_one(part)
        return {one: found.get(one, "the device did not answer this") for one in part}

    async def _again(self, part: Sequence[Property]) -> dict[Property, Result]:
        return await self._together(part) if len(part) > 1 else await self._one_by_one(part)

    async def _one_by_one(self, part: Sequence[Property]) -> dict[Property, Result]:
        found: dict[Property, Result] = {}
        for one in part:
            try:
                found[one] = await self._client.read(self._peer, one)
            except Declined as declined:
                found[one] = str(declined)
        return found
