"""A NodeSet as a NodeSet2 file (OPC 10000-6 Annex F)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import StringIO

from gongfu.network.models.nodeset.elements import NAMESPACE, TYPE
from gongfu.network.models.nodeset.nodes import (
    BrowseName,
    Definition,
    Element,
    LocalText,
    Model,
    Node,
    NodeId,
    NodeSet,
    node_id_text,
)

_PREFIXES = {
    "http://opcfoundation.org/UA/2008/02/Types.xsd": "uax",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
    "http://www.w3.org/2001/XMLSchema": "xsd",
    "http://www.w3.org/XML/1998/namespace": "xml",
}
_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_ATTRIBUTE = {**_TEXT, '"': "&quot;", "\n": "&#10;", "\t": "&#9;"}
_TEXT_CHARACTERS = re.compile("[" + "".join(_TEXT) + "]")
_ATTRIBUTE_CHARACTERS = re.compile("[" + "".join(_ATTRIBUTE) + "]")
Attributes = Iterable[tuple[str, str]]


def write(nodeset: NodeSet) -> bytes:
    """The file, in UTF-8. Reading it again gives an equal information model."""
    return _Writer(nodeset).document().encode()


class _Writer:
    def __init__(self, nodeset: NodeSet) -> None:
        self.nodeset = nodeset
        # Of a namespace that is declared twice the first index.
        self.indexes = {uri: index for index, uri in reversed(list(enumerate(nodeset.namespaces)))}
        self.aliases: dict[NodeId, str] = {}
        for name, node in nodeset.aliases:
            self.aliases.setdefault(node, name)
        self.out = StringIO()

    def document(self) -> str:
        modified = [("LastModified", self.nodeset.last_modified)] if self.nodeset.last_modified else []
        self.out.write('<?xml version="1.0" encoding="utf-8"?>\n<UANodeSet' + _attributes(modified))
        self.out.write(_attributes(self.nodeset.further))
        self.out.write(f' xmlns="{NAMESPACE}"')
        for uri, prefix in _PREFIXES.items():
            if prefix != "xml":
                self.out.write(f' xmlns:{prefix}="{uri}"')
        self.out.write(">\n")
        self._uris("NamespaceUris", self.nodeset.namespaces[1:])
        self._uris("ServerUris", self.nodeset.server_uris)
        self.out.write("<Models>\n")
        for model in self.nodeset.models:
            self._model(model)
        self.out.write("</Models>\n")
        if self.nodeset.aliases:
            self.out.write("<Aliases>\n")
            for name, meant in self.nodeset.aliases:
                self.out.write(f"  <Alias{_attributes([('Alias', name)])}>{_escaped(self._id(meant))}</Alias>\n")
            self.out.write("</Aliases>\n")
        if self.nodeset.extensions:
            self._element(Element("Extensions", children=self.nodeset.extensions), NAMESPACE, "")
        for node in self.nodeset.nodes.values():
            self._node(node)
        self.out.write("</UANodeSet>\n")
        return self.out.getvalue()

    def _uris(self, name: str, uris: Iterable[str]) -> None:
        lines = "".join(f"  <Uri>{_escaped(uri)}</Uri>\n" for uri in uris)
        if lines:
            self.out.write(f"<{name}>\n{lines}</{name}>\n")

    def _model(self, model: Model) -> None:
        named = [("ModelUri", model.uri), ("Version", model.version), ("PublicationDate", model.published)]
        self.out.write(f"  <Model{_attributes([pair for pair in named if pair[1]])}{_attributes(model.further)}>\n")
        for extra in model.extras:
            self._element(extra, NAMESPACE, "    ")
        for needed in model.requires:
            pairs = [("ModelUri", needed.uri), ("Version", needed.version), ("PublicationDate", needed.published)]
            given = _attributes([pair for pair in pairs if pair[1]]) + _attributes(needed.further)
            self.out.write(f"    <RequiredModel{given}/>\n")
        self.out.write("  </Model>\n")

    def _node(self, node: Node) -> None:
        given: list[tuple[str, str]] = [
            ("NodeId", self._id(node.id)),
            ("BrowseName", self._browse_name(node.browse_name)),
        ]
        if node.parent is not None:
            given.append(("ParentNodeId", self._id(node.parent)))
        if node.data_type is not None:
            given.append(("DataType", self._named(node.data_type)))
        if node.value_rank != -1:
            given.append(("ValueRank", str(node.value_rank)))
        if node.is_abstract:
            given.append(("IsAbstract", "true"))
        if node.method_declaration is not None:
            given.append(("MethodDeclarationId", self._id(node.method_declaration)))
        name = node.node_class.value
        self.out.write(f"<{name}{_attributes(given)}{_attributes(node.further)}>\n")
        self._texts("DisplayName", node.names)
        self._texts("Description", node.descriptions)
        for category in node.categories:
            self.out.write(f"  <Category>{_escaped(category)}</Category>\n")
        if node.documentation:
            self.out.write(f"  <Documentation>{_escaped(node.documentation)}</Documentation>\n")
        if node.references:
            self.out.write("  <References>\n")
            for reference in node.references:
                ahead = [] if reference.forward else [("IsForward", "false")]
                attributes = _attributes([("ReferenceType", self._named(reference.type)), *ahead])
                self.out.write(f"    <Reference{attributes}>{_escaped(self._id(reference.target))}</Reference>\n")
            self.out.write("  </References>\n")
        if node.value is not None:
            self._element(Element("Value", children=(node.value,)), NAMESPACE, "  ")
        self._texts("InverseName", node.inverse_names)
        if node.definition is not None:
            self._definition(node.definition)
        for extra in node.extras:
            self._element(extra, NAMESPACE, "  ")
        self.out.write(f"</{name}>\n")

    def _definition(self, definition: Definition) -> None:
        flags = [("IsUnion", definition.is_union), ("IsOptionSet", definition.is_option_set)]
        given = [("Name", definition.name), *((name, "true") for name, is_set in flags if is_set)]
        self.out.write(f"  <Definition{_attributes(given)}{_attributes(definition.further)}>\n")
        for extra in definition.extras:
            self._element(extra, NAMESPACE, "    ")
        for field in definition.fields:
            pairs = [("Name", field.name)]
            if field.data_type is not None:
                pairs.append(("DataType", self._named(field.data_type)))
            if field.value_rank != -1:
                pairs.append(("ValueRank", str(field.value_rank)))
            if field.value is not None:
                pairs.append(("Value", str(field.value)))
            self.out.write(f"    <Field{_attributes(pairs)}{_attributes(field.further)}>\n")
            self._texts("DisplayName", field.names)
            self._texts("Description", field.descriptions)
            for extra in field.extras:
                self._element(extra, NAMESPACE, "      ")
            self.out.write("    </Field>\n")
        self.out.write("  </Definition>\n")

    def _texts(self, name: str, texts: Iterable[LocalText]) -> None:
        for text in texts:
            locale = [("Locale", text.locale)] if text.locale else []
            self.out.write(f"  <{name}{_attributes(locale)}>{_escaped(text.text)}</{name}>\n")

    def _element(self, element: Element, inside: str, indent: str, *, mixed: bool = False) -> None:
        """``inside`` is the default namespace where it is written; no blanks are added where text is ``mixed`` in."""
        namespace, _, local = (
            element.name[1:].rpartition("}") if element.name[:1] == "{" else (NAMESPACE, "", element.name)
        )
        opening = local if namespace == inside else f'{local} xmlns="{_quoted(namespace)}"'
        further = "".join(_foreign(name, value, at) for at, (name, value) in enumerate(element.attributes))
        end = _escaped(element.tail) + ("" if mixed else "\n")
        self.out.write(f"{'' if mixed else indent}<{opening}{further}")
        if not element.text and not element.children:
            self.out.write("/>" + end)
            return
        within = bool(element.children) and bool(element.text or any(child.tail for child in element.children))
        self.out.write(">" + _escaped(element.text))
        if element.children and not within:
            self.out.write("\n")
        for child in element.children:
            self._element(child, namespace, indent + "  ", mixed=within)
        self.out.write(f"{'' if within or not element.children else indent}</{local}>" + end)

    def _id(self, node: NodeId) -> str:
        return node_id_text(node, self.indexes)

    def _named(self, node: NodeId) -> str:
        return self.aliases.get(node) or self._id(node)

    def _browse_name(self, name: BrowseName) -> str:
        index = self.indexes[name.namespace]
        # A name such as "1:x" of namespace 0 would be read as another one without its index.
        first, colon, _rest = name.name.partition(":")
        return f"{index}:{name.name}" if index or (colon and first.isdigit()) else name.name


def _foreign(name: str, value: str, at: int) -> str:
    """An attribute that may belong to a namespace; the ``at``-th of its element."""
    namespace, brace, local = name.rpartition("}")
    if not brace:
        return _attributes([(name, value)])
    declared = ""
    if name == TYPE and value[:1] == "{":
        of, _, kind = value[1:].rpartition("}")
        prefix = _PREFIXES.get(of)
        if prefix is None and of:
            prefix, declared = f"t{at}", f' xmlns:t{at}="{_quoted(of)}"'
        value = f"{prefix}:{kind}" if prefix else kind
    prefix = _PREFIXES.get(namespace)
    if prefix is None:
        prefix, declared = f"x{at}", f'{declared} xmlns:x{at}="{_quoted(namespace)}"'
    return declared + _attributes([(f"{prefix}:{local}", value)])


def _attributes(pairs: Attributes) -> str:
    return "".join(f' {name}="{_quoted(value)}"' for name, value in pairs)


def _quoted(text: str) -> str:
    return _ATTRIBUTE_CHARACTERS.sub(_in_attribute, text)


def _escaped(text: str) -> str:
    return _TEXT_CHARACTERS.sub(lambda found: _TEXT[found[0]], text)


def _in_attribute(found: re.Match[str]) -> str:
    return _ATTRIBUTE[found[0]]
