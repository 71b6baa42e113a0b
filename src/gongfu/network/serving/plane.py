"""What there is to serve: the devices of the bucket ``desired`` and their newest values, followed on the bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import BucketNotFoundError

from gongfu.kernel import readings
from gongfu.kernel.bus import DESIRED
from gongfu.kernel.errors import GongfuError, Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.gateway.asking import Failed
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.serving.offers import (
    BUCKET,
    WRITES,
    NotWritten,
    Offer,
    Partly,
    Verdict,
    Wish,
    WriteRequest,
)
from gongfu.network.serving.stored import Newest, Recall

log = structlog.get_logger("northbound")

_WRITE_SECONDS = 40.0
"""Checking, writing and reading back may take as long as the slowest device and its time-out."""
_offers = msgspec.json.Decoder(Offer)
_devices = msgspec.json.Decoder(DeviceConfig)
_verdicts: msgspec.json.Decoder[Verdict] = msgspec.json.Decoder(Verdict)


@dataclass
class Estate:
    """What one organisation has: its devices by number, and the newest value of each series."""

    devices: dict[int, DeviceConfig] = field(default_factory=dict)
    values: dict[int, Newest] = field(default_factory=dict)


Changed = Callable[[int], None]
"""Told the number of an organisation whose offer or devices changed."""
Came = Callable[[int, int, list[int]], None]
"""Told organisation, device and the series that have new values."""


class Plane:
    """Follows the bus until cancelled; call-backs come on its loop."""

    def __init__(self, client: Client, js: JetStreamContext, changed: Changed, came: Came) -> None:
        self._client = client
        self._js = js
        self._changed = changed
        self._came = came
        self.offers: dict[int, Offer] = {}
        self.estates: dict[int, Estate] = {}
        self.again = asyncio.Event()
        """Set when the bus is back."""
        self._recall = Recall(client, self._stored)

    async def run(self) -> None:
        """Follow offers, devices and readings."""
        await self._client.subscribe("readings.>", cb=self._read, pending_msgs_limit=100_000)
        await asyncio.gather(
            self._follow(BUCKET, self._offer), self._follow(DESIRED, self._device), self._recall.run(self._unknown)
        )

    async def write(self, org: int, wishes: Sequence[Wish], by: str) -> None:
        """Have values written, all or none; raises :class:`NotWritten` or :class:`Unavailable`.

        A device that fails in the middle leaves those before it written; the error says how many.
        """
        asked = msgspec.json.encode(WriteRequest(org=org, wishes=list(wishes), by=by[:100]))
        try:
            answer = await self._client.request(WRITES, asked, timeout=_WRITE_SECONDS)
            verdict = _verdicts.decode(answer.data)
        except (nats.errors.NoRespondersError, nats.errors.ConnectionClosedError) as error:
            raise Unavailable(
                mark("Nobody decides over commands at the moment: {reason}."), reason=type(error).__name__
            ) from error
        except (nats.errors.Error, OSError, TimeoutError, msgspec.DecodeError) as error:
            unknown = Unavailable(mark("Whether it was written is not known: {reason}."), reason=type(error).__name__)
            raise NotWritten(packed(unknown)) from error
        if isinstance(verdict, Failed):
            raise NotWritten(verdict.problem)
        if isinstance(verdict, Partly):
            raise NotWritten(verdict.problem, verdict.written)

    async def _follow(self, bucket: str, take: Callable[[str, bytes | None], None]) -> None:
        while True:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await self._follow_once(bucket, take)
            await asyncio.sleep(0.5)

    async def _follow_once(self, bucket: str, take: Callable[[str, bytes | None], None]) -> None:
        try:
            store = await self._js.key_value(bucket)
        except BucketNotFoundError:
            store = await self._js.create_key_value(KeyValueConfig(bucket=bucket, storage=StorageType.FILE))
        self.again.clear()
        watcher = await store.watchall()
        try:
            while not self.again.is_set():
                try:
                    entry = await watcher.updates(timeout=1.0)  # type: ignore[no-untyped-call]
                except nats.errors.TimeoutError:
                    continue
                if entry is not None:
                    take(entry.key, entry.value if entry.operation is None else None)
        finally:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await watcher.stop()  # type: ignore[no-untyped-call]

    def _offer(self, key: str, data: bytes | None) -> None:
        if not key.isdecimal():
            return
        org = int(key)
        try:
            offer = None if data is None else _offers.decode(data)
        except msgspec.DecodeError as error:
            log.warning("an offer cannot be read", org=org, reason=str(error))
            offer = None
        before = self.offers.get(org)
        if offer is None:
            self.offers.pop(org, None)
        else:
            self.offers[org] = offer
        if before != offer:
            self._changed(org)
            self._recall.wanted.set()

    def _device(self, key: str, data: bytes | None) -> None:
        number = key.rpartition(".")[2]
        if not number.isdecimal():
            return
        device = int(number)
        try:
            config = None if data is None else _devices.decode(data)
        except msgspec.DecodeError as error:
            log.warning("a device cannot be read", device=device, reason=str(error))
            config = None
        for org, estate in self.estates.items():
            before = estate.devices.get(device)
            if before is not None and (config is None or config.org != org):
                del estate.devices[device]
                for tag in before.tags:
                    estate.values.pop(tag.series, None)
                    self._recall.forget(tag.series)
                self._changed(org)
        if config is not None:
            estate = self.estates.setdefault(config.org, Estate())
            if estate.devices.get(device) != config:
                estate.devices[device] = config
                self._changed(config.org)
                self._recall.wanted.set()

    def _unknown(self) -> dict[int, list[int]]:
        """Series that are offered and have no value yet, by organisation."""
        return {
            org: [
                tag.series
                for config in self.estates[org].devices.values()
                for tag in config.tags
                if tag.series not in self.estates[org].values
            ]
            for org in self.offers
            if org in self.estates
        }

    def _stored(self, org: int, found: dict[int, Newest]) -> None:
        """Take values of the store, where none has come meanwhile."""
        estate = self.estates.setdefault(org, Estate())
        for device, config in estate.devices.items():
            new = [tag.series for tag in config.tags if tag.series in found and tag.series not in estate.values]
            estate.values.update((series, found[series]) for series in new)
            if new:
                self._came(org, device, new)

    async def _read(self, message: Msg) -> None:
        try:
            batch = readings.decode(message.data)
        except GongfuError as error:
            log.debug("readings cannot be read", reason=packed(error))
            return
        estate = self.estates.get(batch.org)
        if estate is None or batch.org not in self.offers:
            return
        values = estate.values
        found = []
        columns = (batch.series.tolist(), batch.times.tolist(), batch.values.tolist(), batch.qualities.tolist())
        for series, time, value, quality in zip(*columns, strict=True):
            before = values.get(series)
            if before is None or time >= before.time:  # late ones are history, not news
                values[series] = Newest(value, time, Quality(quality))
                found.append(series)
        for text in batch.texts:
            before = values.get(text.series)
            if before is None or text.time >= before.time:
                values[text.series] = Newest(text.text, text.time, Quality(text.quality))
                found.append(text.series)
        for one in batch.arrays:
            before = values.get(one.series)
            if before is None or one.time >= before.time:
                values[one.series] = Newest(one.values.tolist(), one.time, Quality(one.quality))
                found.append(one.series)
        if found:
            self._came(batch.org, batch.device, found)
