"""How two NodeSets differ as information models: the order of things and the spelling of XML do not count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gongfu.network.models.nodeset.nodes import Model, Node, NodeId, NodeSet


class Difference(NamedTuple):
    """One thing that is not the same; ``None`` where it is not there."""

    node: NodeId | None
    """None when it concerns the file as a whole."""
    what: str
    before: object
    after: object


_FIELDS = (
    *("node_class", "browse_name", "names", "descriptions", "parent", "data_type", "value_rank", "is_abstract"),
    *("method_declaration", "definition", "value", "inverse_names", "categories", "documentation", "further", "extras"),
)


def differences(before: NodeSet, after: NodeSet) -> Iterator[Difference]:
    """Everything that differs, nodes in the order of ``before``."""
    for name in ("namespaces", "server_uris", "extensions", "last_modified", "further"):
        yield from _difference(None, name, getattr(before, name), getattr(after, name))
    yield from _difference(None, "models", _models(before), _models(after))
    for node in before.nodes.values():
        other = after.nodes.get(node.id)
        if other is None:
            yield Difference(node.id, "node", node.browse_name.name, None)
        else:
            yield from _of_node(node, other)
    for node in after.nodes.values():
        if node.id not in before.nodes:
            yield Difference(node.id, "node", None, node.browse_name.name)
    stated, other_stated = _references(before), _references(after)
    for way in sorted(stated - other_stated):
        yield Difference(way[0], "reference", way, None)
    for way in sorted(other_stated - stated):
        yield Difference(way[0], "reference", None, way)


def _of_node(before: Node, after: Node) -> Iterator[Difference]:
    if before == after:
        return
    for name in _FIELDS:
        yield from _difference(before.id, name, getattr(before, name), getattr(after, name))


def _difference(node: NodeId | None, what: str, before: object, after: object) -> Iterator[Difference]:
    if before != after:
        yield Difference(node, what, before, after)


def _models(nodeset: NodeSet) -> dict[str, Model]:
    return {model.uri: model._replace(requires=tuple(sorted(model.requires))) for model in nodeset.models}


def _references(nodeset: NodeSet) -> set[tuple[NodeId, NodeId, NodeId]]:
    """Source, type, target: the same whether source or target states it."""
    return {
        (node.id, reference.type, reference.target)
        if reference.forward
        else (reference.target, reference.type, node.id)
        for node in nodeset.nodes.values()
        for reference in node.references
    }
