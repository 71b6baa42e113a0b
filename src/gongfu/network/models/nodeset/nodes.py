"""What a NodeSet holds: nodes, references, data types, and values as XML trees (OPC 10000-6 Annex F)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

BASE = "http://opcfoundation.org/UA/"
"""Namespace 0: what every server has."""


class NodeId(NamedTuple):
    """A node anywhere: namespace URI and ``i=…``, ``s=…``, ``g=…`` or ``b=…``."""

    namespace: str
    identifier: str

    def __str__(self) -> str:
        return self.identifier if self.namespace == BASE else f"nsu={self.namespace};{self.identifier}"


class BrowseName(NamedTuple):
    """A name that programs use; unique among the children of a node."""

    namespace: str
    name: str


class LocalText(NamedTuple):
    """A text for people in one language; an empty locale means that none is said."""

    locale: str
    text: str


class NodeClass(StrEnum):
    """The eight classes (OPC 10000-3 §5), as elements of the file are called."""

    OBJECT = "UAObject"
    VARIABLE = "UAVariable"
    METHOD = "UAMethod"
    VIEW = "UAView"
    OBJECT_TYPE = "UAObjectType"
    VARIABLE_TYPE = "UAVariableType"
    DATA_TYPE = "UADataType"
    REFERENCE_TYPE = "UAReferenceType"


class Reference(NamedTuple):
    """A typed way from or, when not ``forward``, to the node that states it."""

    type: NodeId
    target: NodeId
    forward: bool


@dataclass(frozen=True, slots=True)
class Element:
    """A piece of XML whose meaning depends on a data type: a value, an extension. Blanks that indent count as none."""

    name: str
    """Local name after its namespace in braces, none for the namespace of NodeSets: ``{http://…}ListOfInt32``."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Sorted."""
    text: str = ""
    """Up to the first child."""
    children: tuple[Element, ...] = ()
    tail: str = ""
    """What follows it inside its parent, where that mixes text and elements."""

    @property
    def local(self) -> str:
        """Name without namespace."""
        return self.name.rpartition("}")[2]

    def child(self, local: str) -> Element | None:
        """The first child called so in any namespace."""
        return next((child for child in self.children if child.local == local), None)

    def attribute(self, name: str) -> str:
        """Value of an attribute, empty when it is not there."""
        return next((value for key, value in self.attributes if key == name), "")


class Field(NamedTuple):
    """A field of a structure, or a value of an enumeration."""

    name: str
    data_type: NodeId | None
    """None for an enumeration's value, or where BaseDataType is meant."""
    value: int | None = None
    """Number of an enumeration's value or of an option's bit."""
    value_rank: int = -1
    names: tuple[LocalText, ...] = ()
    descriptions: tuple[LocalText, ...] = ()
    further: tuple[tuple[str, str], ...] = ()
    """Other attributes as they stand, sorted: IsOptional, AllowSubTypes, ArrayDimensions, MaxStringLength, …"""
    extras: tuple[Element, ...] = ()
    """Other elements: the definition of an inner structure, as the first versions of the schema had it."""


class Definition(NamedTuple):
    """How a data type is built."""

    name: str
    fields: tuple[Field, ...]
    is_union: bool = False
    is_option_set: bool = False
    further: tuple[tuple[str, str], ...] = ()
    extras: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One node with what its file says of it."""

    id: NodeId
    node_class: NodeClass
    browse_name: BrowseName
    names: tuple[LocalText, ...] = ()
    descriptions: tuple[LocalText, ...] = ()
    references: tuple[Reference, ...] = ()
    parent: NodeId | None = None
    data_type: NodeId | None = None
    value_rank: int = -1
    is_abstract: bool = False
    method_declaration: NodeId | None = None
    definition: Definition | None = None
    value: Element | None = None
    inverse_names: tuple[LocalText, ...] = ()
    categories: tuple[str, ...] = ()
    documentation: str = ""
    further: tuple[tuple[str, str], ...] = ()
    """Other attributes as they stand, sorted: AccessLevel, EventNotifier, Historizing, ReleaseStatus, …"""
    extras: tuple[Element, ...] = ()
    """Extensions, RolePermissions, Translation and ArgumentDescription, as they stand."""

    def display(self, language: str = "") -> str:
        """The name for people in ``language`` such as ``zh`` or ``en``; else the first; else the browse name."""
        wanted = language[:2].lower()
        for text in self.names:
            if wanted and text.locale.lower().startswith(wanted):
                return text.text
        return self.names[0].text if self.names else self.browse_name.name

    def describe(self, language: str = "") -> str:
        """The description in ``language``, else the first, else nothing."""
        wanted = language[:2].lower()
        for text in self.descriptions:
            if wanted and text.locale.lower().startswith(wanted):
                return text.text
        return self.descriptions[0].text if self.descriptions else ""


class Requirement(NamedTuple):
    """A model that another one builds on, in at least this version."""

    uri: str
    version: str = ""
    published: str = ""
    further: tuple[tuple[str, str], ...] = ()
    """Other attributes, sorted: XmlSchemaUri, ModelVersion."""


class Model(NamedTuple):
    """What a file offers."""

    uri: str
    version: str = ""
    published: str = ""
    """Date and time as ISO 8601."""
    requires: tuple[Requirement, ...] = ()
    further: tuple[tuple[str, str], ...] = ()
    extras: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeSet:
    """One file."""

    file: str
    """Its name, for messages."""
    namespaces: tuple[str, ...]
    """By index; the first is :data:`BASE`. Values inside :attr:`Node.value` count by them."""
    models: tuple[Model, ...]
    nodes: dict[NodeId, Node]
    aliases: tuple[tuple[str, NodeId], ...] = ()
    server_uris: tuple[str, ...] = ()
    extensions: tuple[Element, ...] = ()
    last_modified: str = ""
    further: tuple[tuple[str, str], ...] = ()
    """Other attributes of the file, sorted: Version, as the first versions of the schema had it."""
    warnings: tuple[str, ...] = ()
    """What is against the specification and could be understood nevertheless."""


_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def node_id(text: str, namespaces: tuple[str, ...]) -> NodeId:
    """The node that ``text`` names (OPC 10000-6 §5.3.1.10); raises :class:`ValueError` saying what is wrong."""
    rest, uri = text.strip(), namespaces[0]
    if rest.startswith("svr="):
        number, _, rest = rest[4:].partition(";")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f"{text[:80]!r} is no NodeId")
        there = node_id(rest, namespaces)
        # A node of another server is none of ours, whatever it is called.
        return (
            there if int(number[:9]) == 0 else NodeId(f"svr={int(number[:9])};nsu={there.namespace}", there.identifier)
        )
    if rest.startswith("nsu="):
        uri, _, rest = rest[4:].partition(";")
    elif rest.startswith("ns="):
        number, _, rest = rest[3:].partition(";")
        if not (number.isascii() and number.isdigit()) or int(number[:9]) >= len(namespaces):
            raise ValueError(f"{text[:80]!r} counts a namespace the file does not declare")
        uri = namespaces[int(number)]
    kind, value = rest[:2], rest[2:]
    if kind == "i=" and value.isascii() and value.isdigit() and len(value) <= 10 and int(value) < 2**32:
        return NodeId(uri, f"i={int(value)}")
    if kind == "s=" and value:
        return NodeId(uri, rest)
    if kind == "g=" and _GUID.fullmatch(value):
        return NodeId(uri, f"g={value.lower()}")
    if kind == "b=" and value:
        return NodeId(uri, rest)
    raise ValueError(f"{text[:80]!r} is no NodeId")


def node_id_text(node: NodeId, namespaces: dict[str, int]) -> str:
    """As a file with those namespaces writes it."""
    if node.namespace.startswith("svr="):
        return f"{node.namespace};{node.identifier}"
    index = namespaces.get(node.namespace)
    if index is None:
        return f"nsu={node.namespace};{node.identifier}"
    return f"ns={index};{node.identifier}" if index else node.identifier
