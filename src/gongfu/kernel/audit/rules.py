"""The chain: how an entry becomes bytes, and how those become its digest. No Django, no I/O."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

GENESIS = "0" * 64
"""What the first entry names as the digest of the one before it."""
MASK = "••••••"
_SECRET = re.compile(r"passw|secret|token|credential|private|digest|api_?key", re.IGNORECASE)

Scalar = str | int | float | bool | None
State = Mapping[str, Scalar]
"""Fields of a thing as they were: names to plain values."""


@dataclass(frozen=True)
class Link:
    """What the digest of one entry covers. ``time`` in ISO 8601 UTC with microseconds; states as canonical JSON."""

    sequence: int
    previous: str
    time: str
    actor: str
    organisation: int | None
    action: str
    object_type: str
    object_id: str
    object_label: str
    before: str
    after: str
    reason: str
    request_id: str
    address: str


def canonical(state: object) -> str:
    """JSON with sorted keys and no spaces: the same state always gives the same text."""
    return json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest(link: Link) -> str:
    """SHA-256 over the canonical JSON of ``link``, which holds the digest before it; 64 hexadecimal digits."""
    return hashlib.sha256(canonical(asdict(link)).encode()).hexdigest()


def masked(state: State) -> dict[str, Scalar]:
    """``state`` with the values of secret fields replaced, and what no database stores taken out of its texts."""
    return {name: MASK if value and _SECRET.search(name) else clean(value) for name, value in state.items()}


def clean(value: Scalar) -> Scalar:
    """Text without NUL and lone surrogates, at most 4000 characters; other values unchanged."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "replace").decode().replace("\0", "�")[:4000]


def changes(before: State, after: State) -> list[str]:
    """Names of the fields that differ, sorted."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
