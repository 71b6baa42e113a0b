"""The library of information models: a TOML file per device type and shared fragments, read once and checked."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.categories import CATEGORIES
from gongfu.network.models.fragments import Plain, composed
from gongfu.network.models.types import Argument, Condition, DeviceType, TagType
from gongfu.network.models.units import UNITS

FOLDER = Path(__file__).parent / "library"
FRAGMENTS = "fragments"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_VERSION = re.compile(r"(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})\.(?:0|[1-9]\d{0,5})")


@cache
def types() -> tuple[DeviceType, ...]:
    """Every type of the library, by id."""
    shared = fragments()
    found = [
        parse(path.name, path.read_text(encoding="utf-8"), category=path.parent.name, shared=shared)
        for path in FOLDER.glob("*/*.toml")
        if path.parent.name != FRAGMENTS
    ]
    return tuple(sorted(found, key=lambda model: model.id))


@cache
def fragments() -> dict[str, Plain]:
    """What several types share, by name: drives, axes, the electrical supply, …"""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / FRAGMENTS).glob("*.toml")}


@cache
def _by_id() -> dict[str, DeviceType]:
    return {model.id: model for model in types()}


def type_by_id(type_id: str) -> DeviceType:
    """The type called ``type_id``; raises :class:`NotFound`."""
    found = _by_id().get(type_id)
    if found is None:
        raise NotFound(
            mark("There is no device type {type}."),
            remedy=mark("Use one of: {known}."),
            type=type_id,
            known=", ".join(_by_id()),
        )
    return found


def parse(name: str, text: str, *, category: str = "", shared: dict[str, Plain] | None = None) -> DeviceType:
    """The model in ``text``; raises :class:`Invalid` naming file ``name`` and everything wrong with it."""
    try:
        plain = composed(tomllib.loads(text), shared or {})
        plain.setdefault("category", category)
        device_type = msgspec.convert(plain, DeviceType)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise unusable(name, [str(error)]) from error
    return checked(name, device_type)


def checked(name: str, model: DeviceType) -> DeviceType:
    """``model`` itself; raises :class:`Invalid` naming ``name`` and everything wrong with it."""
    found = list(problems(model))
    if found:
        raise unusable(name, found)
    return model


def unusable(name: str, reasons: list[str]) -> Invalid:
    """What is said of a model that breaks the rules."""
    return Invalid(
        mark("The information model {file} cannot be used: {reasons}."),
        remedy=mark("Correct the file; its fields are described in network/models/README.md."),
        file=name,
        reasons="; ".join(reasons),
    )


def problems(model: DeviceType) -> Iterator[str]:
    """What a schema cannot say: names, uniqueness, order of limits, conditions on tags that exist."""
    if not _ID.fullmatch(model.id):
        yield f"id {model.id!r} is not lower-case letters, digits and dashes"
    if not _VERSION.fullmatch(model.version):
        yield f"version {model.version!r} is not like 1.0.0"
    if model.category and model.category not in CATEGORIES:
        yield f"category {model.category!r} is not one of {', '.join(CATEGORIES)}"
    for what, keys in (
        ("tag", [tag.key for tag in model.tags]),
        ("state", [state.key for state in model.states]),
        ("nameplate field", [field.key for field in model.nameplate]),
        ("alarm", [alarm.key for alarm in model.alarms]),
        ("method", [method.key for method in model.methods]),
        *((f"argument of {method.key}", [given.key for given in method.arguments]) for method in model.methods),
    ):
        for key, count in Counter(keys).items():
            if count > 1:
                yield f"{what} {key} is there {count} times"
            if not _KEY.fullmatch(key):
                yield f"{what} {key!r} is not lower-case letters, digits and underscores"
    if len({state.code for state in model.states}) < len(model.states):
        yield "two states share a code"
    coded = [tag for tag in model.tags if tag.role == "state"]
    if bool(coded) != bool(model.states) or len(coded) > 1:
        yield "states need exactly one tag with role state, and that tag needs states"
    for tag in model.tags:
        yield from _tag_problems(tag)
    for method in model.methods:
        for argument in method.arguments:
            yield from _range_problems(f"argument {argument.key} of {method.key}", argument)
    yield from _condition_problems(model)


def _tag_problems(tag: TagType) -> Iterator[str]:
    steps = (tag.low, tag.limits.alarm_low, tag.limits.warn_low, tag.limits.warn_high, tag.limits.alarm_high, tag.high)
    given = [step for step in steps if step is not None]
    if given != sorted(given):
        yield f"tag {tag.key}: low ≤ alarm_low ≤ warn_low ≤ warn_high ≤ alarm_high ≤ high does not hold"
    yield from _range_problems(f"tag {tag.key}", tag)
    if not 0 <= tag.decimals <= 9:
        yield f"tag {tag.key}: decimals {tag.decimals} is not 0 to 9"
    if tag.writable and tag.kind == "number" and (tag.low is None or tag.high is None):
        yield f"tag {tag.key}: what may be written needs low and high"
    if tag.kind == "array" and (tag.writable or tag.role or any(step is not None for step in steps)):
        yield f"tag {tag.key}: an array has no limits and no role, and is not written"


def _range_problems(what: str, thing: TagType | Argument) -> Iterator[str]:
    given = [step for step in (thing.low, thing.high) if step is not None]
    if given and thing.kind != "number":
        yield f"{what}: only a number has a range"
    if thing.unit and thing.unit not in UNITS:
        yield f"{what}: {thing.unit} is no unit of network/models/units.py"


def _condition_problems(model: DeviceType) -> Iterator[str]:
    said = [(f"tag {tag.key}", text) for tag in model.tags for text in tag.interlocks]
    said += [(f"method {method.key}", text) for method in model.methods for text in method.interlocks]
    said += [(f"alarm {alarm.key}", alarm.when) for alarm in model.alarms if alarm.when]
    for what, text in said:
        try:
            condition = Condition.parse(text)
        except GongfuError as error:
            yield f"{what}: {error.parts('en')[0]}"
            continue
        tag = model.tag(condition.tag)
        if tag is None:
            yield f"{what}: its condition names {condition.tag}, which is no tag"
        elif (tag.kind == "boolean") != isinstance(condition.value, bool):
            yield f"{what}: {condition.tag} is a {tag.kind} and cannot be compared with {condition.value}"
