"""What charts and live values ask: history, export and the live stream, scoped to what the user may see."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Final

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from gongfu.data.telemetry import desk, rules, services, tabs
from gongfu.data.telemetry import live as streams
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.pages import errors
from gongfu.kernel.settings import settings
from gongfu.platform.devices import services as devices
from gongfu.platform.devices.models import Tag as DeviceTag

MAX_TAGS: Final = 50
"""Tags in one chart or export."""
MAX_DEVICES: Final = 50
HEARTBEAT: Final = 15.0
"""Seconds of silence after which a comment keeps proxies from closing a stream."""
RECHECK: Final = 30.0
"""Seconds after which the right to see is asked for again."""
PACE: Final = 0.2
"""Shortest time between two messages to one client, seconds."""


class Series(msgspec.Struct, frozen=True):
    """One tag of an answer; ``points`` are ``[milliseconds, value or null, quality]``."""

    tag: int
    name: str
    unit: str
    points: list[services.Point]
    complete: bool


class Answer(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """What ``/data/telemetry/history`` answers; times in milliseconds since 1970 UTC."""

    series: list[Series]
    start: int
    end: int


@dataclass(frozen=True)
class Tag:
    """What telemetry needs to know of a tag the user may see."""

    series: int
    org: int
    device: int
    device_key: str
    key: str
    name: str
    unit: str
    text: bool


@dataclass(frozen=True)
class Asked:
    """A checked question."""

    tags: list[Tag]
    start: datetime
    end: datetime
    points: int

    @property
    def orgs(self) -> list[int]:
        """Owners of the tags."""
        return sorted({tag.org for tag in self.tags})


def as_json(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Scripts read these addresses: a failure is JSON, and a missing sign-in is 401 instead of a form."""

    @login_not_required
    @require_GET
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        try:
            if not isinstance(request.user, User):
                raise errors.SignInNeeded(mark("Nobody is signed in."), remedy=mark("Sign in first."))
            return view(request)
        except GongfuError as error:
            return JsonResponse(errors.body(error), status=error.http_status)

    return answer


def answer_history(request: HttpRequest) -> HttpResponse:
    """Readings of ``tag`` (several allowed) from ``from`` to ``to``, down-sampled to about ``points`` each."""
    asked = question(request)
    answer = Answer(chart(asked), _milliseconds(asked.start), _milliseconds(asked.end))
    response = HttpResponse(msgspec.json.encode(answer), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def answer_export(request: HttpRequest) -> HttpResponse:
    """Every reading of ``tag`` as ``format``: csv, arrow (stream) or parquet."""
    asked = question(request)
    kind = request.GET.get("format", "csv")
    if kind not in _FORMATS:
        raise Invalid(mark("There is no format {format}."), remedy=mark("Use csv, arrow or parquet."), format=kind)
    content_type, write = _FORMATS[kind]
    numbers = [tag for tag in asked.tags if not tag.text]
    table = services.export(asked.orgs, [tag.series for tag in numbers], asked.start, asked.end)
    response = HttpResponse(write(_named(table, asked.tags)), content_type=content_type)
    name = f"{asked.tags[0].device_key}-{asked.start:%Y%m%dT%H%M%S}-{asked.end:%Y%m%dT%H%M%S}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
def waveform(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawing of the newest array of a tag, which its page fetches again and again."""
    tag = DeviceTag.objects.visible_to(accounts.user_of(request)).filter(pk=pk, kind=DeviceTag.Kind.ARRAY).first()
    if tag is None:
        raise NotFound(mark("There is no tag {tag}."), tag=pk)
    response = render(request, "telemetry/_waveform.html", dict(tabs.newest_array(tag)))
    response.headers["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_GET
async def live(request: HttpRequest) -> HttpResponseBase:
    """Server-sent events of ``device`` (several allowed): ``{tag id: [milliseconds, value, quality]}``."""
    try:
        user = await request.auser()
        if not isinstance(user, User):
            raise errors.SignInNeeded(mark("Nobody is signed in."), remedy=mark("Sign in first."))
        wanted = _numbers(request, "device", MAX_DEVICES)
        tags = await sync_to_async(_of_devices)(user, wanted)
        if not tags:
            raise NotFound(mark("There is no device {pk}."), pk=", ".join(map(str, wanted)))
        hub = streams.hub(settings())
        watcher = await hub.watch({(tag.org, tag.device) for tag in tags}, [tag.series for tag in tags])
    except GongfuError as error:
        return JsonResponse(errors.body(error), status=error.http_status)
    stream = _stream(hub, watcher, user, wanted, tags)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response.headers["Cache-Control"] = "no-cache, no-transform"
    response.headers["X-Accel-Buffering"] = "no"
    return response


async def _stream(
    hub: streams.Hub, watcher: streams.Watcher, user: User, wanted: list[int], tags: list[Tag]
) -> AsyncIterator[bytes]:
    """Messages until the client goes or may no longer see what it watches."""
    try:
        yield b"retry: 3000\n\n"
        for series, value in (await asyncio.to_thread(_last, tags)).items():
            watcher.offer(series, value.point)
        checked = time.monotonic()
        while True:
            changed = await watcher.changes(HEARTBEAT)
            if time.monotonic() - checked > RECHECK:
                if not await sync_to_async(_still)(user.pk, wanted, tags):
                    return
                checked = time.monotonic()
            if not changed:
                yield b": still here\n\n"
                continue
            yield b"data: " + msgspec.json.encode({str(series): point for series, point in changed.items()}) + b"\n\n"
            await asyncio.sleep(PACE)
    finally:
        await asyncio.shield(hub.leave(watcher))


def question(request: HttpRequest) -> Asked:
    """Parameters ``tag``, ``from``, ``to``, ``points``, checked and scoped.

    Raises :class:`Invalid`, and :class:`NotFound` also for another organisation's tag.
    """
    wanted = _numbers(request, "tag", MAX_TAGS)
    tags = tags_of(accounts.user_of(request), wanted)
    end = _moment(request.GET.get("to"), datetime.now(UTC))
    start = _moment(request.GET.get("from"), end - timedelta(hours=1))
    rules.check_range(start, end)
    points = request.GET.get("points", "1000")
    if not points.isdecimal() or len(points) > 9:
        raise Invalid(mark("{points} points cannot be drawn."), remedy=mark("Give a number."), points=points[:20])
    return Asked(tags, start, end, rules.check_points(int(points)))


def tags_of(user: User, wanted: list[int]) -> list[Tag]:
    """The tags in the order asked; raises :class:`NotFound` for one the user may not see."""
    found = {tag.pk: tag for tag in devices.tags_for(user, tags=wanted)}
    for one in wanted:
        if one not in found:
            raise NotFound(mark("There is no tag {tag}."), tag=one)
    return _described([found[one] for one in wanted])


def chart(asked: Asked) -> list[Series]:
    """The answer, one entry for each tag in the order asked."""
    found: dict[int, services.History] = {}
    for read, text in ((services.history, False), (services.states, True)):
        if ids := [tag.series for tag in asked.tags if tag.text is text]:
            found |= {one.series: one for one in read(asked.orgs, ids, asked.start, asked.end, asked.points)}
    return [
        Series(tag.series, tag.name, tag.unit, found[tag.series].points, found[tag.series].complete)
        for tag in asked.tags
    ]


def _of_devices(user: User, wanted: list[int]) -> list[Tag]:
    return _described(devices.tags_for(user, devices=wanted))


def _described(tags: list[DeviceTag]) -> list[Tag]:
    english = (get_language() or "").startswith("en")
    return [
        Tag(
            series=tag.pk,
            org=tag.organisation_id,
            device=tag.device_id,
            device_key=tag.device.key,
            key=tag.key,
            name=(tag.name_en if english else "") or tag.name,
            unit=tag.unit,
            text=tag.kind == "text",
        )
        for tag in tags
    ]


def _still(user_pk: int, wanted: list[int], tags: list[Tag]) -> bool:
    user = User.objects.filter(pk=user_pk, is_active=True).first()
    return user is not None and {tag.series for tag in tags} <= {tag.series for tag in _of_devices(user, wanted)}


def _last(tags: list[Tag]) -> dict[int, services.LastValue]:
    try:
        return services.last_values(sorted({tag.org for tag in tags}), [tag.series for tag in tags])
    except GongfuError:
        return {}  # the store is away; live values come from the bus all the same


def _numbers(request: HttpRequest, name: str, limit: int) -> list[int]:
    given = [part for value in request.GET.getlist(name) for part in value.split(",") if part]
    if not given or len(given) > limit:
        raise Invalid(mark("Name {name} once to {limit} times."), name=name, limit=limit)
    if bad := next((one for one in given if not one.isdecimal() or len(one) > 10), ""):
        raise Invalid(mark("{value} is not the number of a {name}."), value=bad[:40], name=name)
    return list(dict.fromkeys(map(int, given)))


def _moment(text: str | None, default: datetime) -> datetime:
    """Milliseconds since 1970, or ISO 8601 with a time zone."""
    if not text:
        return default
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise Invalid(
            mark("{text} is not a time."), remedy=mark("Write it like 2026-11-20T14:05:00+08:00."), text=text[:60]
        ) from None


def _milliseconds(moment: datetime) -> int:
    return rules.microseconds(moment) // 1000


def _named(table: pa.Table, tags: list[Tag]) -> pa.Table:
    """With the keys of device and tag in front, which mean something outside this node."""
    by_series = {tag.series: tag for tag in tags}
    series = table.column("series").to_pylist()
    for position, values in enumerate(
        ([by_series[one].device_key for one in series], [by_series[one].key for one in series])
    ):
        table = table.add_column(
            position, ("device", "tag")[position], pa.array(values, pa.string()).dictionary_encode()
        )
    return table.drop_columns(["series"])


def _csv(table: pa.Table) -> bytes:
    plain = table.set_column(0, "device", table.column("device").cast(pa.string()))
    plain = plain.set_column(1, "tag", plain.column("tag").cast(pa.string()))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(plain, sink)
    return sink.getvalue()


def _arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue()


_FORMATS: Final[dict[str, tuple[str, Callable[[pa.Table], bytes]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "arrow": ("application/vnd.apache.arrow.stream", _arrow),
    "parquet": ("application/vnd.apache.parquet", _parquet),
}

urlpatterns = [
    path("data/telemetry/history", as_json(answer_history), name="telemetry-history"),
    path("data/telemetry/export", as_json(answer_export), name="telemetry-export"),
    path("data/telemetry/live", live, name="telemetry-live"),
    path("data/telemetry/waveform/<int:pk>", waveform, name="telemetry-waveform"),
    *desk.urlpatterns,
]
RESOURCES = desk.RESOURCES
