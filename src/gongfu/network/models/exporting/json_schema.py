"""A model as JSON Schema (draft 2020-12) of what one of its devices tells: tag key → value."""

from __future__ import annotations

import json

from gongfu.network.models.types import DeviceType, TagType

Plain = dict[str, object]
_KINDS = {"number": "number", "boolean": "boolean", "text": "string", "array": "array"}


def schema(model: DeviceType) -> Plain:
    """The schema; units, roles and limits stand beside as ``x-…``, which validators pass over."""
    required = [tag.key for tag in model.tags if tag.required]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:gongfu:model:{model.id}:{model.version}",
        "title": model.name.en,
        "description": model.name.zh,
        "type": "object",
        "properties": {tag.key: _property(model, tag) for tag in model.tags},
        **({"required": required} if required else {}),
    }


def write(model: DeviceType) -> bytes:
    """The file."""
    return json.dumps(schema(model), ensure_ascii=False, indent=2).encode() + b"\n"


def _property(model: DeviceType, tag: TagType) -> Plain:
    found: Plain = {"title": tag.name.en, "description": tag.name.zh, "type": _KINDS[tag.kind]}
    if tag.kind == "array":
        found["items"] = {"type": "number"}
    if tag.role == "state":
        found["enum"] = [state.code for state in model.states]
        found["x-states"] = {str(state.code): state.key for state in model.states}
        return found
    if tag.low is not None:
        found["minimum"] = tag.low
    if tag.high is not None:
        found["maximum"] = tag.high
    if tag.unit:
        found["x-unit"] = tag.unit
    if tag.role:
        found["x-role"] = tag.role
    limits = {name: value for name in tag.limits.__struct_fields__ if (value := getattr(tag.limits, name)) is not None}
    if limits:
        found["x-limits"] = limits
    if not tag.writable:
        found["readOnly"] = True
    return found
