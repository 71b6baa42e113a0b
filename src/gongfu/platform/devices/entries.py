"""Devices as files and sheets tell them: what is said, where it stands, and the document it becomes. Pure.

What is not said is as it was, for a sheet; as the information model says, for a file and for what is new.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import msgspec

from gongfu.kernel.errors import GongfuError, Invalid, packed
from gongfu.kernel.i18n import mark
from gongfu.network.models.types import DeviceType, TagType
from gongfu.platform.devices.document import DeviceDocument, Option, TagDocument, check, model_of, written

DEVICE_FIELDS = tuple(field for field in DeviceDocument.__struct_fields__ if field not in ("tags", "secrets"))
TAG_FIELDS = tuple(TagDocument.__struct_fields__)
MOST_DEVICES = 20_000
_REQUIRED = ("name", "type", "driver")
_PATH = re.compile(r"`\$\.([a-z_]+)")


class Where(msgspec.Struct, frozen=True):
    """Where something stands: a sheet and its row, or the number of a device in a file."""

    sheet: str = ""
    row: int = 0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong cell. ``problem`` is packed, for whoever reads the report in some language."""

    where: Where
    column: str
    value: str
    problem: str


class TagEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A tag: its key, and those of its fields that were said."""

    key: str
    values: dict[str, object]
    where: Where = Where()


class DeviceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A device: whose, its key, and those of its fields that were said. ``tags``: None when nothing is said of them."""

    organisation: str
    key: str
    values: dict[str, object]
    passwords: dict[str, Option] = {}
    tags: list[TagEntry] | None = None
    where: Where = Where()


def fault(where: Where, column: str, value: object, error: GongfuError) -> Fault:
    """A fault of ``error``; a value that could be long is cut."""
    return Fault(
        where=where,
        column=_storable(column),
        value=_storable(written(value)),
        problem=_storable(packed(error, 2000), 2000),
    )


def _storable(text: str, most: int = 120) -> str:
    """Without NUL and halves of surrogate pairs, which JSON may spell and no database keeps."""
    return text[:most].replace("\0", "�").encode("utf-8", "replace").decode()


def resolve(
    entry: DeviceEntry, base: DeviceDocument | None, faults: list[Fault], held: Collection[str] = ()
) -> DeviceDocument | None:
    """The document that ``entry`` means on top of ``base``; None, with ``faults``, when it means none.

    ``held`` names the passwords that the device has.
    """
    values: dict[str, object] = {"key": entry.key}
    if base is not None:
        values |= {field: getattr(base, field) for field in DEVICE_FIELDS}
    values |= entry.values
    for field in _REQUIRED:
        if not values.get(field):
            missing = Invalid(mark("A new device needs {field}."), field=field)
            faults.append(fault(entry.where, field, "", missing))
            return None
    model = model_of(str(values["type"]))
    before = len(faults)
    tags = _tags(entry, base, model, faults)
    try:
        document = msgspec.convert(values, DeviceDocument)
    except msgspec.ValidationError as error:
        faults.append(_not_converted(entry.where, entry.values, error))
        return None
    if len(faults) > before:
        return None
    secrets = {*held, *entry.passwords}
    document = msgspec.structs.replace(
        document, tags=tags, secrets=sorted(name for name in secrets if entry.passwords.get(name, "x") != "")
    )
    problems = check(document)
    for problem in problems:
        if problem.tag is None:
            shown = getattr(document, problem.field, "")
            shown = said_options(document.options) if problem.field == "options" else shown
            faults.append(fault(entry.where, problem.field, shown, problem.error))
        else:
            tag, stands = document.tags[problem.tag], entry.tags[problem.tag].where if entry.tags else entry.where
            faults.append(fault(stands, problem.field, getattr(tag, problem.field), problem.error))
    return None if problems else document


def _tags(
    entry: DeviceEntry, base: DeviceDocument | None, model: DeviceType | None, faults: list[Fault]
) -> list[TagDocument]:
    if entry.tags is None:
        if base is not None:
            return list(base.tags)
        return [as_typed(tag.key, tag) for tag in model.tags] if model else []
    known = {tag.key: tag for tag in base.tags} if base else {}
    made = []
    for said in entry.tags:
        start = known.get(said.key) or as_typed(said.key, model.tag(said.key) if model else None)
        values = {field: getattr(start, field) for field in TAG_FIELDS} | said.values | {"key": said.key}
        try:
            made.append(msgspec.convert(values, TagDocument))
        except msgspec.ValidationError as error:
            faults.append(_not_converted(said.where, said.values, error))
    return made


def as_typed(key: str, of_type: TagType | None) -> TagDocument:
    """A tag of which nothing is said but its key."""
    if of_type is None:
        return TagDocument(key=key, name=key, decimals=2)
    return TagDocument(
        key=key,
        name=of_type.name.zh,
        name_en=of_type.name.en,
        kind=of_type.kind,
        unit=of_type.unit,
        decimals=of_type.decimals,
        role=of_type.role,
        primary=of_type.primary,
        low=of_type.low,
        high=of_type.high,
    )


def _not_converted(where: Where, values: Mapping[str, object], error: msgspec.ValidationError) -> Fault:
    found = _PATH.search(str(error))
    column = found[1] if found else ""
    return fault(where, column, values.get(column, ""), Invalid(mark("This cannot be used: {reason}."), reason=error))


def said_options(options: Mapping[str, Option]) -> str:
    """``host=10.0.0.5; port=502``: options as one cell."""
    return "; ".join(f"{name}={_quoted(written(value))}" for name, value in options.items())


def _quoted(text: str) -> str:
    if ";" not in text and '"' not in text and text == text.strip():
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_PAIR = re.compile(r'\s*([A-Za-z_][\w-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*?))\s*(?:;|$)')


def options_in(text: str) -> dict[str, str]:
    """The options in such a cell; raises :class:`Invalid`."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text) and text[position:].strip():
        pair = _PAIR.match(text, position)
        if pair is None or pair.end() == position:
            raise Invalid(
                mark("{text} are no options."),
                remedy=mark("Write name=value, and a semicolon between two."),
                text=repr(text[position : position + 60]),
            )
        quoted = pair[2]
        found[pair[1]] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else pair[3]
        position = pair.end()
    return found


def twice(entries: Sequence[DeviceEntry]) -> list[Fault]:
    """Devices that stand there more than once."""
    seen: dict[tuple[str, str], Where] = {}
    faults = []
    for entry in entries:
        place = (entry.organisation, entry.key)
        if place in seen:
            again = Invalid(mark("{key} stands in row {row} already."), key=entry.key, row=seen[place].row)
            faults.append(fault(entry.where, "key", entry.key, again))
        seen.setdefault(place, entry.where)
    return faults
