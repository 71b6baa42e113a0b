"""Several NodeSets joined: a node is found wherever it stands, references work from both ends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gongfu.kernel.errors import Invalid, NotFound
from gongfu.kernel.i18n import mark
from gongfu.network.models.nodeset import standard
from gongfu.network.models.nodeset.nodes import BASE, Node, NodeClass, NodeId, NodeSet

Way = tuple[NodeId, NodeId]
"""Reference type and the node at the other end."""
_TYPES = {NodeClass.OBJECT_TYPE, NodeClass.VARIABLE_TYPE, NodeClass.DATA_TYPE, NodeClass.REFERENCE_TYPE}
_ROOTS = {standard.BASE_OBJECT_TYPE, standard.BASE_VARIABLE_TYPE, standard.BASE_DATA_TYPE, standard.REFERENCES}


class Layer:
    """One NodeSet with its references by both ends, whichever end states them. Built once, used in many spaces."""

    def __init__(self, nodeset: NodeSet) -> None:
        self.nodeset = nodeset
        self.outgoing: dict[NodeId, list[Way]] = {}
        self.incoming: dict[NodeId, list[Way]] = {}
        stated: set[tuple[NodeId, NodeId, NodeId]] = set()
        for node in nodeset.nodes.values():
            for reference in node.references:
                source, target = (node.id, reference.target) if reference.forward else (reference.target, node.id)
                if (source, reference.type, target) in stated:
                    continue
                stated.add((source, reference.type, target))
                self.outgoing.setdefault(source, []).append((reference.type, target))
                self.incoming.setdefault(target, []).append((reference.type, source))


class Space:
    """A NodeSet, the last of ``layers``, and before it everything it requires."""

    def __init__(self, layers: Sequence[Layer], absent: Collection[str] = ()) -> None:
        self.layers = tuple(layers)
        self.absent = frozenset(absent)
        """Namespaces of required models that are not there."""
        self.main = layers[-1].nodeset
        self._supertypes: dict[NodeId, tuple[NodeId, ...]] = {}

    def find(self, node: NodeId) -> Node | None:
        """The node, from whichever file has it."""
        for layer in reversed(self.layers):
            found = layer.nodeset.nodes.get(node)
            if found is not None:
                return found
        return None

    def node(self, node: NodeId) -> Node:
        """The node; raises :class:`NotFound`."""
        found = self.find(node)
        if found is None:
            raise NotFound(
                mark("{file}: there is no node {node}, nor in the models it requires."),
                remedy=mark("Add the file of the model that has it."),
                file=self.main.file,
                node=node,
            )
        return found

    def outgoing(self, node: NodeId) -> Iterator[Way]:
        """Reference type and target of every reference from ``node``."""
        for layer in self.layers:
            yield from layer.outgoing.get(node, ())

    def incoming(self, node: NodeId) -> Iterator[Way]:
        """Reference type and source of every reference to ``node``."""
        for layer in self.layers:
            yield from layer.incoming.get(node, ())

    def targets(self, node: NodeId, of: NodeId) -> list[NodeId]:
        """Where references of type ``of`` or a subtype of it lead from ``node``, each once."""
        return list(dict.fromkeys(target for kind, target in self.outgoing(node) if self.is_a(kind, of)))

    def target(self, node: NodeId, of: NodeId) -> NodeId | None:
        """The first of :meth:`targets`."""
        return next((target for kind, target in self.outgoing(node) if self.is_a(kind, of)), None)

    def supertype(self, node: NodeId) -> NodeId | None:
        """The type right above a type."""
        stated = next((source for kind, source in self.incoming(node) if kind == standard.HAS_SUBTYPE), None)
        return stated or standard.SUPERTYPES.get(node)

    def supertypes(self, node: NodeId) -> tuple[NodeId, ...]:
        """Types above a type, nearest first; raises :class:`Invalid` where they go in a circle."""
        known = self._supertypes.get(node)
        if known is not None:
            return known
        chain: list[NodeId] = []
        here = node
        while above := self.supertype(here):
            if above == node or above in chain:
                raise self._refuse(node, f"it is a subtype of itself through {above}")
            chain.append(above)
            here = above
        self._supertypes[node] = tuple(chain)
        return self._supertypes[node]

    def is_a(self, node: NodeId, of: NodeId) -> bool:
        """Whether a type is ``of`` or below it."""
        return node == of or of in self.supertypes(node)

    def types(self, node_class: NodeClass = NodeClass.OBJECT_TYPE) -> list[Node]:
        """The main file's types of one class."""
        return [node for node in self.main.nodes.values() if node.node_class is node_class]

    def check(self) -> list[str]:
        """What is wrong and harmless, in words; raises :class:`Invalid` for what makes the model unusable.

        Unusable: a missing supertype, a circle of types, a parent missing from the file itself.
        Harmless: a type without supertype, references to nodes of models that were not required, or that a newer
        version dropped.
        """
        warnings: list[str] = []
        offered = {model.uri for layer in self.layers for model in layer.nodeset.models}
        own = {model.uri for model in self.main.models}
        for node in self.main.nodes.values():
            if node.node_class in _TYPES and node.id not in _ROOTS:
                above = self.supertype(node.id)
                if above is None:
                    warnings.append(f"{node.id}: the type has no supertype")
                elif self._lost(above):
                    raise self._refuse(node.id, f"its supertype {above} is missing")
                self.supertypes(node.id)
            if node.parent is not None and self._lost(node.parent):
                if node.parent.namespace in own and not self._stands_elsewhere(node):
                    raise self._refuse(node.id, f"its parent {node.parent} is missing")
                warnings.append(f"{node.id}: its parent {node.parent} is missing")
            if node.data_type is not None and self._lost(node.data_type):
                warnings.append(f"{node.id}: its data type {node.data_type} is missing")
            for reference in node.references:
                if self._lost(reference.type):
                    warnings.append(f"{node.id}: reference type {reference.type} is missing")
                elif self._lost(reference.target) and reference.target != node.parent:
                    where = "missing" if reference.target.namespace in offered else "in a model that is not required"
                    warnings.append(f"{node.id}: {reference.target} is {where}")
        if len(self.layers) == 1 and own != {BASE}:
            warnings.append("the file requires no other model, not even the one of OPC UA itself")
        self._check_parents()
        return warnings

    def _stands_elsewhere(self, node: Node) -> bool:
        """Whether a hierarchical reference leads to it from a node that is there: ParentNodeId only repeats one."""
        return any(
            source != node.parent and not self._lost(source) and self.is_a(kind, standard.HIERARCHICAL)
            for kind, source in self.incoming(node.id)
        )

    def _lost(self, node: NodeId) -> bool:
        return node.namespace not in self.absent and self.find(node) is None

    def _check_parents(self) -> None:
        """No node is, through its parents, its own parent."""
        safe: set[NodeId] = set()
        for start in self.main.nodes.values():
            path: dict[NodeId, None] = {}
            here: Node | None = start
            while here is not None and here.id not in safe:
                if here.id in path:
                    raise self._refuse(here.id, "it is its own parent, through its parents")
                path[here.id] = None
                here = self.main.nodes.get(here.parent) if here.parent else None
            safe.update(path)

    def _refuse(self, node: NodeId, reason: str) -> Invalid:
        return Invalid(
            mark("{file}, node {node}: {reason}."),
            remedy=mark("Correct the file, or get it again from whoever published it."),
            file=self.main.file,
            node=node,
            reason=reason,
        )
