"""Which tag of an information model a point of a device is: by equal names, then by likeness. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from gongfu.network.models import proposing
from gongfu.network.models.proposing import TagFacts
from gongfu.network.models.types import DeviceType, Kind

_KINDS: dict[str, Kind] = {"text": "text", "array": "array"}
"""What is told apart when likeness is looked for; on/off is a number there."""
SURE = 0.6
"""A likeness below this is not proposed: an empty meaning is filled in sooner than a wrong one is noticed."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A point that wants a meaning."""

    address: str
    name: str
    unit: str = ""
    kind: str = "number"


def propose(model: DeviceType, candidates: Sequence[Candidate]) -> list[str]:
    """The key of the model's tag for each candidate, in their order; empty where none fits. No key is given twice."""
    known = {plain(word): tag.key for tag in model.tags for word in (tag.name.en, tag.name.zh, tag.key)}
    free = {tag.key for tag in model.tags}
    keys = []
    for candidate in candidates:
        words = (candidate.name, candidate.address.rpartition("/")[2], candidate.address.rpartition(".")[2])
        key = next((known[plain(word)] for word in words if plain(word) in known), "")
        keys.append(key if key in free else "")
        free.discard(key)
    facts = [
        TagFacts(key=str(number), name=one.name, kind=_KINDS.get(one.kind, "number"), unit=one.unit)
        for number, one in enumerate(candidates)
        if not keys[number] and one.name
    ]
    for pair in proposing.match(facts, model):
        if pair.score >= SURE and pair.model_tag in free:
            keys[int(pair.device_tag)] = pair.model_tag
            free.discard(pair.model_tag)
    return keys


def plain(word: str) -> str:
    """``word`` without what writers differ in: case, spaces, dashes, underscores, camel case."""
    return re.sub(r"[\s_\-.]+", "", word).casefold()
