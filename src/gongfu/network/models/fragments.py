"""Types are composed: a file includes fragments, once or for several parts, and says only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Plain = dict[str, Any]
"""A TOML document before it becomes a :class:`~gongfu.network.models.types.DeviceType`."""
_LISTS = ("nameplate", "tags", "states", "alarms", "methods")


def composed(document: Plain, shared: Mapping[str, Plain]) -> Plain:
    """``document`` with what it includes.

    ``[[includes]]`` has ``fragment``, and for a part that a machine may have more than once ``prefix`` and ``name``:
    the tag ``position`` of fragment ``axis`` becomes ``x_position``, X 轴位置. ``omit`` lists keys to leave out.
    What the document itself says of the same key replaces the fragment's fields one by one; ``[[tags]]`` follow the
    order: state first, own tags, then included ones. Raises :class:`ValueError`.
    """
    result = {name: value for name, value in document.items() if name not in ("includes", *_LISTS)}
    includes = document.get("includes", [])
    if not isinstance(includes, list) or not all(isinstance(include, dict) for include in includes):
        raise ValueError("includes is not a list of tables")
    parts = [_part(include, shared) for include in includes]
    for name in _LISTS:
        own = document.get(name, [])
        if not isinstance(own, list) or not all(isinstance(item, dict) for item in own):
            raise ValueError(f"{name} is not a list of tables")
        if own or any(part.get(name) for part in parts):
            result[name] = _merged(own, [item for part in parts for item in part.get(name, [])])
    return result


def _merged(own: list[Plain], included: list[Plain]) -> list[Plain]:
    overriding = {item.get("key"): item for item in own}
    known = {item["key"] for item in included}
    first = [item for item in own if item.get("key") not in known]
    rest = [item | overriding.get(item["key"], {}) for item in included]
    states = [item for item in rest if item.get("role") == "state"]
    return [*states, *first, *(item for item in rest if item not in states)]


def _part(include: Plain, shared: Mapping[str, Plain]) -> Plain:
    name = include.get("fragment")
    if not isinstance(name, str) or name not in shared:
        raise ValueError(f"there is no fragment {name}; known are {', '.join(sorted(shared))}")
    unknown = include.keys() - {"fragment", "prefix", "name", "omit"}
    if unknown:
        raise ValueError(f"an include knows no {', '.join(sorted(unknown))}")
    omitted = include.get("omit", [])
    part = {key: [item for item in shared[name].get(key, []) if item["key"] not in omitted] for key in _LISTS}
    prefix = include.get("prefix", "")
    if not prefix:
        return part
    label = include.get("name", {})
    return {key: [_prefixed(item, prefix, label, part) for item in items] for key, items in part.items()}


def _prefixed(item: Plain, prefix: str, label: Plain, part: Plain) -> Plain:
    zh, en = label.get("zh", prefix), label.get("en", prefix)
    name = item["name"]
    space = " " if zh[-1:].isascii() else ""
    said = {"zh": f"{zh}{space}{name['zh']}", "en": f"{en} {name['en'][:1].lower()}{name['en'][1:]}"}
    changed = item | {"key": f"{prefix}_{item['key']}", "name": said}
    keys = {tag["key"] for tag in part["tags"]}
    if "interlocks" in item:
        changed["interlocks"] = [_renamed(text, prefix, keys) for text in item["interlocks"]]
    if "when" in item:
        changed["when"] = _renamed(item["when"], prefix, keys)
    return changed


def _renamed(condition: str, prefix: str, keys: set[str]) -> str:
    tag, space, rest = condition.partition(" ")
    return f"{prefix}_{tag}{space}{rest}" if tag in keys else condition
