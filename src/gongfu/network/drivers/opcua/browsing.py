"""The entries of one folder of a server: objects, variables with unit and range, methods, sources of events."""

from __future__ import annotations

from collections.abc import Sequence

from asyncua import ua

from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import Point, Refusal
from gongfu.network.drivers.opcua import address as addresses
from gongfu.network.drivers.opcua.connection import Connection
from gongfu.network.drivers.opcua.data_types import DataTypes, kind_of
from gongfu.network.drivers.opcua.failures import talking
from gongfu.network.drivers.opcua.references import arguments, below, content, description

MOST = 10_000
"""Entries of one folder that are listed."""
_PAGE = 1000
"""Entries in one answer; the server may send fewer."""
_SHOWN = ua.NodeClass.Object | ua.NodeClass.Variable | ua.NodeClass.Method
_WRITABLE = 2
"""Bit of AccessLevel (Part 3 §8.57)."""
_NOTIFIES = 1
"""Bit of EventNotifier (Part 3 §8.59)."""


class Browser:
    """Lists folders. One level at a time, so that references that go in circles harm nobody."""

    def __init__(self, connection: Connection, types: DataTypes) -> None:
        self._connection = connection
        self._types = types

    async def entries(self, parent: str) -> list[Point]:
        """Objects, then variables, then methods of ``parent``, of the folder Objects when it is empty."""
        folder = addresses.parse(parent) if parent else addresses.parse(f"i={ua.ObjectIds.ObjectsFolder}")
        node = self._connection.node(folder)
        found = None if node is None else await self._references(node)
        if node is None or found is None:
            raise Refusal(mark("The server does not know {address}."), address=parent[:100])
        references, cut = found
        unique = list({reference.NodeId: reference for reference in references if _is_here(reference)}.values())
        points = await self._objects(_of_class(unique, ua.NodeClass.Object))
        points += await self._variables(_of_class(unique, ua.NodeClass.Variable))
        points += await self._methods(node, _of_class(unique, ua.NodeClass.Method))
        if cut:
            points.append(Point(address=parent, name="…", detail=f"only the first {MOST} entries are listed"))
        return points

    async def _references(self, node: ua.NodeId) -> tuple[list[ua.ReferenceDescription], bool] | None:
        """Everything below ``node``, and whether there is more; None when there is no such node."""
        client = self._connection.client.uaclient
        wanted = ua.BrowseParameters(NodesToBrowse=[description(node, _SHOWN)], RequestedMaxReferencesPerNode=_PAGE)
        with talking(self._connection.options.endpoint):
            answer = (await client.browse(wanted))[0]
            if answer.StatusCode.is_bad():
                return None
            found = list(answer.References or ())
            while answer.ContinuationPoint and len(found) < MOST:
                answer = (await self._next(answer.ContinuationPoint))[0]
                if answer.StatusCode.is_bad():
                    break
                found += answer.References or ()
            if answer.ContinuationPoint:
                await self._next(answer.ContinuationPoint, release=True)
        return found[:MOST], bool(answer.ContinuationPoint) or len(found) > MOST

    async def _next(self, point: bytes, *, release: bool = False) -> Sequence[ua.BrowseResult]:
        wanted = ua.BrowseNextParameters(ReleaseContinuationPoints=release, ContinuationPoints=[point])
        return list(await self._connection.client.uaclient.browse_next(wanted)) or [ua.BrowseResult()]

    async def _objects(self, found: Sequence[ua.ReferenceDescription]) -> list[Point]:
        nodes = [reference.NodeId for reference in found]
        notifiers = await self._connection.read(nodes, ua.AttributeIds.EventNotifier)
        points: list[Point] = []
        for reference, notifier in zip(found, notifiers, strict=True):
            points.append(Point(address=self._text(reference.NodeId), name=_name(reference), folder=True))
            bits = content(notifier)
            if isinstance(bits, int) and bits & _NOTIFIES:
                points.append(
                    Point(
                        address=f"event:{self._text(reference.NodeId)}",
                        name=_name(reference),
                        kind="text",
                        detail="events",
                    )
                )
        return points

    async def _variables(self, found: Sequence[ua.ReferenceDescription]) -> list[Point]:
        nodes = [reference.NodeId for reference in found]
        read, attributes = self._connection.read, ua.AttributeIds
        kinds = [content(answer) for answer in await read(nodes, attributes.DataType)]
        ranks = [content(answer) for answer in await read(nodes, attributes.ValueRank)]
        levels = [content(answer) for answer in await read(nodes, attributes.UserAccessLevel)]
        texts = [content(answer) for answer in await read(nodes, attributes.Description)]
        await self._types.learn(list({kind for kind in kinds if isinstance(kind, ua.NodeId)}))
        entries = await below(self._connection, nodes)
        points: list[Point] = []
        for i, reference in enumerate(found):
            kind = kinds[i]
            name, builtin = "", None
            if isinstance(kind, ua.NodeId):
                name, builtin = self._types.name(kind), self._types.builtin(kind)
            rank, level, text = ranks[i], levels[i], texts[i]
            array = isinstance(rank, int) and rank >= 0
            told = entries[i].properties
            unit, limits = told.get("EngineeringUnits"), told.get("EURange")
            detail = [f"{name}[]" if array else name]
            if isinstance(text, ua.LocalizedText) and text.Text and text.Text != reference.BrowseName.Name:
                detail.append(text.Text[:200])
            points.append(
                Point(
                    address=self._text(reference.NodeId),
                    name=_name(reference),
                    folder=entries[i].folder,
                    kind=_of_array(rank, builtin) if array else kind_of(builtin),
                    unit=str(unit.DisplayName.Text or "") if isinstance(unit, ua.EUInformation) else "",
                    low=float(limits.Low) if isinstance(limits, ua.Range) else None,
                    high=float(limits.High) if isinstance(limits, ua.Range) else None,
                    writable=isinstance(level, int) and bool(level & _WRITABLE),
                    detail=": ".join(part for part in detail if part),
                )
            )
        return points

    async def _methods(self, parent: ua.NodeId, found: Sequence[ua.ReferenceDescription]) -> list[Point]:
        entries = await below(self._connection, [reference.NodeId for reference in found])
        points: list[Point] = []
        for reference, entry in zip(found, entries, strict=True):
            wanted = arguments(entry)
            await self._types.learn(list({argument.type for argument in wanted}))
            names = ", ".join(
                f"{argument.name}: {self._types.name(argument.type)}{'[]' if argument.array else ''}"
                for argument in wanted
            )
            points.append(
                Point(
                    address=f"method:{self._text(parent)}/{self._text(reference.NodeId)}",
                    name=_name(reference),
                    kind="text",
                    writable=True,
                    detail=f"({names})",
                )
            )
        return points

    def _text(self, node: ua.NodeId) -> str:
        return addresses.write(self._connection.address(node))


def _of_class(found: Sequence[ua.ReferenceDescription], kind: ua.NodeClass) -> list[ua.ReferenceDescription]:
    return [reference for reference in found if reference.NodeClass == kind]


def _is_here(reference: ua.ReferenceDescription) -> bool:
    """Whether the entry is on this server, and not one that it only names."""
    return not getattr(reference.NodeId, "ServerIndex", 0)


def _of_array(rank: object, builtin: ua.VariantType | None) -> str:
    """One row of numbers is an array; a table, or texts in a row, no tag can be."""
    return "array" if rank in (0, 1) and kind_of(builtin) in ("number", "boolean") else ""


def _name(reference: ua.ReferenceDescription) -> str:
    shown = reference.DisplayName.Text if reference.DisplayName is not None else ""
    return str(shown or (reference.BrowseName.Name if reference.BrowseName is not None else "") or reference.NodeId)[
        :200
    ]
