"""What search asks the store; every value is bound, none is written into the text."""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from typing import Final

_CONDITIONS: Final = {
    "tokens": "hasAll(words, {tokens:Array(String)})",
    "owners": "org IN {owners:Array(UInt32)}",
    "prefix": "prefix = {prefix:String}",
    "kind": "kind = {kind:String}",
    "type": "has(types, {type:String})",
    "industry": "industry = {industry:String}",
    "template": "template = {template:String}",
    "start": "modified >= {start:UInt32}",
    "end": "modified < {end:UInt32}",
    "prefixes": "prefix IN {prefixes:Array(String)}",
    "earlier": "(modified, key) < ({modified:UInt32}, {behind:String})",
    "behind": "(prefix, key) > ({behind_prefix:String}, {behind:String})",
}
CAP: Final = 10_000
"""Beyond this a count says "more than"."""


def where(names: list[str]) -> str:
    """The condition that holds all of ``names`` of :data:`_CONDITIONS`."""
    return " AND ".join(["deleted = 0", *(_CONDITIONS[name] for name in names)])


def latest(names: list[str]) -> str:
    """Candidates of one page, latest change first: for what few identifiers fit."""
    return (
        f"SELECT key, modified FROM identifiers WHERE {where(names)}"
        " ORDER BY modified DESC, key DESC LIMIT {limit:UInt32}"
    )


def in_order(names: list[str]) -> str:
    """Candidates of one page in the order they are stored in: ends as soon as the page is full."""
    return f"SELECT key, modified FROM identifiers WHERE {where(names)} ORDER BY prefix, key LIMIT {{limit:UInt32}}"


def summary(names: list[str]) -> str:
    """How many there are, at most one more than :data:`CAP`, and how often each owner, kind and type is among them.

    Each of the three is a map; one pass over what was found instead of four.
    """
    return (
        "SELECT count() AS n, sumMap(map(toString(org), 1)) AS org, sumMap(map(toString(kind), 1)) AS kind,"
        " sumMap(mapFromArrays(arrayMap(t -> toString(t), types), arrayMap(t -> 1, types))) AS type"
        f" FROM (SELECT org, kind, types FROM identifiers WHERE {where(names)} LIMIT {CAP + 1})"
    )
