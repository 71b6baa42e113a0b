"""Making a machine useful: from an input tag and a kind of recipe to thresholds, a preview and derived tags."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from django.utils import timezone

from gongfu.data.telemetry import services as telemetry
from gongfu.kernel.accounts.models import User
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType
from gongfu.network.retrofit import learning, recipes
from gongfu.network.retrofit.learning import Learnt
from gongfu.network.retrofit.recipes import DEFAULT_CODES, Lamps, Level, Mode, Output, Pulse, Recipe, State
from gongfu.network.retrofit.replay import Recorded, Told, replay
from gongfu.platform.devices import applying, versions
from gongfu.platform.devices.applying import Outcome
from gongfu.platform.devices.document import TagDocument
from gongfu.platform.devices.models import Device, Tag

PREVIEW = dt.timedelta(days=1)
MOST_READINGS = 100_000
"""Readings of one input that are replayed, the newest: a day of one a second."""
_NAMES: Mapping[Output, tuple[str, str]] = {
    Output.STATE: ("运行状态（推导）", "State (derived)"),
    Output.COUNT: ("产量（推导）", "Pieces (derived)"),
    Output.RATE: ("每小时产量（推导）", "Pieces an hour (derived)"),
    Output.CYCLE: ("节拍（推导）", "Cycle time (derived)"),
    Output.CONFIDENCE: ("可信度（推导）", "Confidence (derived)"),
}
_UNITS = {Output.COUNT: "件", Output.RATE: "件/h", Output.CYCLE: "s"}
_NEAREST: Mapping[State, tuple[str, ...]] = {
    State.OFF: ("off", "idle"),
    State.IDLE: ("idle", "setup", "off"),
    State.SETUP: ("setup", "idle", "off"),
    State.RUNNING: ("running",),
    State.FAULT: ("fault", "off"),
}
"""Category of a recipe → categories of a machine type that come nearest to it."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What the form said. ``inputs``: role → key of a tag; numbers None where the default is right."""

    kind: str
    inputs: dict[str, str]
    mode: Mode = Mode.COUNTER
    modulus: int = 0
    debounce: float | None = None
    pieces: float | None = None
    dwell: float | None = None


class Preview(msgspec.Struct, frozen=True):
    """A recipe, what it says of the last day, and for a level how its thresholds were found."""

    recipe: Recipe
    told: Told
    learnt: Learnt | None
    start: int
    end: int
    records: dict[str, Recorded]


def preview(device: Device, wish: Wish, now: dt.datetime | None = None) -> Preview:
    """Learn and replay over the last day; raises :class:`Invalid` when that is not enough, or the wish is wrong."""
    end = now or timezone.now()
    start = end - PREVIEW
    tags = {tag.key: tag for tag in device.tags.all()}
    chosen: dict[str, Tag] = {}
    for role, key in wish.inputs.items():
        if key and (key not in tags or tags[key].kind not in Tag.NUMERIC or recipes.is_derived(tags[key].address)):
            raise Invalid(
                mark("{key} is no tag that is read as a number."), remedy=mark("Choose another."), key=key[:64]
            )
        if key:
            chosen[role] = tags[key]
    if not chosen:
        raise Invalid(mark("A recipe needs an input tag."), remedy=mark("Name one."))
    records = _records(device, chosen, start, end)
    learnt = None
    if wish.kind == Level.kind:
        record = records["input"]
        learnt = learning.learn(
            np.array([value for _, value in record]), np.array([at for at, _ in record], dtype=np.int64)
        )
    recipe = _recipe(device, wish, learnt)
    recipes.write(recipe, Output.CONFIDENCE)  # refuses what is too long before anybody decides on it
    told = replay(recipe, records)
    return Preview(recipe, told, learnt, int(start.timestamp() * 1e6), int(end.timestamp() * 1e6), records)


def _recipe(device: Device, wish: Wish, learnt: Learnt | None) -> Recipe:
    codes = codes_of(next((one for one in library.types() if one.id == device.type), None))
    stale = max(120.0, 10 * float(device.interval))
    if wish.kind == Level.kind and learnt is not None:
        return Level(
            input=wish.inputs["input"],
            run=learnt.run,
            idle=learnt.idle,
            below=learnt.below,
            dwell=wish.dwell or learnt.dwell,
            sure=learnt.sure,
            stale=stale,
            codes=codes,
        )
    if wish.kind == Pulse.kind:
        return Pulse(
            input=wish.inputs["input"],
            mode=wish.mode,
            modulus=wish.modulus,
            debounce=0.05 if wish.debounce is None else wish.debounce,
            pieces=wish.pieces or 1.0,
            stale=stale,
            codes=codes,
        )
    if wish.kind == Lamps.kind:
        red, yellow, green, blue = (wish.inputs.get(colour, "") for colour in ("red", "yellow", "green", "blue"))
        return Lamps(red=red, yellow=yellow, green=green, blue=blue, dwell=wish.dwell or 2.0, stale=stale, codes=codes)
    raise Invalid(mark("There is no recipe {kind}."), kind=wish.kind[:40])


def codes_of(model: DeviceType | None) -> tuple[int, ...]:
    """The codes by which machines of this type call the states of a recipe."""
    if model is None or not model.states:
        return DEFAULT_CODES
    first: dict[str, int] = {}
    for state in model.states:
        first.setdefault(state.category, state.code)
    anything = model.states[0].code
    return tuple(
        next((first[category] for category in _NEAREST[state] if category in first), anything) for state in State
    )


def _records(device: Device, tags: Mapping[str, Tag], start: dt.datetime, end: dt.datetime) -> dict[str, Recorded]:
    table = telemetry.export([device.organisation_id], [tag.pk for tag in tags.values()], start, end)
    series = table.column("series").to_numpy()
    times = table.column("ts").cast("int64").to_numpy()
    values, qualities = table.column("value").to_numpy(), table.column("quality").to_numpy()
    records: dict[str, Recorded] = {}
    for role, tag in tags.items():
        chosen = np.flatnonzero((series == tag.pk) & (qualities < 2) & np.isfinite(values))
        chosen = chosen[np.argsort(times[chosen], kind="stable")][-MOST_READINGS:]
        records[role] = list(zip(times[chosen].tolist(), values[chosen].tolist(), strict=True))
    if not any(records.values()):
        raise Invalid(
            mark("Nothing was read from {tags} within a day."),
            remedy=mark("Wait until the device delivers it."),
            tags=", ".join(tag.key for tag in tags.values()),
        )
    return records


def create(user: User, device: Device, recipe: Recipe, why: str) -> Outcome:
    """Give ``device`` a tag for each output of ``recipe``; tags of an earlier recipe over the same input are replaced.

    Goes the way of every change: permission, version, approval where the organisation wants it, gateway.
    Raises :class:`Forbidden`, :class:`Invalid`.
    """
    document = versions.fresh(device)
    model = next((one for one in library.types() if one.id == device.type), None)
    tags = [tag for tag in document.tags if not _replaced(tag, recipe)]
    taken = {tag.key for tag in tags}
    earlier = {recipes.parse(tag.address)[1]: tag for tag in document.tags if _replaced(tag, recipe)}
    for output in recipe.outputs:
        known = earlier.get(output)
        if known is not None:
            tags.append(msgspec.structs.replace(known, address=recipes.write(recipe, output)))
        else:
            tags.append(_tag(recipe, output, model, taken))
            taken.add(tags[-1].key)
    changed = msgspec.structs.replace(document, tags=tags)
    return applying.put(user, device.organisation, changed, why=why, expected=versions.current_number(device) or None)


def _replaced(tag: TagDocument, recipe: Recipe) -> bool:
    if not recipes.is_derived(tag.address):
        return False
    try:
        other, _ = recipes.parse(tag.address)
    except Invalid:
        return False
    return other.kind == recipe.kind and set(other.inputs.values()) == set(recipe.inputs.values())


def _tag(recipe: Recipe, output: Output, model: DeviceType | None, taken: set[str]) -> TagDocument:
    of_type = next((tag for tag in model.tags if tag.role == output) if model else iter(()), None)
    if of_type is not None and of_type.key in taken:
        of_type = None
    key = of_type.key if of_type else _free(f"{recipe.kind}_{output}", taken)
    zh, en = _NAMES[output]
    return TagDocument(
        key=key,
        name=zh,
        name_en=en,
        unit=_UNITS.get(output, ""),
        decimals=2 if output is Output.CONFIDENCE else 1 if output in (Output.RATE, Output.CYCLE) else 0,
        role=str(output) if output in (Output.STATE, Output.COUNT) else "",
        primary=output in (Output.STATE, Output.COUNT),
        address=recipes.write(recipe, output),
    )


def _free(key: str, taken: set[str]) -> str:
    return next(name for number in range(1, 1000) if (name := key if number == 1 else f"{key}_{number}") not in taken)


def inputs_of(device: Device) -> Sequence[Tag]:
    """Tags that a recipe may read."""
    return [tag for tag in device.tags.all() if tag.kind in Tag.NUMERIC and not recipes.is_derived(tag.address)]
