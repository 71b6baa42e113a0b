"""The library of information models: one TOML file per device type, read once and checked."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.types import DeviceType, TagType

FOLDER = Path(__file__).parent / "library"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,62}")
_ID = re.compile(r"[a-z][a-z0-9-]{0,62}")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


@cache
def types() -> tuple[DeviceType, ...]:
    """Every type of the library, by id."""
    return tuple(parse(path.name, path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml")))


def type_by_id(type_id: str) -> DeviceType:
    """The type called ``type_id``; raises :class:`NotFound`."""
    for candidate in types():
        if candidate.id == type_id:
            return candidate
    raise NotFound(
        mark("There is no device type {type}."),
        remedy=mark("Use one of: {known}."),
        type=type_id,
        known=", ".join(candidate.id for candidate in types()),
    )


def parse(name: str, text: str) -> DeviceType:
    """The model in ``text``; raises :class:`Invalid` naming file ``name`` and everything wrong with it."""
    try:
        device_type = msgspec.convert(tomllib.loads(text), DeviceType)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        problems = [str(error)]
    else:
        problems = list(_problems(device_type))
        if not problems:
            return device_type
    raise Invalid(
        mark("The information model {file} cannot be used: {reasons}."),
        remedy=mark("Correct the file; its fields are described in network/models/README.md."),
        file=name,
        reasons="; ".join(problems),
    )


def _problems(model: DeviceType) -> Iterator[str]:
    """What a schema cannot say: names, uniqueness, order of limits."""
    if not _ID.fullmatch(model.id):
        yield f"id {model.id!r} is not lower-case letters, digits and dashes"
    if not _VERSION.fullmatch(model.version):
        yield f"version {model.version!r} is not like 1.0.0"
    for what, keys in (
        ("tag", [tag.key for tag in model.tags]),
        ("state", [state.key for state in model.states]),
        ("nameplate field", [field.key for field in model.nameplate]),
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


def _tag_problems(tag: TagType) -> Iterator[str]:
    steps = (tag.low, tag.limits.alarm_low, tag.limits.warn_low, tag.limits.warn_high, tag.limits.alarm_high, tag.high)
    given = [step for step in steps if step is not None]
    if given != sorted(given):
        yield f"tag {tag.key}: low ≤ alarm_low ≤ warn_low ≤ warn_high ≤ alarm_high ≤ high does not hold"
    if given and tag.kind != "number":
        yield f"tag {tag.key}: only a number has a range"
    if not 0 <= tag.decimals <= 9:
        yield f"tag {tag.key}: decimals {tag.decimals} is not 0 to 9"
