"""Which tag of an information model a point of a device is: by equal keys and names, until something knows better."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from gongfu.network.models.types import DeviceType


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
    return keys


def plain(word: str) -> str:
    """``word`` without what writers differ in: case, spaces, dashes, underscores, camel case."""
    return re.sub(r"[\s_\-.]+", "", word).casefold()
