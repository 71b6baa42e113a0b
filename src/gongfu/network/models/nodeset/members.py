"""What a type offers, with everything it inherits: the information model as an engineer reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset import standard
from gongfu.network.models.nodeset.nodes import BrowseName, Element, Field, Node, NodeClass, NodeId
from gongfu.network.models.nodeset.space import Space

_DEEPEST = 8
MOST_MEMBERS = 20_000
"""Of one type; the largest public one has about a thousand."""
_UNITS = "http://www.opcfoundation.org/UA/units/un/cefact"


class Unit(NamedTuple):
    """A unit as EUInformation tells it (OPC 10000-8 §5.6.3)."""

    display: str
    description: str = ""
    code: str = ""
    """UN/CEFACT common code, empty in another system of units."""


class Member(NamedTuple):
    """Something that every instance of a type has, or may have."""

    browse_name: BrowseName
    node: Node
    rule: str
    """``Mandatory``, ``Optional``, ``MandatoryPlaceholder``, ``OptionalPlaceholder``, ``ExposesItsArray``."""
    type_definition: NodeId | None
    declared_by: NodeId
    """The type that brings it in."""
    members: tuple[Member, ...] = ()
    unit: Unit | None = None
    low: float | None = None
    high: float | None = None

    def walk(self, above: str = "") -> Iterator[tuple[str, Member]]:
        """Itself and everything below with its path of browse names, ``Axis/ActualPosition``."""
        path = f"{above}/{self.browse_name.name}" if above else self.browse_name.name
        yield path, self
        for member in self.members:
            yield from member.walk(path)


class TypeModel(NamedTuple):
    """An object or variable type."""

    node: Node
    supertypes: tuple[NodeId, ...]
    members: tuple[Member, ...]

    def walk(self) -> Iterator[tuple[str, Member]]:
        """Every member at every depth with its path."""
        for member in self.members:
            yield from member.walk()


def type_model(space: Space, type_id: NodeId) -> TypeModel:
    """The type with its members, inherited ones included; one that is declared again nearer replaces the farther.

    Raises :class:`NotFound` for a type that is nowhere, :class:`Invalid` for types in a circle.
    """
    node = space.node(type_id)
    members = _members_of_type(space, type_id, (), _Left(type_id))
    return TypeModel(node, space.supertypes(type_id), tuple(members.values()))


class _Left:
    """How many members may still be found: shared parts of parts multiply."""

    def __init__(self, type_id: NodeId) -> None:
        self.type_id = type_id
        self.number = MOST_MEMBERS

    def take(self, space: Space) -> None:
        self.number -= 1
        if self.number < 0:
            raise Invalid(
                mark("{file}, node {node}: {reason}."),
                remedy=mark("Correct the file, or get it again from whoever published it."),
                file=space.main.file,
                node=self.type_id,
                reason=f"the type has more than {MOST_MEMBERS} members",
            )


def _members_of_type(space: Space, type_id: NodeId, above: tuple[NodeId, ...], left: _Left) -> dict[BrowseName, Member]:
    members: dict[BrowseName, Member] = {}
    for declaring in (*reversed(space.supertypes(type_id)), type_id):
        for interface in space.targets(declaring, standard.HAS_INTERFACE):
            if interface not in above:
                members.update(_members_of_type(space, interface, (*above, interface), left))
        for member in _children(space, declaring, declaring, (*above, declaring), left):
            members[member.browse_name] = member
    return members


def _children(
    space: Space, parent: NodeId, declared_by: NodeId, above: tuple[NodeId, ...], left: _Left
) -> Iterator[Member]:
    """Instance declarations below ``parent``: components, properties, add-ins, what it organises."""
    if len(above) > _DEEPEST:
        return
    seen = set()
    for kind, target in space.outgoing(parent):
        if target in seen or target in above or not _holds(space, kind):
            continue
        child = space.find(target)
        if child is None or child.node_class not in (NodeClass.OBJECT, NodeClass.VARIABLE, NodeClass.METHOD):
            continue
        rule = space.target(target, standard.HAS_MODELLING_RULE)
        if rule is None:
            continue  # belongs to the type itself, as its enumeration strings do
        seen.add(target)
        left.take(space)
        yield _member(space, child, standard.RULES.get(rule, ""), declared_by, above, left)


def _holds(space: Space, kind: NodeId) -> bool:
    return space.is_a(kind, standard.AGGREGATES) or space.is_a(kind, standard.ORGANIZES)


def _member(space: Space, node: Node, rule: str, declared_by: NodeId, above: tuple[NodeId, ...], left: _Left) -> Member:
    definition = space.target(node.id, standard.HAS_TYPE_DEFINITION)
    members = {child.browse_name: child for child in _children(space, node.id, declared_by, (*above, node.id), left)}
    unit, (low, high) = None, (None, None)
    for child in members.values():
        if child.browse_name.name == "EngineeringUnits" and child.node.value is not None:
            unit = unit_of(child.node.value)
        elif child.browse_name.name == "EURange" and child.node.value is not None:
            low, high = range_of(child.node.value)
    return Member(node.browse_name, node, rule, definition, declared_by, tuple(members.values()), unit, low, high)


def unit_of(value: Element) -> Unit | None:
    """The unit in a value of type EUInformation; None when the value is something else."""
    body = _body(value, "EUInformation")
    if body is None:
        return None
    number, system = _text(body, "UnitId"), _text(body, "NamespaceUri")
    code = ""
    if system in (_UNITS, "") and number.isascii() and number.isdigit() and 0 < int(number[:10]) < 2**24:
        # OPC 10000-8 §5.6.3.3: the characters of the common code, each a byte, most significant first.
        code = int(number).to_bytes(3, "big").lstrip(b"\0").decode("ascii", "replace")
    display, description = body.child("DisplayName"), body.child("Description")
    return Unit(_text(display, "Text"), _text(description, "Text"), code)


def range_of(value: Element) -> tuple[float | None, float | None]:
    """Low and high of a value of type Range; None for what is not there."""
    body = _body(value, "Range")
    return _number(body, "Low"), _number(body, "High")


def enumeration(space: Space, type_id: NodeId) -> list[tuple[int, str]]:
    """Values and names of an enumeration, from its definition or its EnumStrings or EnumValues."""
    node = space.node(type_id)
    if node.definition is not None and node.definition.fields:
        return [(field.value or 0, _label(field)) for field in node.definition.fields]
    for target in space.targets(type_id, standard.HAS_PROPERTY):
        value = getattr(space.find(target), "value", None)
        if value is None:
            continue
        texts = [item for item in value.children if item.local == "LocalizedText"]
        if texts:
            return [(number, _text(item, "Text")) for number, item in enumerate(texts)]
        found = []
        for item in value.children:
            body = _body(item, "EnumValueType")
            number = _text(body, "Value")
            if number.lstrip("-").isdigit():
                found.append((int(number), _text(body.child("DisplayName") if body else None, "Text")))
        if found:
            return found
    return []


def _label(field: Field) -> str:
    return field.names[0].text if field.names else field.name


def _body(value: Element, kind: str) -> Element | None:
    if value.local == kind:
        return value
    if value.local != "ExtensionObject":
        return None
    body = value.child("Body")
    return body.child(kind) if body else None


def _text(element: Element | None, local: str) -> str:
    found = element.child(local) if element is not None else None
    return found.text.strip() if found is not None else ""


def _number(element: Element | None, local: str) -> float | None:
    text = _text(element, local)
    try:
        return float(text) if text else None
    except ValueError:
        return None
