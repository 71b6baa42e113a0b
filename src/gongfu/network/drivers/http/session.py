"""Questions to a web service, and writing to it."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from urllib.parse import quote

import httpx
import msgspec

from gongfu.kernel.i18n import mark
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import DeviceUnavailable, Identity, Point, Refusal, Sample
from gongfu.network.drivers.http.content import Content
from gongfu.network.drivers.http.options import Options, request_headers
from gongfu.network.drivers.payload import Json, Malformed, lead
from gongfu.network.drivers.webclient import Answer, Request, fetch, shown
from gongfu.network.gateway.config import DeviceConfig, TagConfig

_PLACE = re.compile(r"\{(name|address|value)\}")
_MOST = 1000
"""Entries of one folder that are shown."""


class WebSession:
    """One service."""

    def __init__(self, device: DeviceConfig, options: Options, client: httpx.AsyncClient) -> None:
        self._device = device
        self._options = options
        self._client = client

    async def identify(self) -> Identity:
        """The program that serves, if it says so."""
        return Identity(product=(await self._get()).headers.get("server", ""))

    async def browse(self, parent: str) -> Sequence[Point]:
        """The entries of the answer at the path ``parent``; of a list, those of its first element."""
        answer = await self._get()
        content = Content((), self._options)
        try:
            document = content.document(answer.body, content.form(answer.headers.get("content-type", ""), answer.body))
            here = lead(document, parent) if parent else document
        except Malformed as error:
            raise unreadable(self._options.url, error) from error
        table = isinstance(here, list) and not parent
        if table and isinstance(here, list):
            here = here[0] if here else {}
        entries: list[tuple[str, Json]]
        if isinstance(here, dict):
            entries = list(here.items())
        elif isinstance(here, list):
            entries = [(str(place), value) for place, value in enumerate(here[:_MOST])]
        else:
            return [_point("", "", here)]
        csv = self._options.format == "csv" or "csv" in answer.headers.get("content-type", "")
        return [
            _point(name if csv else f"{parent}/{name.replace('~', '~0').replace('/', '~1')}", name, value)
            for name, value in entries[:_MOST]
        ]

    async def read(self, tags: Sequence[TagConfig]) -> Sequence[Sample]:
        """What the service answers now; of several rows the last."""
        answer = await self._get()
        try:
            reading = Content(tags, self._options).read(
                answer.body, answer.headers.get("content-type", ""), time.time_ns() // 1000
            )
        except Malformed as error:
            raise unreadable(self._options.url, error) from error
        found = {sample.series: sample for sample in reading.samples}
        return [found.get(tag.series, Sample(tag.series, None, quality=Quality.BAD)) for tag in tags]

    async def write(self, tag: TagConfig, value: float | bool | str) -> None:
        """Send ``write_body`` to ``write_url``; an answer of 2xx confirms."""
        options = self._options
        if not options.write_url:
            raise Refusal(mark("There is no address to write to."), remedy=mark("Fill in the option write_url."))
        plain = {"name": tag.name, "address": tag.address, "value": value if isinstance(value, str) else _json(value)}
        url = _PLACE.sub(lambda place: quote(plain[place[1]], safe=""), options.write_url)
        body = _PLACE.sub(lambda place: _in_json(place[1], plain, value), options.write_body)
        answer = await fetch(
            self._client,
            Request(
                url=url,
                method=options.write_method,
                headers={"content-type": "application/json", **request_headers(options)},
                body=body.encode(),
                auth=(options.username, options.password) if options.username else None,
                redirects="none",
            ),
            options.max_bytes,
            options.timeout,
        )
        if 200 <= answer.status < 300:
            return
        if answer.status >= 500 or answer.status == 429:
            raise DeviceUnavailable(mark("{url} answers {status}."), url=shown(url), status=answer.status)
        raise Refusal(
            mark("The service refuses {value} for {tag}: {status} {reason}"),
            value=str(value)[:60],
            tag=tag.name,
            status=answer.status,
            reason=answer.body[:200].decode("utf-8", "replace"),
        )

    async def _get(self) -> Answer:
        options = self._options
        if not options.url:
            raise Refusal(mark("A device that pushes cannot be asked."))
        answer = await fetch(
            self._client,
            Request(
                url=options.url,
                method=options.method,
                headers=request_headers(options),
                body=options.body.encode(),
                auth=(options.username, options.password) if options.username else None,
                redirects=options.redirects,
            ),
            options.max_bytes,
            options.timeout,
        )
        if not 200 <= answer.status < 300:
            raise DeviceUnavailable(mark("{url} answers {status}."), url=shown(options.url), status=answer.status)
        return answer


def unreadable(url: str, error: Malformed) -> DeviceUnavailable:
    """The error for an answer whose content cannot be read."""
    return DeviceUnavailable(
        mark("The answer of {url} cannot be read: {reason}."), url=shown(url), reason=str(error).rstrip(".")
    )


def _in_json(place: str, plain: dict[str, str], value: float | bool | str) -> str:
    """``{value}`` is JSON with its quotes; names and addresses stand inside quotes of the template."""
    return _json(value) if place == "value" else _json(plain[place])[1:-1]


def _json(value: float | bool | str) -> str:
    return msgspec.json.encode(value).decode()


def _point(address: str, name: str, value: Json) -> Point:
    if isinstance(value, dict | list):
        return Point(address=address, name=name, folder=True)
    kind = {bool: "boolean", int: "number", float: "number", str: "text"}.get(type(value), "")
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,15})?", value):
        kind = "number"
    return Point(address=address, name=name, kind=kind, detail=str(value)[:60])
