"""What the control plane knows of series, pushed into the table ``series``: once whole, then what changed.

Joined in SQL, never written beside readings. A change that decides how roll-ups are computed (the hold, whether a
value is a state) has those of the series computed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import pyarrow as pa
import structlog
from django.db import close_old_connections
from django.db.models import Count, Max

from gongfu.data.telemetry import keeping
from gongfu.data.telemetry.models import RetentionClass, SeriesPolicy
from gongfu.kernel.accounts.models import Organisation
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.store import StoreClient, client
from gongfu.network.models import library
from gongfu.platform.devices.models import Device, Tag

LOOK_EVERY_SECONDS: Final = 10.0
HOLD_INTERVALS: Final = 5
"""A value counts as held for so many times the longest usual silence of its tag."""
STATE_HOLD: Final = 3600.0
"""Seconds a state or text counts as held at least: many sources tell them only when they change."""
_BLOCK: Final = 5000

log = structlog.get_logger("telemetry")


class Described(msgspec.Struct, frozen=True):
    """One row of the table ``series``; ``schema.py`` says what the columns mean."""

    org: int
    series: int
    device: int
    device_key: str
    tag_key: str
    name: str
    kind: str
    unit: str
    model: str
    role: str
    owner: str
    sensitivity: str
    retention: str
    keep_raw: int
    keep_rollups: int
    interval: float
    hold: float
    states: tuple[tuple[str, str], ...]
    gone: int = 0

    @property
    def rolled_by(self) -> tuple[object, ...]:
        """What decides how its roll-ups are computed."""
        return (self.kind in ("state", "boolean"), self.hold, 0 < self.interval < 0.2)


class Describer:
    """Remembers what it has pushed; the first round pushes everything."""

    def __init__(self, store: StoreClient | None = None) -> None:
        self._store = store or client()
        self._known: dict[tuple[int, int], Described] = {}
        self._signature: tuple[object, ...] = ()
        self._began = False

    def round(self) -> int:
        """Push what changed since the last round; how many rows. Raises :class:`Unavailable`."""
        signature = _signature()
        if self._began and signature == self._signature:
            return 0
        if not self._began:
            self._known = _stored(self._store)
        now = {(one.org, one.series): one for one in described()}
        gone = [
            msgspec.structs.replace(one, gone=1) for key, one in self._known.items() if key not in now and not one.gone
        ]
        changed = [one for key, one in now.items() if self._known.get(key) != one]
        again: dict[int, list[int]] = {}
        for one in changed:
            known = self._known.get((one.org, one.series))
            if known is not None and known.rolled_by != one.rolled_by:
                again.setdefault(one.org, []).append(one.series)
        self._push([*changed, *gone])
        for org, series in again.items():
            keeping.roll_again(org, series, store=self._store)
        self._known |= {(one.org, one.series): one for one in (*changed, *gone)}
        self._signature, self._began = signature, True
        return len(changed) + len(gone)

    def _push(self, rows: list[Described]) -> None:
        moment = dt.datetime.now(dt.UTC)
        for first in range(0, len(rows), _BLOCK):
            self._store.insert_arrow("series", _table(rows[first : first + _BLOCK], moment))


def described(tags: Iterable[Tag] | None = None) -> list[Described]:
    """Every tag, or ``tags``, as the store describes its series."""
    chosen = tags if tags is not None else Tag.objects.select_related("device", "organisation").iterator(_BLOCK)
    policies = {one.tag_id: one for one in SeriesPolicy.objects.select_related("retention")}
    models = {model.id: model for model in library.types()}
    found = []
    for tag in chosen:
        policy = policies.get(tag.pk)
        retention = policy.retention if policy else None
        model = models.get(tag.device.type)
        of_type = model.tag(tag.key) if model else None
        states: Mapping[str, str] = (
            {f"{state.code}": state.key for state in model.states}
            if model and of_type and of_type.role == "state"
            else {}
        )
        # Also a state that a recipe derives, of a device whose model knows no states.
        kind = "state" if (states or tag.role == "state") and tag.kind == Tag.Kind.NUMBER else tag.kind
        interval = max(tag.device.interval, tag.interval or 0.0)
        silence = max(interval, tag.silence if tag.deadband else 0.0)
        hold = HOLD_INTERVALS * silence
        found.append(
            Described(
                org=tag.organisation_id,
                series=tag.pk,
                device=tag.device_id,
                device_key=tag.device.key,
                tag_key=tag.key,
                name=tag.name,
                kind=kind,
                unit=tag.unit,
                model=tag.device.type,
                role=tag.role,
                owner=tag.organisation.code,
                sensitivity=policy.sensitivity if policy else SeriesPolicy.Sensitivity.GENERAL.value,
                retention=retention.name if retention else "",
                keep_raw=retention.raw_days if retention else 0,
                keep_rollups=retention.rollup_days if retention else 0,
                interval=interval,
                hold=max(hold, STATE_HOLD) if kind in ("state", "boolean", "text") else hold,
                states=tuple(sorted(states.items())),
            )
        )
    return found


def _signature() -> tuple[object, ...]:
    """Changes whenever a row of ``series`` might."""
    found: list[object] = []
    for rows in (Tag.objects, Device.objects, SeriesPolicy.objects, RetentionClass.objects):
        found += rows.aggregate(n=Count("pk"), at=Max("updated_at"), last=Max("pk")).values()
    return tuple(found)


def _stored(store: StoreClient) -> dict[tuple[int, int], Described]:
    everyone = list(Organisation.objects.values_list("pk", flat=True))
    table = store.query_arrow("SELECT * EXCEPT (at) FROM series FINAL", orgs=everyone, limit_seconds=30)
    rows = [{**row, "states": sorted(dict(row["states"]).items())} for row in table.to_pylist()]
    return {(one.org, one.series): one for one in msgspec.convert(rows, list[Described], strict=False)}


def _table(rows: list[Described], moment: dt.datetime) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    for name in Described.__struct_fields__:
        values = [getattr(one, name) for one in rows]
        kind = _TYPES.get(name)
        columns[name] = pa.array([list(one) for one in values] if name == "states" else values, kind)
    columns["at"] = pa.array([moment] * len(rows), pa.timestamp("ms", "UTC"))
    return pa.table(columns)


_TYPES: Final = {
    **dict.fromkeys(("org", "series", "device", "keep_raw", "keep_rollups"), pa.uint32()),
    "gone": pa.uint8(),
    "states": pa.map_(pa.string(), pa.string()),
    **dict.fromkeys(("interval", "hold"), pa.float64()),
}


async def run(stopping: asyncio.Event) -> None:
    """Round after round until ``stopping``; one that fails is told and made again."""
    describer = Describer()
    while not stopping.is_set():
        try:
            await asyncio.to_thread(_round, describer)
        except GongfuError as error:
            log.warning("series were not described", reason=str(error)[:300])
        except Exception:
            log.exception("series were not described")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOK_EVERY_SECONDS)


def _round(describer: Describer) -> None:
    close_old_connections()
    try:
        describer.round()
    finally:
        close_old_connections()
