"""Data types of nodes, and values made to fit them (OPC UA Part 6 §5.1.2)."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from asyncua import ua

from gongfu.network.drivers.opcua.connection import Connection
from gongfu.network.drivers.opcua.references import browse, description

Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None

INTEGERS: dict[ua.VariantType, tuple[int, int]] = {
    ua.VariantType.SByte: (-(2**7), 2**7 - 1),
    ua.VariantType.Byte: (0, 2**8 - 1),
    ua.VariantType.Int16: (-(2**15), 2**15 - 1),
    ua.VariantType.UInt16: (0, 2**16 - 1),
    ua.VariantType.Int32: (-(2**31), 2**31 - 1),
    ua.VariantType.UInt32: (0, 2**32 - 1),
    ua.VariantType.Int64: (-(2**63), 2**63 - 1),
    ua.VariantType.UInt64: (0, 2**64 - 1),
}
"""Lowest and highest value of each."""
FLOATS = (ua.VariantType.Float, ua.VariantType.Double)
TEXTS = (ua.VariantType.String, ua.VariantType.LocalizedText, ua.VariantType.DateTime, ua.VariantType.Guid)
_LARGEST_FLOAT = 3.4028234663852886e38
_ENUMERATION = 29
_ABSTRACT = {26: ua.VariantType.Double, 27: ua.VariantType.Int64, 28: ua.VariantType.UInt64}
"""Number, Integer, UInteger: a variable of such a type takes any of its kinds."""
_DEEPEST = 20


class Unfit(ValueError):
    """The value cannot become what the node holds."""


def kind_of(builtin: ua.VariantType | None) -> str:
    """number, boolean or text: what a tag of this type is; empty for what no tag can be."""
    if builtin is ua.VariantType.Boolean:
        return "boolean"
    if builtin in INTEGERS or builtin in FLOATS:
        return "number"
    return "text" if builtin in TEXTS else ""


class DataTypes:
    """Looks up which built-in type a data type comes from; remembers what it learned."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[ua.NodeId, tuple[ua.VariantType | None, str]] = {}

    async def learn(self, types: Sequence[ua.NodeId]) -> None:
        """Find out about ``types``, those together that can be."""
        # For each type its ancestor so far; one step up for all of them at a time.
        at = {kind: kind for kind in types if kind not in self._known}
        for _ in range(_DEEPEST):
            for kind, ancestor in list(at.items()):
                builtin = _builtin(ancestor)
                if builtin is not None:
                    self._known[kind] = (builtin, "")
                    del at[kind]
            if not at:
                break
            above = await self._above(list(at.values()))
            for (kind, _), parent in zip(list(at.items()), above, strict=True):
                if parent is None:
                    self._known[kind] = (None, "")
                    del at[kind]
                else:
                    at[kind] = parent
        self._known |= dict.fromkeys(at, (None, ""))
        unnamed = [kind for kind in types if not self._known[kind][1]]
        names = await self._connection.read(unnamed, ua.AttributeIds.BrowseName)
        for kind, answer in zip(unnamed, names, strict=True):
            value = answer.Value.Value if answer.Value is not None else None
            name = str(value.Name) if isinstance(value, ua.QualifiedName) else "?"
            self._known[kind] = (self._known[kind][0], name)

    def builtin(self, kind: ua.NodeId) -> ua.VariantType | None:
        """The built-in type of ``kind``, which was learned; None for structures and what else is no scalar."""
        return self._known[kind][0]

    def name(self, kind: ua.NodeId) -> str:
        """Name of ``kind``, which was learned."""
        return self._known[kind][1]

    async def _above(self, types: Sequence[ua.NodeId]) -> list[ua.NodeId | None]:
        up = ua.BrowseDirection.Inverse
        answers = await browse(self._connection, [description(node, 0, ua.ObjectIds.HasSubtype, up) for node in types])
        return [answer.References[0].NodeId if answer.References else None for answer in answers]


def _builtin(node: ua.NodeId) -> ua.VariantType | None:
    if node.NamespaceIndex or not isinstance(node.Identifier, int):
        return None
    if node.Identifier == _ENUMERATION:
        return ua.VariantType.Int32
    if node.Identifier in _ABSTRACT:
        return _ABSTRACT[node.Identifier]
    return ua.VariantType(node.Identifier) if 1 <= node.Identifier <= 21 else None


def variant(value: Json, builtin: ua.VariantType | None, *, array: bool = False) -> ua.Variant:
    """``value`` as ``builtin``; raises :class:`Unfit` naming what would fit."""
    if builtin is None:
        raise Unfit("values of its data type cannot be written")
    if array:
        if not isinstance(value, list):
            raise Unfit("a list is wanted")
        return ua.Variant([_fit(item, builtin) for item in value], builtin, is_array=True)
    return ua.Variant(_fit(value, builtin), builtin)


def _fit(value: Json, builtin: ua.VariantType) -> object:
    if builtin in INTEGERS:
        return _integer(value, *INTEGERS[builtin])
    match builtin, value:
        case ua.VariantType.Boolean, bool():
            return value
        case ua.VariantType.Boolean, 0 | 1:
            return bool(value)
        case ua.VariantType.Float | ua.VariantType.Double, int() | float():
            number = float(value)
            if builtin is ua.VariantType.Float and math.isfinite(number) and abs(number) > _LARGEST_FLOAT:
                raise Unfit("it is too large for a Float")
            return number
        case ua.VariantType.String, str():
            return value
        case ua.VariantType.LocalizedText, str():
            return ua.LocalizedText(value)
        case ua.VariantType.DateTime, str():
            try:
                time = datetime.fromisoformat(value)
            except ValueError:
                raise Unfit("a time such as 2026-11-21T08:30:00Z is wanted") from None
            return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
        case ua.VariantType.Guid, str():
            try:
                return uuid.UUID(value)
            except ValueError:
                raise Unfit("a GUID is wanted") from None
        case _:
            raise Unfit(f"{builtin.name} is wanted")


def _integer(value: Json, low: int, high: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not low <= value <= high:
        raise Unfit(f"a whole number {low}…{high} is wanted")
    return int(value)


def plain(value: object) -> Json:
    """A value of a variant as JSON can say it."""
    match value:
        case None | str() | int() | bool():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case list():
            return [plain(item) for item in value]
        case datetime():
            known = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return known.isoformat()
        case ua.LocalizedText():
            return str(value.Text or "")
        case _:
            return str(value)
