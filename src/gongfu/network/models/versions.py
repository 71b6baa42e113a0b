"""Two versions of a model: what changed, whether devices and programs that relied on the old one still work.

*additive*: everything that held still holds (1.2.0 → 1.3.0). *breaking*: something that was promised is gone or means
something else (→ 2.0.0). *editorial*: names, sources and the like (→ 1.2.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.types import DeviceType

Compatibility = Literal["editorial", "additive", "breaking"]
_ORDER: tuple[Compatibility, ...] = ("editorial", "additive", "breaking")
_EDITORIAL = {
    *("name", "decimals", "primary", "source", "icon", "category", "title", "covers", "remedy", "synonyms"),
    *("mappings", "opcua", "nameplate", "limits", "severity", "when"),
}
_LISTS = ("nameplate", "tags", "states", "alarms", "methods")
Plain = object


class Change(NamedTuple):
    """One difference; ``path`` names it, such as ``tags.flow.unit``; None where there is nothing."""

    path: str
    before: Plain | None
    after: Plain | None
    compatibility: Compatibility


def changes(before: DeviceType, after: DeviceType) -> list[Change]:
    """Everything that differs, apart from the version itself."""
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    found = list(_fields("", old, new, {"version", *_LISTS}))
    for group in _LISTS:
        found += _items(group, {item["key"]: item for item in old[group]}, {item["key"]: item for item in new[group]})
    return found


def compatibility(found: list[Change]) -> Compatibility:
    """The gravest of them; editorial when nothing changed."""
    return max((change.compatibility for change in found), key=_ORDER.index, default="editorial")


def numbers(version: str) -> tuple[int, int, int]:
    """``1.2.3`` as numbers that can be compared; raises :class:`Invalid`."""
    try:
        major, minor, patch = (int(part) for part in version.split("."))
    except ValueError as error:
        raise Invalid(
            mark("{version} is no version."), remedy=mark("Write it as 1.0.0."), version=version[:40]
        ) from error
    return major, minor, patch


def next_version(version: str, gravest: Compatibility) -> str:
    """The lowest version that may follow ``version`` after changes of that kind."""
    major, minor, patch = numbers(version)
    if gravest == "breaking":
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if gravest == "additive" else f"{major}.{minor}.{patch + 1}"


def check_successor(before: DeviceType, after: DeviceType) -> None:
    """Raise :class:`Invalid` when the version of ``after`` promises more than its changes keep."""
    gravest = compatibility(changes(before, after))
    least = next_version(before.version, gravest)
    if numbers(after.version) < numbers(least):
        raise Invalid(
            mark("Version {version} is too low: compared with {before} the changes are {kind}."),
            remedy=mark("Give it version {least} or higher."),
            version=after.version,
            before=before.version,
            kind=gravest,
            least=least,
        )


def _items(group: str, old: dict[str, dict[str, Plain]], new: dict[str, dict[str, Plain]]) -> Iterator[Change]:
    for key, item in old.items():
        if key not in new:
            gone: Compatibility = "editorial" if group == "nameplate" else "breaking"
            yield Change(f"{group}.{key}", item, None, gone)
        else:
            yield from _fields(f"{group}.{key}.", item, new[key], {"key"})
    for key, item in new.items():
        if key not in old:
            # Devices that conformed until now would not any more.
            added: Compatibility = "breaking" if group == "tags" and item.get("required") else "additive"
            yield Change(f"{group}.{key}", None, item, added)


def _fields(path: str, old: dict[str, Plain], new: dict[str, Plain], left_out: set[str]) -> Iterator[Change]:
    for name in old.keys() | new.keys():
        if name in left_out or old.get(name) == new.get(name):
            continue
        yield Change(path + name, old.get(name), new.get(name), _grade(name, old.get(name), new.get(name)))


def _grade(name: str, old: Plain | None, new: Plain | None) -> Compatibility:
    if name in _EDITORIAL:
        return "editorial"
    if name in ("low", "high"):
        return "additive" if new is None or _wider(name, old, new) else "breaking"
    if name == "required":
        return "breaking" if new else "additive"
    if name == "writable":
        return "additive" if new else "breaking"
    return "breaking"


def _wider(name: str, old: Plain | None, new: Plain | None) -> bool:
    if not isinstance(old, float | int) or not isinstance(new, float | int):
        return False
    return new < old if name == "low" else new > old
