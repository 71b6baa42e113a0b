"""The client for scripts and notebooks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import pyarrow as pa

from gongfu.client import asking
from gongfu.client.asking import Asked, Moment, TagName
from gongfu.client.records import Device, LastValue, Tag


class Client:
    """A node at ``url``, asked with an API token (console: profile, API tokens; a read-only one is enough).

    Every method raises a :class:`~gongfu.client.errors.ClientError`. Close it, or use it in a ``with`` block.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 60.0, language: str = "en") -> None:
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}
        self._http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout)

    def devices(self, **filters: str) -> list[Device]:
        """Every device the user may see; ``filters`` as of the list in the console, such as ``connection="online"``."""
        return asking.devices(self._pages("devices", filters))

    def tags(self, device: Device | int | None = None, **filters: str) -> list[Tag]:
        """Every tag, or those of one device."""
        if device is not None:
            filters["device"] = str(device.id if isinstance(device, Device) else device)
        return asking.tags(self._pages("tags", filters))

    def last(self, tags: Sequence[TagName]) -> list[LastValue]:
        """The newest reading of each of ``tags`` that has one."""
        return asking.last_values(json.loads(self._ask(asking.last(tags))))

    def history(
        self, tags: Sequence[TagName], start: Moment, end: Moment, points: int | None = None, method: str = "lttb"
    ) -> pa.Table:
        """Readings from ``start`` to before ``end``: device, tag, unit, time, value, text, quality.

        With ``points`` at most about so many of each tag, chosen by ``method`` (lttb: the shape; minmax: every
        spike); a null value is a gap. Without it every reading, of any length.
        """
        return asking.table(self._ask(asking.history(tags, start, end, points, method)))

    def sql(self, query: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """The result of a SELECT; ``parameters`` fill ``{name:Type}``."""
        return asking.table(self._ask(asking.sql(query, parameters or {})))

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _pages(self, what: str, filters: Mapping[str, str]) -> list[Mapping[str, Any]]:
        items: list[Mapping[str, Any]] = []
        number = pages = 1
        while number <= pages:
            answer = json.loads(self._ask(asking.page(what, number, filters)))
            items += answer["items"]
            number, pages = number + 1, answer["pages"]
        return items

    def _ask(self, asked: Asked) -> bytes:
        try:
            given = httpx.QueryParams(asked.parameters)
            method = "GET" if asked.body is None else "POST"
            answer = self._http.request(method, asked.path, params=given, content=asked.body)
        except httpx.HTTPError as error:
            raise asking.unreachable(error) from error
        return asking.checked(answer)
