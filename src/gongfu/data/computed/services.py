"""The door of computed tags: made, tried on history, computed anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from gongfu.data.computed import binding
from gongfu.data.computed.evaluate import Calculation, Result, Row
from gongfu.data.computed.models import ComputedOutbox, ComputedTag
from gongfu.data.computed.rules import ComputedConfig
from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.kernel.store import StoreClient
from gongfu.platform.devices import applying, versions
from gongfu.platform.devices.applying import Outcome
from gongfu.platform.devices.document import TagDocument
from gongfu.platform.devices.rules import COMPUTED

LONGEST: Final = dt.timedelta(days=92)
_SLICE: Final = dt.timedelta(hours=6)
POINTS: Final = 600


class Trial(msgspec.Struct, frozen=True):
    """What an expression would have said; ``points`` are ``[ms, value]``, null where nothing is known."""

    count: int
    unknown: int
    readings: int
    points: list[tuple[float, float | None]]
    texts: list[tuple[float, str]]


def prepare(user: User, computed: ComputedTag) -> Outcome:
    """Check, save, and give the device its tag: by the way of every change of a device, approval included.

    Raises :class:`Invalid`, :class:`Forbidden`, and :class:`NotFound` for another organisation's device.
    """
    if computed.device.organisation_id != computed.organisation_id:
        raise NotFound(mark("{thing} belongs to another organisation."), thing=computed.device)
    binding.bound(computed)
    binding.check_cycle(computed)
    document = versions.fresh(computed.device)
    known = next((tag for tag in document.tags if tag.key == computed.key), None)
    if known is not None and known.address != COMPUTED:
        raise Invalid(
            mark("The device has another tag {key}."),
            remedy=mark("Choose another key for the tag."),
            key=computed.key,
        )
    tag = msgspec.structs.replace(
        known or TagDocument(key=computed.key, name=computed.name, address=COMPUTED),
        name=computed.name,
        name_en=computed.name_en,
        kind=computed.kind,
        unit=computed.unit,
        decimals=computed.decimals,
    )
    tags = [tag if one is known else one for one in document.tags] if known else [*document.tags, tag]
    outcome = applying.put(
        user,
        computed.device.organisation,
        msgspec.structs.replace(document, tags=tags),
        why="",
        expected=versions.current_number(computed.device) or None,
    )
    computed.save()
    return outcome


def remove(user: User, computed: ComputedTag) -> None:
    """It is computed no longer; the tag goes, stored values stay until their time is over."""
    document = versions.fresh(computed.device)
    tags = [tag for tag in document.tags if (tag.key, tag.address) != (computed.key, COMPUTED)]
    if len(tags) != len(document.tags):
        applying.put(user, computed.device.organisation, msgspec.structs.replace(document, tags=tags), why="")
    computed.delete()


def trial(computed: ComputedTag, start: dt.datetime, end: dt.datetime, store: StoreClient | None = None) -> Trial:
    """What ``computed``, which need not be saved, would have said; raises :class:`Invalid`."""
    readings = 0
    results: list[Result] = []
    for number, found in replay(binding.bound(computed), start, end, store):
        readings += number
        results += found
    points = [(one.time / 1000, None if isinstance(one.value, str) else one.value) for one in results]
    texts = [(one.time / 1000, one.value) for one in results if isinstance(one.value, str)]
    step = max(1, len(points) // POINTS)
    unknown = sum(one.value is None for one in results)
    return Trial(len(results), unknown, readings, points[::step], texts[:: max(1, len(texts) // 50)])


def replay(
    config: ComputedConfig,
    start: dt.datetime,
    end: dt.datetime,
    store: StoreClient | None = None,
    report: Callable[[float], None] = lambda _share: None,
) -> Iterator[tuple[int, list[Result]]]:
    """The same calculation over stored readings: how many of them, and what follows, slice by slice."""
    if not dt.timedelta(0) < end - start <= LONGEST:
        raise Invalid(mark("At most {days} days can be computed at once."), days=LONGEST.days)
    calculation = Calculation(config)
    begin = start
    while begin < end:
        until = min(begin + _SLICE, end)
        rows = _rows(config.org, sorted(calculation.members), begin, until, store)
        yield len(rows), calculation.take(rows, 0)
        report((until - start) / (end - start))
        begin = until
    yield 0, calculation.finish()


def _rows(org: int, series: list[int], begin: dt.datetime, until: dt.datetime, store: StoreClient | None) -> list[Row]:
    table = telemetry.export([org], series, begin, until, store=store)
    columns = (table.column("ts").cast("int64"), table.column("series"), table.column("value"), table.column("quality"))
    rows = [Row(*row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]
    texts = telemetry.export_texts([org], series, begin, until, store=store)
    words = (texts.column(name) for name in ("t", "series", "x", "q"))
    rows += [Row(*row) for row in zip(*(column.to_pylist() for column in words), strict=True)]
    return sorted(rows, key=lambda row: row.time)


def publish_all() -> None:
    """Tell streams everything once more: after a bus that lost its buckets."""
    ComputedOutbox.objects.bulk_create(
        ComputedOutbox(organisation=org, computed=pk)
        for pk, org in ComputedTag.objects.values_list("pk", "organisation")
    )
