"""Object types of a NodeSet as drafts of our own models: what can be read off, for a person to complete."""

from __future__ import annotations

import re

from gongfu.network.models.nodeset import standard
from gongfu.network.models.nodeset.members import Member, TypeModel, enumeration
from gongfu.network.models.nodeset.nodes import NodeClass, NodeId
from gongfu.network.models.nodeset.space import Space
from gongfu.network.models.types import DeviceType, Kind, MethodType, OpcUaType, TagType, Text
from gongfu.network.models.units import UNITS, canonical

MOST_TAGS = 400
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_INTERNAL = {"EngineeringUnits", "EURange", "InstrumentRange", "InputArguments", "OutputArguments", "ValuePrecision"}
_BOOLEAN = NodeId(standard.NUMBER.namespace, "i=1")


def device_type(space: Space, found: TypeModel, version: str = "0.1.0") -> DeviceType:
    """A draft with a tag for each variable and a method for each method; placeholders are left out."""
    name = found.node.display("en")
    tags: dict[str, TagType] = {}
    methods: dict[str, MethodType] = {}
    for path, member in found.walk():
        if "<" in path or member.browse_name.name in _INTERNAL or len(tags) >= MOST_TAGS:
            continue
        key = _key(path)
        if member.node.node_class is NodeClass.VARIABLE and key not in tags:
            tags[key] = _tag(space, path, key, member)
        elif member.node.node_class is NodeClass.METHOD and key not in methods:
            methods[key] = MethodType(key=key, name=_text(member))
    return DeviceType(
        id=_key(found.node.browse_name.name.removesuffix("Type")).replace("_", "-"),
        version=version,
        name=Text(found.node.display("zh") or name, name),
        icon="machine",
        source=found.node.id.namespace,
        opcua=OpcUaType(found.node.id.namespace, found.node.browse_name.name),
        tags=list(tags.values()),
        methods=list(methods.values()),
    )


def _tag(space: Space, path: str, key: str, member: Member) -> TagType:
    kind = _kind(space, member.node.data_type)
    if kind == "number" and member.node.value_rank == 1:
        kind = "array"
    unit = canonical(member.unit.display) if member.unit else ""
    low, high = member.low, member.high
    if kind != "number" or (low is not None and high is not None and low >= high):
        low = high = None
    return TagType(
        key=key,
        name=_text(member),
        kind=kind,
        unit=unit if unit in UNITS and kind in ("number", "array") else "",
        low=low,
        high=high,
        decimals=2 if kind == "number" else 0,
        source=member.node.describe("en")[:200],
        required=member.rule == "Mandatory" and "/" not in path,
        opcua=path,
    )


def _kind(space: Space, data_type: NodeId | None) -> Kind:
    if data_type == _BOOLEAN:
        return "boolean"
    if data_type is not None:
        if space.is_a(data_type, standard.NUMBER):
            return "number"
        if (
            space.is_a(data_type, standard.ENUMERATION)
            and space.find(data_type) is not None
            and enumeration(space, data_type)
        ):
            return "number"
    return "text"


def _text(member: Member) -> Text:
    en = member.node.display("en")
    return Text(member.node.display("zh") or en, en)


def _key(path: str) -> str:
    """``Production/ActiveProgram/Name`` → ``production_active_program_name``, at most 63 characters, its end."""
    words = [word.lower() for word in _WORD.findall(path)]
    while len(words) > 1 and len("_".join(words)) > 63:
        words.pop(0)
    key = "_".join(words)[:63]
    return key if key[:1].isalpha() else f"v_{key}"[:63]
