"""Requests and answers, apart from who waits for them: both clients are thin around this."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx
import pyarrow as pa

from gongfu.client.errors import ClientError, Invalid, NotAllowed, NotFound, NotReachable
from gongfu.client.records import Device, LastValue, Tag

PAGE: Final = 500
TagName = str | int | Tag
"""A tag by name (``PUMP-01/flow``, ``PUMP-01/*``), by number, or as :meth:`Client.tags` gave it."""
Moment = datetime | str
"""A time with a zone: an aware datetime, or ISO 8601."""
Parameters = list[tuple[str, str | int | float | bool | None]]
_KINDS: Final = {400: Invalid, 401: NotAllowed, 403: NotAllowed, 404: NotFound, 413: Invalid, 422: Invalid}


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    parameters: Parameters = field(default_factory=list)
    body: bytes | None = None


def page(what: str, number: int, filters: Mapping[str, str]) -> Asked:
    """One page of a list of the platform: devices or tags."""
    given: Parameters = [("page", str(number)), ("page_size", str(PAGE)), *filters.items()]
    return Asked(f"/api/v1/platform/{what}", given)


def history(tags: Sequence[TagName], start: Moment, end: Moment, points: int | None, method: str) -> Asked:
    """Readings as an Arrow stream: thinned to ``points``, or every one."""
    given: Parameters = [*_named(tags), ("from", _moment(start)), ("to", _moment(end)), ("format", "arrow")]
    if points is None:
        return Asked("/api/v1/data/telemetry/export", given)
    return Asked("/api/v1/data/telemetry/history", [*given, ("points", str(points)), ("method", method)])


def last(tags: Sequence[TagName]) -> Asked:
    """Newest readings."""
    return Asked("/api/v1/data/telemetry/last", _named(tags))


def sql(query: str, parameters: Mapping[str, object]) -> Asked:
    """A query; the answer is an Arrow stream."""
    given: Parameters = [(f"param_{name}", _parameter(value)) for name, value in parameters.items()]
    fixed: Parameters = [("default_format", "ArrowStream"), ("output_format_arrow_string_as_string", "1")]
    return Asked("/clickhouse/", [*fixed, *given], query.encode())


def table(body: bytes) -> pa.Table:
    """The table of an Arrow stream; no column for a stream without any."""
    if not body:
        return pa.table({})
    return pa.ipc.open_stream(body).read_all()


def devices(items: Sequence[Mapping[str, Any]]) -> list[Device]:
    """Devices of one page."""
    return [
        Device(
            id=int(one["id"]),
            key=one["key"],
            name=one["name"],
            type=one["type"],
            connection=one.get("connection") or "",
            identifier=one.get("identifier") or "",
        )
        for one in items
    ]


def tags(items: Sequence[Mapping[str, Any]]) -> list[Tag]:
    """Tags of one page."""
    return [
        Tag(
            id=int(one["id"]),
            device=_key(one["device"]),
            key=one["key"],
            name=one["name"],
            unit=one.get("unit") or "",
            kind=one["kind"],
        )
        for one in items
    ]


def last_values(answer: Mapping[str, Any]) -> list[LastValue]:
    """Newest readings of an answer."""
    return [
        LastValue(
            tag=one["tag"],
            device=one["device"],
            key=one["key"],
            unit=one["unit"],
            time=datetime.fromisoformat(one["time"]),
            value=one["value"],
            quality=one["quality"],
        )
        for one in answer["values"]
    ]


def checked(answer: httpx.Response) -> bytes:
    """The body of a good answer; raises the :class:`ClientError` that fits any other."""
    if answer.is_success:
        return answer.content
    kind = _KINDS.get(answer.status_code, NotReachable if answer.status_code >= 500 else ClientError)
    try:
        told = json.loads(answer.content)
        raise kind(str(told["message"]), code=str(told.get("code", "")), remedy=str(told.get("remedy", "")))
    except (ValueError, KeyError, TypeError):
        text = answer.text.strip()[:500]
        raise kind(text.partition("DB::Exception: ")[2] or text or f"HTTP {answer.status_code}") from None


def unreachable(error: httpx.HTTPError) -> NotReachable:
    """``error`` of the connection in our words."""
    return NotReachable(f"The node does not answer: {type(error).__name__}: {error}", code="unreachable")


def _key(value: object) -> int:
    """An object is named by its number, or as ``{"id": …}``."""
    return int(value["id"]) if isinstance(value, dict) else int(str(value))


def _named(given: Sequence[TagName]) -> Parameters:
    if isinstance(given, str):
        raise Invalid("Give a list of tags.", remedy=f"Write [{given!r}].")
    named: Parameters = []
    for one in given:
        if isinstance(one, Tag):
            named.append(("tag", str(one.id)))
        else:
            named.append(("tag" if isinstance(one, int) else "name", str(one)))
    return named


def _moment(moment: Moment) -> str:
    if isinstance(moment, str):
        return moment
    if moment.tzinfo is None:
        raise Invalid("A time needs a time zone.", remedy="Use datetime.now(UTC), or .astimezone().")
    return moment.isoformat()


def _parameter(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.timestamp():.6f}"
    if isinstance(value, list | tuple):
        inner = (f"'{_escaped(one)}'" if isinstance(one, str) else str(one) for one in value)
        return f"[{','.join(inner)}]"
    return _escaped(str(value))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t")
