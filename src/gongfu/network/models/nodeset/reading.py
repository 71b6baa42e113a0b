"""One NodeSet2 file to nodes (OPC 10000-6 Annex F)."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NoReturn

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset import elements
from gongfu.network.models.nodeset.elements import EnoughRead
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
    node_id,
)
from gongfu.network.models.nodeset.standard import ALIASES

MOST_NODES = 200_000
_CLASSES = {node_class.value: node_class for node_class in NodeClass}
_TAKEN = {
    *("NodeId", "BrowseName", "ParentNodeId", "DataType", "ValueRank", "IsAbstract", "MethodDeclarationId"),
}
_FIELD_TAKEN = {"Name", "DataType", "Value", "ValueRank"}
_EXTRAS = {"Extensions", "RolePermissions", "Translation", "ArgumentDescription"}


def read(path: Path) -> NodeSet:
    """The NodeSet in the file; raises :class:`Invalid` naming file, line, node and what is wrong."""
    try:
        with path.open("rb") as source:
            return parse(path.name, source)
    except OSError as error:
        raise _cannot_open(path, error) from error


def read_bytes(file: str, content: bytes) -> NodeSet:
    """The NodeSet in ``content``, called ``file`` in messages; raises :class:`Invalid`."""
    return parse(file, BytesIO(content))


def read_head(path: Path) -> NodeSet:
    """Namespaces and models only: reads no further than the first node. Raises :class:`Invalid`."""
    try:
        with path.open("rb") as source:
            return parse(path.name, source, head=True)
    except OSError as error:
        raise _cannot_open(path, error) from error


def parse(file: str, source: BinaryIO, *, head: bool = False) -> NodeSet:
    """The NodeSet in ``source``; raises :class:`Invalid`."""
    reader = _Reader(file, head)
    attributes = dict(elements.parse(file, source, reader.take))
    return NodeSet(
        file=file,
        namespaces=reader.namespaces,
        models=reader.offered(),
        nodes=reader.nodes,
        aliases=tuple(reader.aliases.items()),
        server_uris=reader.server_uris,
        extensions=reader.extensions,
        last_modified=attributes.pop("LastModified", ""),
        further=tuple((name, text) for name, text in sorted(attributes.items()) if "}" not in name),
        warnings=tuple(reader.warnings),
    )


def _cannot_open(path: Path, error: OSError) -> NotFound:
    return NotFound(mark("{file} cannot be opened: {reason}."), file=path.name, reason=error.strerror or error)


class _Reader:
    def __init__(self, file: str, head: bool) -> None:
        self.file = file
        self.head = head
        self.namespaces: tuple[str, ...] = (BASE,)
        self.server_uris: tuple[str, ...] = ()
        self.models: tuple[Model, ...] = ()
        self.aliases: dict[str, NodeId] = {}
        self.extensions: tuple[Element, ...] = ()
        self.nodes: dict[NodeId, Node] = {}
        self.warnings: list[str] = []
        self._known: dict[str, NodeId] = {}
        self._line = 0
        self._node = ""
        self._parts: dict[str, Callable[[Element], None]] = {
            "NamespaceUris": self._namespaces,
            "ServerUris": self._servers,
            "Models": self._models,
            "Aliases": self._aliases,
            "Extensions": self._extensions,
        }

    def take(self, element: Element, line: int) -> None:
        """One child of the root."""
        self._line, self._node = line, ""
        node_class = _CLASSES.get(element.name)
        if node_class is None:
            part = self._parts.get(element.name)
            if part is None:
                self._refuse(f"{element.local[:80]} has no place in a NodeSet")
            part(element)
            return
        if self.head:
            raise EnoughRead
        self._add(self._read_node(element, node_class))

    def offered(self) -> tuple[Model, ...]:
        """The models said to be in the file; of an old file without that, its first own namespace."""
        if self.models:
            return self.models
        own = self.namespaces[1] if len(self.namespaces) > 1 else BASE
        self.warnings.append("the file does not say which models it offers; taken from its first namespace")
        required = (BASE, *self.namespaces[2:]) if own != BASE else ()
        return (Model(own, requires=tuple(Requirement(uri) for uri in required)),)

    def _refuse(self, reason: str) -> NoReturn:
        raise Invalid(
            mark("{file}, line {line}, node {node}: {reason}."),
            remedy=mark("Correct the file, or get it again from whoever published it."),
            file=self.file,
            line=self._line,
            node=self._node or "–",
            reason=reason,
        )

    # the head of the file

    def _namespaces(self, element: Element) -> None:
        uris = tuple(child.text.strip() for child in element.children)
        if not all(uris):
            self._refuse("a namespace URI is empty")
        if len(set(uris)) < len(uris):
            self.warnings.append("a namespace URI is declared twice")
        # Index 0 is never listed; some tools list it all the same, and count from it.
        self.namespaces = uris if uris[:1] == (BASE,) else (BASE, *uris)

    def _servers(self, element: Element) -> None:
        self.server_uris = tuple(child.text.strip() for child in element.children)

    def _models(self, element: Element) -> None:
        self.models = tuple(self._model(child) for child in element.children if child.local == "Model")

    def _model(self, element: Element) -> Model:
        attributes = dict(element.attributes)
        uri = attributes.pop("ModelUri", "")
        if not uri:
            self._refuse("a model has no ModelUri")
        required = []
        extras = []
        for child in element.children:
            if child.local == "RequiredModel":
                stated = dict(child.attributes)
                needed = stated.pop("ModelUri", "")
                if not needed:
                    self._refuse(f"a model that {uri} requires has no ModelUri")
                version, published = stated.pop("Version", ""), stated.pop("PublicationDate", "")
                required.append(Requirement(needed, version, published, tuple(sorted(stated.items()))))
            else:
                extras.append(child)
        return Model(
            uri=uri,
            version=attributes.pop("Version", ""),
            published=attributes.pop("PublicationDate", ""),
            requires=tuple(required),
            further=tuple(sorted(attributes.items())),
            extras=tuple(extras),
        )

    def _aliases(self, element: Element) -> None:
        for child in element.children:
            name = child.attribute("Alias")
            self._node = f"alias {name[:80]}"
            if not name:
                self._refuse("an alias has no name")
            self.aliases[name] = self._id(child.text)

    def _extensions(self, element: Element) -> None:
        self.extensions = element.children

    # nodes

    def _add(self, node: Node) -> None:
        if node.id in self.nodes:
            self._refuse("the same NodeId is there twice")
        if len(self.nodes) >= MOST_NODES:
            self._refuse(f"there are more than {MOST_NODES} nodes")
        self.nodes[node.id] = node

    def _id(self, text: str) -> NodeId:
        known = self._known.get(text)
        if known is None and "=" not in text and (text.strip() in self.aliases or text.strip() in ALIASES):
            return self._named(text)
        if known is None:
            try:
                known = self._known[text] = node_id(text, self.namespaces)
            except ValueError as error:
                self._refuse(str(error))
        return known

    def _named(self, text: str) -> NodeId:
        """A NodeId or an alias of one."""
        name = text.strip()
        if "=" in name:
            return self._id(name)
        found = self.aliases.get(name)
        if found is None:
            found = ALIASES.get(name)
            if found is None:
                self._refuse(f"{name[:80]!r} is neither a NodeId nor a declared alias")
            self.warnings.append(f"alias {name} is used and not declared")
            self.aliases[name] = found
        return found

    def _browse_name(self, text: str) -> BrowseName:
        index, colon, name = text.partition(":")
        if colon and index.isascii() and index.isdigit():
            if int(index[:9]) >= len(self.namespaces):
                self._refuse(f"the browse name {text[:80]!r} counts a namespace the file does not declare")
            return BrowseName(self.namespaces[int(index)], name)
        return BrowseName(BASE, text)

    def _read_node(self, element: Element, node_class: NodeClass) -> Node:
        attributes = dict(element.attributes)
        self._node = attributes.get("NodeId", "")[:120]
        if not self._node:
            self._refuse(f"a {element.name} has no NodeId")
        if not attributes.get("BrowseName"):
            self._refuse("it has no BrowseName")
        texts: dict[str, list[LocalText]] = {"DisplayName": [], "Description": [], "InverseName": []}
        references: tuple[Reference, ...] = ()
        categories, documentation, extras = [], "", []
        definition, value = None, None
        for child in element.children:
            name = child.name
            if name in texts:
                texts[name].append(_text(child))
            elif name == "References":
                references = tuple(self._reference(reference) for reference in child.children)
            elif name == "Value":
                value = child.children[0] if child.children else None
                if len(child.children) > 1 or (not child.children and child.text.strip()):
                    self.warnings.append(f"{self._node}: its value is not one element")
                    value = None
                    extras.append(child)
            elif name == "Definition":
                definition = self._definition(child)
            elif name == "Category":
                categories.append(child.text.strip())
            elif name == "Documentation":
                documentation = child.text.strip()
            elif name in _EXTRAS:
                extras.append(child)
            else:
                self.warnings.append(f"{self._node}: {child.local[:80]} has no place in a {element.name}")
                extras.append(child)
        own = self._id(attributes["NodeId"])
        parent, data_type = attributes.get("ParentNodeId"), attributes.get("DataType")
        method = attributes.get("MethodDeclarationId")
        return Node(
            id=own,
            node_class=node_class,
            browse_name=self._browse_name(attributes["BrowseName"]),
            names=tuple(texts["DisplayName"]),
            descriptions=tuple(texts["Description"]),
            references=references,
            parent=self._id(parent) if parent else None,
            data_type=self._named(data_type) if data_type else None,
            value_rank=self._integer(attributes.get("ValueRank", "-1"), "ValueRank"),
            is_abstract=_is_set(attributes.get("IsAbstract", "")),
            method_declaration=self._id(method) if method else None,
            definition=definition,
            value=value,
            inverse_names=tuple(texts["InverseName"]),
            categories=tuple(categories),
            documentation=documentation,
            further=tuple((name, text) for name, text in element.attributes if name not in _TAKEN),
            extras=tuple(extras),
        )

    def _integer(self, text: str, what: str) -> int:
        try:
            return int(text.strip() or "-1")
        except ValueError:
            self._refuse(f"{what} {text[:40]!r} is no whole number")

    def _reference(self, element: Element) -> Reference:
        forward = element.attribute("IsForward").strip().lower() not in ("false", "0")
        return Reference(self._named(element.attribute("ReferenceType")), self._id(element.text), forward)

    def _definition(self, element: Element) -> Definition:
        attributes = dict(element.attributes)
        return Definition(
            name=attributes.pop("Name", ""),
            fields=tuple(self._field(child) for child in element.children if child.local == "Field"),
            is_union=_is_set(attributes.pop("IsUnion", "")),
            is_option_set=_is_set(attributes.pop("IsOptionSet", "")),
            further=tuple(sorted(attributes.items())),
            extras=tuple(child for child in element.children if child.local != "Field"),
        )

    def _field(self, element: Element) -> Field:
        attributes = dict(element.attributes)
        if not attributes.get("Name"):
            self._refuse("a field of its definition has no name")
        data_type, value = attributes.get("DataType"), attributes.get("Value")
        return Field(
            name=attributes["Name"],
            data_type=self._named(data_type) if data_type else None,
            value=self._integer(value, f"value of field {attributes['Name'][:80]}") if value is not None else None,
            value_rank=self._integer(attributes.get("ValueRank", "-1"), "ValueRank"),
            names=tuple(_text(child) for child in element.children if child.name == "DisplayName"),
            descriptions=tuple(_text(child) for child in element.children if child.name == "Description"),
            further=tuple((name, text) for name, text in element.attributes if name not in _FIELD_TAKEN),
            extras=tuple(child for child in element.children if child.name not in ("DisplayName", "Description")),
        )


def _is_set(text: str) -> bool:
    return text.strip().lower() in ("true", "1")


def _text(element: Element) -> LocalText:
    return LocalText(element.attribute("Locale"), element.text)
