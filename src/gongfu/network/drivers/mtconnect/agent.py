"""Questions to an agent: probe, current, sample (MTConnect Part 1, protocol)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Meta

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable
from gongfu.network.drivers.mtconnect.multipart import Parts, boundary
from gongfu.network.drivers.mtconnect.wire import (
    LIMIT,
    BadDocument,
    Component,
    Devices,
    Document,
    Errors,
    Streams,
    parse,
)
from gongfu.network.drivers.options import read_options
from gongfu.network.drivers.webclient import Request, check_url, fetch, shown, translated, web_client
from gongfu.network.gateway.config import DeviceConfig

T = TypeVar("T", Devices, Streams)

_CHUNK = 5000
"""Observations in one document, unless the agent keeps fewer."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options as in manifest.toml."""

    url: Annotated[str, Meta(min_length=1)]
    device: str = ""
    timeout: Annotated[float, Meta(ge=0.1, le=120)] = 10.0
    heartbeat: Annotated[float, Meta(ge=0.1, le=300)] = 10.0
    refresh: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    verify: bool = True
    ca: str = ""


class OutOfRange(Exception):
    """The agent no longer has, or never had, the sequence number that it was asked for."""


def read(device: DeviceConfig) -> Options:
    """The options of ``device``; raises :class:`BadConfiguration`."""
    options = read_options(device, Options)
    check_url(options.url, "url")
    return options


class Agent:
    """One agent, or one of its devices when the option says so."""

    def __init__(self, options: Options, client: httpx.AsyncClient) -> None:
        self._options = options
        self._client = client
        base = options.url.partition("?")[0].rstrip("/")
        self.url = f"{base}/{quote(options.device, safe='')}" if options.device else base

    async def probe(self) -> tuple[Component, ...]:
        """The devices, at least one; raises :class:`DeviceUnavailable`."""
        devices = _wanted(await self._get(f"{self.url}/probe"), Devices, self.url).devices
        if not devices:
            raise DeviceUnavailable(mark("The agent at {url} has no device."), url=shown(self.url))
        return devices

    async def current(self, at: int | None = None) -> Streams:
        """The newest observation of each data item, as of sequence number ``at``; raises :class:`OutOfRange`."""
        query = "" if at is None else f"?at={at}"
        return _wanted(await self._get(f"{self.url}/current{query}"), Streams, self.url)

    async def sample(self, start: int, size: int) -> Streams:
        """Observations from sequence number ``start``, as many as the agent gives; raises :class:`OutOfRange`."""
        query = urlencode({"from": start, "count": min(_CHUNK, size)})
        return _wanted(await self._get(f"{self.url}/sample?{query}"), Streams, self.url)

    async def stream(self, start: int, size: int, interval: float) -> AsyncIterator[Streams]:
        """Documents from ``start`` on as they come, every ``interval`` seconds, and at least at each heartbeat.

        Ends after one document when the agent cannot stream. Raises :class:`OutOfRange`.
        """
        options = self._options
        query = urlencode(
            {
                "from": start,
                "count": min(_CHUNK, size),
                "interval": round(interval * 1000),
                "heartbeat": round(options.heartbeat * 1000),
            }
        )
        url = f"{self.url}/sample?{query}"
        patience = httpx.Timeout(options.timeout, read=options.timeout + max(options.heartbeat, interval))
        with translated(url, patience.read or 0):
            headers = {"accept-encoding": "identity"}
            async with self._client.stream("GET", url, headers=headers, timeout=patience) as response:
                separator = boundary(response.headers.get("content-type", ""))
                if separator is None or response.status_code != 200:
                    body = bytearray()
                    async for chunk in response.aiter_raw():
                        body += chunk
                        if len(body) > LIMIT:
                            break
                    yield _wanted(_parsed(bytes(body), url, response.status_code), Streams, self.url)
                    return
                parts = Parts(separator)
                async for chunk in response.aiter_raw():
                    for part in _fed(parts, chunk, url):
                        yield _wanted(_parsed(part, url, 200), Streams, self.url)
        raise DeviceUnavailable(mark("The agent at {url} has ended its stream."), url=shown(self.url))

    async def _get(self, url: str) -> Document:
        answer = await fetch(self._client, Request(url=url), LIMIT, self._options.timeout)
        return _parsed(answer.body, url, answer.status)


@asynccontextmanager
async def agent(options: Options) -> AsyncIterator[Agent]:
    """Connections to the agent of ``options``."""
    async with web_client(options.url, options.timeout, verify=options.verify, ca=options.ca) as client:
        yield Agent(options, client)


def _fed(parts: Parts, chunk: bytes, url: str) -> list[bytes]:
    try:
        return parts.feed(chunk)
    except BadDocument as error:
        raise _unreadable(url, error) from error


def _parsed(body: bytes, url: str, status: int) -> Document:
    try:
        return parse(body)
    except BadDocument as error:
        if status != 200:
            raise DeviceUnavailable(
                mark("{url} answers {status}."),
                remedy=mark("Check that an MTConnect agent listens there."),
                url=shown(url),
                status=status,
            ) from error
        raise _unreadable(url, error) from error


def _unreadable(url: str, error: BadDocument) -> DeviceUnavailable:
    return DeviceUnavailable(
        mark("The answer of {url} cannot be read: {reason}."), url=shown(url), reason=str(error).rstrip(".")
    )


def _wanted(document: Document, kind: type[T], url: str) -> T:
    if isinstance(document, kind):
        return document
    if isinstance(document, Errors):
        if document.code == "OUT_OF_RANGE":
            raise OutOfRange(document.text)
        if document.code == "NO_DEVICE":
            raise BadConfiguration(
                mark("The agent at {url} has no such device: {text}."),
                remedy=mark("Leave the option device empty, or write a name or uuid from the agent's probe."),
                url=shown(url),
                text=document.text.rstrip("."),
            )
        raise DeviceUnavailable(
            mark("The agent at {url} declines: {code} {text}."),
            url=shown(url),
            code=document.code,
            text=document.text.rstrip("."),
        )
    raise DeviceUnavailable(mark("The agent at {url} answered another question."), url=shown(url))
