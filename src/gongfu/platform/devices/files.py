"""Configurations as versioned files, TOML or JSON: stable order, one tag a line, no passwords. Pure.

    format = "gongfu-devices"
    version = 1

    [[devices]]
    organisation = "acme"
    key = "PRESS-1"
    name = "一号压机"
    type = "hydraulic-press"
    driver = "modbus"
    options = { host = "10.0.0.5", port = 502 }
    tags = [
        { key = "speed", address = "holding:0:uint16" },
    ]

A tag says only what differs from the information model; ``low`` and ``high`` may be ``"none"``. A file is the whole
truth of a device: a tag that it does not name goes. ``passwords = { password = "…" }`` sets one, ``""`` removes it.
"""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Iterable, Mapping

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.platform.devices.document import DeviceDocument, Option, lean, model_of
from gongfu.platform.devices.entries import (
    DEVICE_FIELDS,
    MOST_DEVICES,
    TAG_FIELDS,
    DeviceEntry,
    Fault,
    TagEntry,
    Where,
    as_typed,
    fault,
)

FORMAT = "gongfu-devices"
VERSION = 1
MOST_BYTES = 50_000_000
_NONE = "none"
_SECRETS = '# Set on the node, and in no file: {names}. To change one, add: passwords = {{ {first} = "…" }}'
_HEAD = """\
# Devices of a Gongfu node. Bring them in with: gongfu devices import FILE (--dry-run shows what would change).
# 工赋节点的设备配置。导入：gongfu devices import 文件（--dry-run 只显示将发生的变更）。
"""


class _File(msgspec.Struct):
    format: str
    version: int
    devices: list[dict[str, object]] = []


def to_toml(devices: Iterable[tuple[str, DeviceDocument]]) -> str:
    """A file of devices with the codes of their organisations, in the order of both."""
    parts = [_HEAD, f'format = "{FORMAT}"\nversion = {VERSION}\n']
    for organisation, document in sorted(devices, key=lambda pair: (pair[0], pair[1].key)):
        parts.append("\n[[devices]]\n")
        for name, value in told(organisation, document).items():
            if name == "tags" and isinstance(value, list):
                lines = "".join(f"    {_value(tag)},\n" for tag in value)
                parts.append(f"tags = [\n{lines}]\n" if lines else "tags = []\n")
            else:
                parts.append(f"{name} = {_value(value)}\n")
        if document.secrets:
            parts.append(_SECRETS.format(names=", ".join(document.secrets), first=document.secrets[0]) + "\n")
    return "".join(parts)


def to_json(devices: Iterable[tuple[str, DeviceDocument]]) -> str:
    """The same as JSON."""
    ordered = sorted(devices, key=lambda pair: (pair[0], pair[1].key))
    whole = {"format": FORMAT, "version": VERSION, "devices": [told(*pair) for pair in ordered]}
    return json.dumps(whole, ensure_ascii=False, indent=1, default=str) + "\n"


def told(organisation: str, document: DeviceDocument) -> dict[str, object]:
    """A device as a file tells it."""
    model = model_of(document.type)
    found: dict[str, object] = {"organisation": organisation}
    found |= {name: value for name, value in lean(document).items() if name not in ("secrets", "tags")}
    tags = []
    for tag in document.tags:
        start = as_typed(tag.key, model.tag(tag.key) if model else None)
        said: dict[str, object] = {"key": tag.key}
        for field in TAG_FIELDS:
            value = getattr(tag, field)
            if value != getattr(start, field):
                said[field] = _NONE if value is None else value
        tags.append(said)
    return found | {"tags": tags}


def read(data: bytes, name: str = "") -> tuple[list[DeviceEntry], list[Fault]]:
    """The devices of a file, and what is wrong in it; raises :class:`Invalid` for what is no such file."""
    if len(data) > MOST_BYTES:
        raise Invalid(mark("The file is larger than {most} MB."), most=MOST_BYTES // 1_000_000)
    try:
        text = data.decode("utf-8-sig")
        whole: object = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        file = msgspec.convert(whole, _File)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:  # both decoders' errors are ValueErrors
        raise Invalid(
            mark("{file} is no file of devices: {reason}."),
            remedy=mark("Export a device to see how one looks."),
            file=name or FORMAT,
            reason=str(error)[:300],
        ) from error
    if file.format != FORMAT or file.version != VERSION:
        raise Invalid(
            mark("{file} has format {format} {version}; known is {known}."),
            remedy=mark("Use a newer program, or export again."),
            file=name or "?",
            format=file.format[:40],
            version=file.version,
            known=f"{FORMAT} {VERSION}",
        )
    if len(file.devices) > MOST_DEVICES:
        raise Invalid(mark("A file has at most {most} devices."), most=MOST_DEVICES)
    faults: list[Fault] = []
    entries = [_entry(device, number, faults) for number, device in enumerate(file.devices, 1)]
    return [entry for entry in entries if entry is not None], faults


def _entry(device: Mapping[str, object], number: int, faults: list[Fault]) -> DeviceEntry | None:
    where = Where("devices", number)
    known = {*DEVICE_FIELDS, "organisation", "passwords", "tags"}
    for name in device:
        if name not in known:
            faults.append(fault(where, name, device[name], Invalid(mark("There is no field {field}."), field=name)))
    key, organisation = device.get("key"), device.get("organisation", "")
    if not isinstance(key, str) or not isinstance(organisation, str):
        faults.append(fault(where, "key", key, Invalid(mark("A device needs a key."))))
        return None
    try:
        passwords = msgspec.convert(device.get("passwords", {}), dict[str, Option])
        said = msgspec.convert(device.get("tags", []), list[dict[str, object]])
    except msgspec.ValidationError as error:
        faults.append(fault(where, "tags", "", Invalid(mark("This cannot be used: {reason}."), reason=error)))
        return None
    tags = []
    for tag in said:
        for name in tag:
            if name not in TAG_FIELDS:
                faults.append(fault(where, name, tag[name], Invalid(mark("There is no field {field}."), field=name)))
        values = {
            name: None if value == _NONE and name in ("low", "high", "interval") else value
            for name, value in tag.items()
            if name in TAG_FIELDS
        }
        tags.append(TagEntry(key=str(tag.get("key", "")), values=values, where=where))
    values = {name: value for name, value in device.items() if name in DEVICE_FIELDS}
    return DeviceEntry(
        organisation=organisation,
        key=key,
        values=values,
        passwords=passwords,
        tags=tags if "tags" in device else None,
        where=where,
    )


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(name)} = {_value(part)}" for name, part in value.items()) + " }"
    return _text(str(value))


def _name(name: object) -> str:
    plain = str(name)
    return plain if plain and all(c.isascii() and (c.isalnum() or c in "-_") for c in plain) else _text(plain)


def _text(text: str) -> str:
    """TOML's basic strings are JSON's, but for DEL, which they do not take as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
