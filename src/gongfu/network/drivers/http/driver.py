"""Asks a web service at the device's interval, or takes what the device posts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gongfu.kernel.errors import packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Refusal, Sample, Sink
from gongfu.network.drivers.http.content import Content, Reading
from gongfu.network.drivers.http.ingest import Route, route
from gongfu.network.drivers.http.options import Options, device_key, read, request_headers
from gongfu.network.drivers.http.session import WebSession
from gongfu.network.drivers.pacing import Pace
from gongfu.network.drivers.payload import Malformed
from gongfu.network.drivers.repeats import Repeats
from gongfu.network.drivers.webclient import Request, fetch, shown, web_client
from gongfu.network.gateway.config import DeviceConfig


async def run(device: DeviceConfig, sink: Sink) -> None:
    """Read ``device`` until cancelled; raises :class:`DeviceUnavailable` or :class:`BadConfiguration`."""
    options = read(device)
    if options.mode == "push":
        await _listen(device, options, sink)
    async with web_client(options.url, options.timeout, verify=options.verify, ca=options.ca) as client:
        poller = _Poller(device, options, client, sink)
        pace = Pace(device.interval)
        while True:
            await poller.poll()
            await pace.wait()


@asynccontextmanager
async def open_session(device: DeviceConfig) -> AsyncIterator[WebSession]:
    """A session with the web service."""
    options = read(device)
    if options.mode == "push" and not options.write_url:
        raise Refusal(mark("A device that pushes cannot be asked."))
    async with web_client(
        options.url or options.write_url, options.timeout, verify=options.verify, ca=options.ca
    ) as client:
        yield WebSession(device, options, client)


async def _listen(device: DeviceConfig, options: Options, sink: Sink) -> None:
    """Take what is posted until cancelled."""
    heard = asyncio.Event()
    post = Route(device, options, sink, heard)
    async with route(device.org_code, device_key(device, options), post):
        while True:
            try:
                async with asyncio.timeout(options.silence or None):
                    await heard.wait()
                heard.clear()
            except TimeoutError:
                silence = DeviceUnavailable(mark("No message for {limit} s."), limit=f"{options.silence:g}")
                sink.offline(packed(silence))
                await heard.wait()


class _Poller:
    """One address, asked again and again."""

    def __init__(self, device: DeviceConfig, options: Options, client: httpx.AsyncClient, sink: Sink) -> None:
        self._device = device
        self._options = options
        self._client = client
        self._sink = sink
        self._content = Content(device.tags, options)
        self._headers = request_headers(options)
        self._condition: dict[str, str] = {}
        self._repeats = Repeats()
        self._last: list[Sample] = []
        self._reported: set[int] = set()
        self._online = False

    async def poll(self) -> None:
        """Ask once and emit."""
        options = self._options
        answer = await fetch(
            self._client,
            Request(
                url=options.url,
                method=options.method,
                headers={**self._headers, **self._condition},
                body=options.body.encode(),
                auth=(options.username, options.password) if options.username else None,
                redirects=options.redirects,
            ),
            options.max_bytes,
            options.timeout,
        )
        if answer.status == 304 and self._condition:
            self._answered()
            # Nothing has changed, so what has no time of its own still holds, now.
            await self._sink.emit([sample for sample in self._last if not sample.time])
            return
        if not 200 <= answer.status < 300:
            raise refused(options.url, answer.status)
        self._answered()
        try:
            reading = self._content.read(answer.body, answer.headers.get("content-type", ""), _now())
        except Malformed as error:
            self._sink.malformed(str(error))
            self._condition = {}
            await self._sink.emit([Sample(tag.series, None, quality=Quality.BAD) for tag in self._device.tags])
            return
        await self._emit(reading)
        self._condition = {
            name: answer.headers[field]
            for name, field in (("if-none-match", "etag"), ("if-modified-since", "last-modified"))
            if field in answer.headers
        }

    async def _emit(self, reading: Reading) -> None:
        for problem in reading.problems:
            self._sink.malformed(problem)
        told = {sample.series for sample in reading.samples}
        samples = list(reading.samples)
        if told or not self._options.rows:  # a list may well be empty
            for tag in self._device.tags:
                if tag.series in told:
                    self._reported.discard(tag.series)
                    continue
                samples.append(Sample(tag.series, None, quality=Quality.BAD))
                if tag.series not in self._reported:
                    self._reported.add(tag.series)
                    self._sink.malformed(f"{tag.name} ({tag.address}): the answer does not have it")
        self._last = samples
        fresh = self._repeats.fresh(samples)
        try:
            await self._sink.emit(fresh)
        except BaseException:
            self._repeats.forget()
            raise

    def _answered(self) -> None:
        if not self._online:
            self._online = True
            self._sink.online()


def refused(url: str, status: int) -> DeviceUnavailable:
    """The error for an answer that is none."""
    remedy = mark("Check the address.")
    if status in (401, 403):
        remedy = mark("Check user name, password, token and headers.")
    elif status >= 500 or status == 429:
        remedy = mark("The service will be asked again.")
    return DeviceUnavailable(mark("{url} answers {status}."), remedy=remedy, url=shown(url), status=status)


def _now() -> int:
    return time.time_ns() // 1000
