"""What hangs under a node: its references, and the properties that say something of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from asyncua import ua

from gongfu.network.drivers.opcua.connection import Connection

_HAS_PROPERTY = ua.NodeId(ua.ObjectIds.HasProperty)
_TOLD = ("EngineeringUnits", "EURange", "InputArguments")
"""Properties that say something of the node they belong to (Parts 3 and 8)."""


class Below(msgspec.Struct, frozen=True):
    """What hangs under a node."""

    folder: bool
    """Whether there is more than properties."""
    properties: dict[str, object]
    """The values of those that are looked at, by name."""


class Argument(msgspec.Struct, frozen=True):
    """An input of a method (Part 3 §8.6)."""

    name: str
    type: ua.NodeId
    array: bool


def description(
    node: ua.NodeId,
    classes: int,
    reference: int = ua.ObjectIds.HierarchicalReferences,
    direction: ua.BrowseDirection = ua.BrowseDirection.Forward,
) -> ua.BrowseDescription:
    """A question for the references of ``node``; ``classes``: bits of NodeClass, 0 for all."""
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=direction,
        ReferenceTypeId=ua.NodeId(reference),
        IncludeSubtypes=True,
        NodeClassMask=int(classes),
        ResultMask=ua.BrowseResultMask.All,
    )


async def browse(connection: Connection, wanted: Sequence[ua.BrowseDescription]) -> list[ua.BrowseResult]:
    """The answers to ``wanted``; further pages are not asked for."""

    async def ask(part: Sequence[ua.BrowseDescription]) -> Sequence[ua.BrowseResult]:
        params = ua.BrowseParameters(NodesToBrowse=list(part))
        return list(await connection.client.uaclient.browse(params))

    return await connection.in_parts("browse", wanted, ask)


async def below(connection: Connection, nodes: Sequence[ua.NodeId]) -> list[Below]:
    """What hangs under each of ``nodes``."""
    classes = ua.NodeClass.Object | ua.NodeClass.Variable
    answers = await browse(connection, [description(node, classes) for node in nodes])
    folders = [
        any(reference.ReferenceTypeId != _HAS_PROPERTY for reference in answer.References or ()) for answer in answers
    ]
    asked = [
        (i, str(reference.BrowseName.Name), reference.NodeId)
        for i, answer in enumerate(answers)
        for reference in answer.References or ()
        if reference.ReferenceTypeId == _HAS_PROPERTY
        and reference.BrowseName.NamespaceIndex == 0
        and reference.BrowseName.Name in _TOLD
    ]
    told: list[dict[str, object]] = [{} for _ in nodes]
    values = await connection.read([node for _, _, node in asked])
    for (i, name, _), value in zip(asked, values, strict=True):
        told[i][name] = content(value)
    return [Below(folder, properties) for folder, properties in zip(folders, told, strict=True)]


def arguments(entry: Below) -> list[Argument]:
    """The inputs of a method, from its property InputArguments."""
    listed = entry.properties.get("InputArguments")
    return [
        Argument(str(item.Name or ""), item.DataType, int(item.ValueRank) >= 0)
        for item in (listed if isinstance(listed, list) else [])
        if isinstance(item, ua.uaprotocol_auto.Argument)  # what is decoded; ua.Argument is made from it
    ]


def content(answer: ua.DataValue) -> object:
    """The value in ``answer``; None when there is none."""
    return None if answer.Value is None else answer.Value.Value
