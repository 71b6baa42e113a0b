"""A model as an OPC UA NodeSet: an object type with variables, properties, methods and an enumeration of its states."""

from __future__ import annotations

from gongfu.network.models.nodeset import standard, writing
from gongfu.network.models.nodeset.nodes import (
    BASE,
    BrowseName,
    Definition,
    Element,
    Field,
    LocalText,
    Model,
    Node,
    NodeClass,
    NodeId,
    NodeSet,
    Reference,
    Requirement,
)
from gongfu.network.models.types import Argument, DeviceType, Kind, TagType, Text
from gongfu.network.models.units import known

_TYPES = "{http://opcfoundation.org/UA/2008/02/Types.xsd}"
_UNITS = "http://www.opcfoundation.org/UA/units/un/cefact"
_DATA_TYPES: dict[Kind, str] = {"number": "Double", "boolean": "Boolean", "text": "String", "array": "Double"}
_USED = (
    *("Boolean", "Int32", "Double", "String", "EUInformation", "Range", "Argument", "Enumeration", "LocalizedText"),
    *("HasSubtype", "HasComponent", "HasProperty", "HasTypeDefinition", "HasModellingRule"),
)
_MANDATORY, _OPTIONAL = NodeId(BASE, "i=78"), NodeId(BASE, "i=80")
_CURRENT_READ, _READ_WRITE = "1", "3"


def namespace(model: DeviceType) -> str:
    """Namespace URI of the exported model; it stays over all versions of one major number."""
    return f"urn:gongfu:model:{model.id}:{model.version.partition('.')[0]}"


def nodeset(model: DeviceType, published: str) -> NodeSet:
    """The NodeSet; ``published`` is the date of publication as ISO 8601."""
    builder = _Builder(model)
    nodes = {node.id: node for node in builder.nodes()}
    return NodeSet(
        file=f"{model.id}.NodeSet2.xml",
        namespaces=(BASE, builder.uri),
        models=(Model(builder.uri, model.version, published, (Requirement(BASE, "1.04", "2019-05-01T00:00:00Z"),)),),
        nodes=nodes,
        aliases=tuple((name, standard.ALIASES[name]) for name in _USED),
    )


def write(model: DeviceType, published: str) -> bytes:
    """The NodeSet2 file."""
    return writing.write(nodeset(model, published))


class _Builder:
    def __init__(self, model: DeviceType) -> None:
        self.model = model
        self.uri = namespace(model)
        self.root = self._id(_pascal(model.id) + "Type")

    def nodes(self) -> list[Node]:
        model = self.model
        found = [
            Node(
                id=self.root,
                node_class=NodeClass.OBJECT_TYPE,
                browse_name=BrowseName(self.uri, _pascal(model.id) + "Type"),
                names=_texts(model.name),
                descriptions=(LocalText("", model.source),) if model.source else (),
                references=(Reference(standard.HAS_SUBTYPE, standard.BASE_OBJECT_TYPE, False),),
            )
        ]
        if model.states:
            found += self._states()
        for field in model.nameplate:
            found.append(self._property(f"Nameplate.{field.key}", field.key, _texts(field.name), "String"))
        for tag in model.tags:
            found += self._tag(tag)
        for method in model.methods:
            found += self._method(method.key, method.name, method.arguments)
        return found

    def _id(self, path: str) -> NodeId:
        return NodeId(self.uri, f"s={path}")

    def _states(self) -> list[Node]:
        own = self._id("States")
        fields = tuple(Field(state.key, None, state.code, names=_texts(state.name)) for state in self.model.states)
        return [
            Node(
                id=own,
                node_class=NodeClass.DATA_TYPE,
                browse_name=BrowseName(self.uri, _pascal(self.model.id) + "State"),
                names=(LocalText("", _pascal(self.model.id) + "State"),),
                references=(Reference(standard.HAS_SUBTYPE, standard.ENUMERATION, False),),
                definition=Definition(f"1:{_pascal(self.model.id)}State", fields),
            )
        ]

    def _tag(self, tag: TagType) -> list[Node]:
        own = self._id(tag.key)
        state = tag.role == "state"
        access = _READ_WRITE if tag.writable else _CURRENT_READ
        variable = Node(
            id=own,
            node_class=NodeClass.VARIABLE,
            browse_name=BrowseName(self.uri, _pascal(tag.key)),
            names=_texts(tag.name),
            descriptions=(LocalText("", tag.source),) if tag.source else (),
            parent=self.root,
            data_type=self._id("States") if state else standard.ALIASES[_DATA_TYPES[tag.kind]],
            references=(
                Reference(standard.HAS_COMPONENT, self.root, False),
                Reference(standard.HAS_TYPE_DEFINITION, _variable_type(tag), True),
                Reference(standard.HAS_MODELLING_RULE, _MANDATORY if tag.required else _OPTIONAL, True),
            ),
            value_rank=1 if tag.kind == "array" else -1,
            further=(
                *((("ArrayDimensions", "0"),) if tag.kind == "array" else ()),
                ("AccessLevel", access),
                ("UserAccessLevel", access),
            ),
        )
        return [variable, *self._about(tag, own)]

    def _about(self, tag: TagType, parent: NodeId) -> list[Node]:
        found = []
        if tag.unit:
            found.append(
                self._property(
                    f"{tag.key}.EngineeringUnits", "EngineeringUnits", (), "EUInformation", _unit(tag.unit), parent
                )
            )
        if tag.low is not None and tag.high is not None and tag.role != "state":
            value = _range(tag.low, tag.high)
            found.append(self._property(f"{tag.key}.EURange", "EURange", (), "Range", value, parent))
        return found

    def _property(
        self,
        path: str,
        name: str,
        texts: tuple[LocalText, ...],
        data_type: str,
        value: Element | None = None,
        parent: NodeId | None = None,
        rank: int = -1,
    ) -> Node:
        standardised = parent is not None
        above = parent or self.root
        return Node(
            id=self._id(path),
            node_class=NodeClass.VARIABLE,
            browse_name=BrowseName(BASE if standardised else self.uri, name if standardised else _pascal(name)),
            names=texts or (LocalText("", name),),
            parent=above,
            data_type=standard.ALIASES[data_type],
            value_rank=rank,
            references=(
                Reference(standard.HAS_PROPERTY, above, False),
                Reference(standard.HAS_TYPE_DEFINITION, standard.PROPERTY_TYPE, True),
                Reference(standard.HAS_MODELLING_RULE, _MANDATORY if standardised else _OPTIONAL, True),
            ),
            value=value,
            further=(("ArrayDimensions", "0"),) if rank == 1 else (),
        )

    def _method(self, key: str, name: Text, arguments: list[Argument]) -> list[Node]:
        own = self._id(f"Methods.{key}")
        method = Node(
            id=own,
            node_class=NodeClass.METHOD,
            browse_name=BrowseName(self.uri, _pascal(key)),
            names=_texts(name),
            parent=self.root,
            references=(
                Reference(standard.HAS_COMPONENT, self.root, False),
                Reference(standard.HAS_MODELLING_RULE, _OPTIONAL, True),
            ),
        )
        if not arguments:
            return [method]
        value = Element(_TYPES + "ListOfExtensionObject", children=tuple(_argument(given) for given in arguments))
        path = f"Methods.{key}.InputArguments"
        return [method, self._property(path, "InputArguments", (), "Argument", value, own, rank=1)]


def _variable_type(tag: TagType) -> NodeId:
    if tag.kind == "number" and tag.unit and tag.high is not None and tag.low is not None:
        return standard.ANALOG_UNIT_RANGE_TYPE
    return standard.BASE_ANALOG_TYPE if tag.kind == "number" and tag.unit else standard.BASE_DATA_VARIABLE_TYPE


def _pascal(key: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in key.replace("-", "_").split("_"))


def _texts(name: Text) -> tuple[LocalText, ...]:
    return LocalText("en", name.en), LocalText("zh-CN", name.zh)


def _of(name: str, text: str = "", *children: Element) -> Element:
    return Element(_TYPES + name, text=text, children=children)


def _object(encoding: int, body: Element) -> Element:
    return _of("ExtensionObject", "", _of("TypeId", "", _of("Identifier", f"i={encoding}")), _of("Body", "", body))


def _unit(display: str) -> Element:
    unit = known(display)
    code = unit.cefact if unit else ""
    number = int.from_bytes(code.encode("ascii"), "big") if code else -1
    return _object(
        888,
        _of(
            "EUInformation",
            "",
            _of("NamespaceUri", _UNITS),
            _of("UnitId", str(number)),
            _of("DisplayName", "", _of("Text", display)),
            _of("Description", "", _of("Text", unit.ucum if unit and unit.ucum else display)),
        ),
    )


def _range(low: float, high: float) -> Element:
    return _object(885, _of("Range", "", _of("Low", repr(float(low))), _of("High", repr(float(high)))))


def _argument(given: Argument) -> Element:
    data_type = standard.ALIASES[_DATA_TYPES[given.kind]].identifier
    return _object(
        297,
        _of(
            "Argument",
            "",
            _of("Name", given.key),
            _of("DataType", "", _of("Identifier", data_type)),
            _of("ValueRank", "-1"),
            _of("ArrayDimensions"),
            _of("Description", "", _of("Locale", "zh-CN"), _of("Text", given.name.zh)),
        ),
    )
