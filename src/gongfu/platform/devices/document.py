"""The configuration of a device as one document: what versions keep, files carry, and pages and sheets write. Pure.

A document holds no password: ``secrets`` names those that are set, so that a reader knows what a file lacks.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.drivers import registry as drivers
from gongfu.network.gateway.config import DeviceConfig
from gongfu.network.models import library
from gongfu.network.models.types import DeviceType
from gongfu.platform.devices.rules import check_key

Option = str | int | float | bool
Kind = Literal["number", "boolean", "text", "array"]
MOST_TAGS = 5000
"""Tags of one device."""
TAG_KEY = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?")
_LENGTHS = {
    "name": 80,
    "name_en": 80,
    "unit": 20,
    "role": 32,
    "address": 255,
    "manufacturer": 80,
    "product": 80,
    "serial_number": 80,
    "gateway": 64,
}
_GATEWAY = re.compile(r"[A-Za-z0-9_-]{1,64}")


class TagDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tag, its key first. Lengths and meanings as in :class:`gongfu.platform.devices.models.Tag`."""

    key: str
    name: str
    name_en: str = ""
    kind: Kind = "number"
    unit: str = ""
    decimals: int = 1
    role: str = ""
    primary: bool = False
    address: str = ""
    scale: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None
    deadband: float = 0.0
    percent: bool = False
    silence: float = 60.0
    interval: float | None = None


class DeviceDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device with its tags in their order."""

    key: str
    name: str
    name_en: str = ""
    type: str
    place: str = ""
    """Names from the site down, joined by `` / ``."""
    manufacturer: str = ""
    product: str = ""
    serial_number: str = ""
    made_on: dt.date | None = None
    nameplate: dict[str, str] = {}
    gateway: str = "local"
    driver: str
    options: dict[str, Option] = {}
    secrets: list[str] = []
    """Names of the options that are passwords and are set."""
    interval: float = 1.0
    tags: list[TagDocument] = []


class Problem(msgspec.Struct, frozen=True):
    """What is wrong at ``field`` of the device, or of the tag number ``tag``."""

    field: str
    error: GongfuError
    tag: int | None = None


class Change(msgspec.Struct, frozen=True):
    """One difference. ``tag`` is the key of the tag, empty for the device itself; values are as people write them."""

    field: str
    before: str
    after: str
    tag: str = ""


LABELS: Mapping[str, str] = {
    "key": mark("Key"),
    "name": mark("Name"),
    "name_en": mark("English name"),
    "type": mark("Type"),
    "place": mark("Place"),
    "manufacturer": mark("Manufacturer"),
    "product": mark("Product model"),
    "serial_number": mark("Serial number"),
    "made_on": mark("Date of manufacture"),
    "nameplate": mark("Nameplate"),
    "gateway": mark("Gateway"),
    "driver": mark("Driver"),
    "options": mark("Connection options"),
    "secrets": mark("Passwords"),
    "interval": mark("Sampling interval (s)"),
    "tags": mark("Tags"),
    "kind": mark("Kind"),
    "unit": mark("Unit"),
    "decimals": mark("Decimals"),
    "role": mark("Role"),
    "primary": mark("Headline tag"),
    "address": mark("Address"),
    "scale": mark("Scale"),
    "offset": mark("Offset"),
    "low": mark("Lowest plausible value"),
    "high": mark("Highest plausible value"),
    "deadband": mark("Dead-band"),
    "percent": mark("Dead-band in percent"),
    "silence": mark("Longest silence (s)"),
    "order": mark("Order of the tags"),
}
"""What fields are called; an option keeps its own name."""


def canonical(document: DeviceDocument) -> str:
    """The same text for the same configuration, whatever the order it was written in."""
    return msgspec.json.encode(lean(document), order="sorted").decode()


def lean(document: DeviceDocument) -> dict[str, object]:
    """The document as plain values in the order of its fields, without what is as it is by default."""
    told = _lean(document)
    if document.secrets:
        told["secrets"] = sorted(document.secrets)
    if document.tags:
        told["tags"] = [_lean(tag) for tag in document.tags]
    return told


def _lean(thing: DeviceDocument | TagDocument) -> dict[str, object]:
    told: dict[str, object] = {}
    for field in msgspec.structs.fields(thing):
        value = getattr(thing, field.name)
        default = (
            field.default_factory() if field.default is msgspec.NODEFAULT and not field.required else field.default
        )
        if value != default:
            told[field.name] = value
    return told


def parse(text: str) -> DeviceDocument:
    """The document in ``text``, as :func:`canonical` wrote it; raises :class:`Invalid`."""
    try:
        return msgspec.json.decode(text, type=DeviceDocument)
    except msgspec.DecodeError as error:
        raise Invalid(mark("This is no configuration of a device: {reason}."), reason=error) from error


def check(document: DeviceDocument) -> list[Problem]:
    """Everything that is wrong, with the field where it stands."""
    return [*_of_device(document), *_of_tags(document)]


def _of_device(document: DeviceDocument) -> Iterator[Problem]:
    try:
        check_key(document.key)
    except Invalid as error:
        yield Problem("key", error)
    if not document.name.strip():
        yield Problem("name", Invalid(mark("A name is needed.")))
    if model_of(document.type) is None:
        known = ", ".join(model.id for model in library.types()[:8])
        yield Problem(
            "type",
            Invalid(
                mark("There is no device type {type}."),
                remedy=mark("Use one of: {known}."),
                type=document.type[:64],
                known=f"{known}, …",
            ),
        )
    try:
        check_options(document.driver, document.options, document.secrets)
    except GongfuError as error:
        yield Problem("options" if document.driver in drivers.names() else "driver", error)
    if not _GATEWAY.fullmatch(document.gateway):
        yield Problem("gateway", Invalid(mark("A gateway is called by letters, digits, - and _.")))
    if not 0.01 <= document.interval <= 86_400:
        yield Problem("interval", Invalid(mark("The interval must lie between 0.01 s and a day.")))
    yield from _lengths(document, None)
    for field, told in (("options", document.options), ("nameplate", document.nameplate)):
        for name, value in told.items():
            if isinstance(value, str) and not f"{name}{value}".isprintable():
                yield Problem(field, Invalid(mark("A character in it cannot be shown.")))
    if len(document.tags) > MOST_TAGS:
        yield Problem("tags", Invalid(mark("A device has at most {most} tags."), most=MOST_TAGS))


def _of_tags(document: DeviceDocument) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, tag in enumerate(document.tags[: MOST_TAGS + 1]):
        if not TAG_KEY.fullmatch(tag.key):
            yield Problem(
                "key",
                Invalid(
                    mark("{key} cannot be the key of a tag."),
                    remedy=mark("Use 1 to 64 Latin letters, digits, dots, dashes and underscores."),
                    key=repr(tag.key[:80]),
                ),
                number,
            )
        elif tag.key in seen:
            yield Problem("key", Invalid(mark("The key {key} is there twice."), key=tag.key), number)
        seen.add(tag.key)
        if not tag.name.strip():
            yield Problem("name", Invalid(mark("A name is needed.")), number)
        yield from _lengths(tag, number)
        if not 0 <= tag.decimals <= 9:
            yield Problem("decimals", Invalid(mark("Between 0 and 9 decimals.")), number)
        for field, value, lowest in (
            ("scale", tag.scale, None),
            ("offset", tag.offset, None),
            ("low", tag.low, None),
            ("high", tag.high, None),
            ("deadband", tag.deadband, 0.0),
            ("silence", tag.silence, 0.001),
            ("interval", tag.interval, 0.001),
        ):
            if value is not None and not (math.isfinite(value) and (lowest is None or value >= lowest)):
                yield Problem(field, Invalid(mark("{value} cannot be used here."), value=f"{value:g}"), number)
        if tag.scale == 0:
            yield Problem("scale", Invalid(mark("With a scale of 0 every value would be the same.")), number)
        if tag.low is not None and tag.high is not None and tag.low > tag.high:
            yield Problem("high", Invalid(mark("The highest value is below the lowest.")), number)
        if tag.kind == "array":
            yield from _of_array(document.driver, tag, number)


def _of_array(driver: str, tag: TagDocument, number: int) -> Iterator[Problem]:
    """An array is stored whole each time it comes: nothing in it is compared with a limit or with the one before."""
    if driver in drivers.names() and not drivers.manifest(driver).arrays:
        yield Problem(
            "kind",
            Invalid(
                mark("The driver {driver} reads no arrays."),
                remedy=mark("Choose another kind, or one of these drivers: {known}."),
                driver=driver,
                known=", ".join(name for name in drivers.names() if drivers.manifest(name).arrays),
            ),
            number,
        )
    for field, value in (
        ("low", tag.low),
        ("high", tag.high),
        ("deadband", tag.deadband or None),
        ("interval", tag.interval),
    ):
        if value is not None:
            yield Problem(
                field,
                Invalid(
                    mark("An array has no limits, no dead-band and no interval of its own."),
                    remedy=mark("Leave them empty."),
                ),
                number,
            )


def _lengths(thing: DeviceDocument | TagDocument, tag: int | None) -> Iterator[Problem]:
    for field, most in _LENGTHS.items():
        value = getattr(thing, field, "")
        if len(value) > most:
            yield Problem(field, Invalid(mark("At most {most} characters."), most=most), tag)
        if any(not character.isprintable() for character in value):
            yield Problem(field, Invalid(mark("A character in it cannot be shown.")), tag)


def check_options(driver: str, options: Mapping[str, Option], secrets: Sequence[str] = ()) -> None:
    """Raise :class:`Invalid` when these cannot be the options of ``driver``; ``secrets`` are set elsewhere."""
    stand_in = {
        name: option.default if option.default is not None else "x"
        for name, option in drivers.manifest(driver).options.items()
        if name in secrets and name not in options
    }
    config = DeviceConfig(device=0, org=0, org_code="x", name="x", driver=driver, options={**options, **stand_in})
    drivers.complete(config)


def model_of(type_id: str) -> DeviceType | None:
    """The type called so, if there is one."""
    return next((model for model in library.types() if model.id == type_id), None)


def difference(before: DeviceDocument | None, after: DeviceDocument | None) -> list[Change]:
    """What differs, field by field and tag by tag; None stands for a device that is not there."""
    changes = list(_fields(before, after))
    old = {tag.key: tag for tag in before.tags} if before else {}
    new = {tag.key: tag for tag in after.tags} if after else {}
    for key in [*old, *(key for key in new if key not in old)]:
        changes.extend(_compared(old.get(key), new.get(key), key))
    kept = [key for key in old if key in new]
    if kept != [key for key in new if key in old]:
        changes.append(Change("order", ", ".join(old), ", ".join(new)))
    return changes


def _fields(before: DeviceDocument | None, after: DeviceDocument | None) -> Iterator[Change]:
    for field in DeviceDocument.__struct_fields__:
        old, new = getattr(before, field, None), getattr(after, field, None)
        if field == "tags" or old == new:
            continue
        if field in ("options", "nameplate"):
            old, new = old or {}, new or {}
            for name in [*old, *(name for name in new if name not in old)]:
                if old.get(name) != new.get(name):
                    yield Change(f"{field}.{name}", written(old.get(name)), written(new.get(name)))
        elif written(old) != written(new):
            yield Change(field, written(old), written(new))


def _compared(before: TagDocument | None, after: TagDocument | None, key: str) -> Iterator[Change]:
    if before is None or after is None:
        yield Change("", "" if before is None else _short(before), "" if after is None else _short(after), tag=key)
        return
    for field in TagDocument.__struct_fields__:
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            yield Change(field, written(old), written(new), tag=key)


def _short(tag: TagDocument) -> str:
    return " ".join(part for part in (tag.name, tag.address, tag.unit) if part)


def written(value: object) -> str:
    """A value as people write it; nothing for none."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, list):
        return ", ".join(written(part) for part in value)
    return str(value)
