"""Which information model a found device may follow, and which of its points are that model's tags. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gongfu.network.drivers.contract import Identity, Point
from gongfu.network.models import library, proposing
from gongfu.network.models.proposing import DeviceFacts, TagFacts
from gongfu.network.models.types import Kind

MOST = 3
_KINDS: dict[str, Kind] = {"text": "text", "boolean": "boolean", "array": "array"}
_LOOKED_AT = 60
"""Points that are compared with every model: a machine's own come first."""


class Proposed(NamedTuple):
    """A type of the library and how sure it is, 0 to 1."""

    type: str
    score: float


def propose(identity: Identity, points: Sequence[Point]) -> list[Proposed]:
    """Types that may fit, best first; by its name alone when it holds nothing that can be compared."""
    facts = _facts(identity, points)
    models = library.types()
    found = proposing.propose(facts, models, MOST) if facts.tags else proposing.by_name(facts, models, MOST)
    return [Proposed(proposal.model.id, proposal.score) for proposal in found]


def fitting(type_id: str, identity: Identity, points: Sequence[Point]) -> list[Point]:
    """Those of ``points`` that are tags of the type."""
    facts = _facts(identity, points)
    pairs = proposing.match(facts.tags, library.type_by_id(type_id))
    return [points[int(pair.device_tag)] for pair in sorted(pairs, key=lambda pair: int(pair.device_tag))]


def _facts(identity: Identity, points: Sequence[Point]) -> DeviceFacts:
    tags = [
        TagFacts(
            key=str(number),
            name=point.name,
            name_en=point.detail,
            kind=_KINDS.get(point.kind, "number"),
            unit=point.unit,
        )
        for number, point in enumerate(points[:_LOOKED_AT])
    ]
    return DeviceFacts(tags=tags, name=identity.detail, manufacturer=identity.vendor, product=identity.product)
