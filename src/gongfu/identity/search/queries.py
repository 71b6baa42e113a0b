"""What search asks the store; every value is bound, none is written into the text."""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_CONDITIONS: Final = {
    "all": "hasAll(words, {all:Array(String)})",
    "own": "audience = 0",
    "both": "(audience = 0 AND org IN {orgs:Array(UInt32)} OR audience = 1 AND prefix IN {granted:Array(String)})",
    "prefixes": "prefix IN {prefixes:Array(String)}",
    "start": "modified >= {start:UInt32}",
    "end": "modified < {end:UInt32}",
    "earlier": "(modified, place) < ({modified:UInt32}, {behind:UInt64})",
    "behind": "(audience, prefix, suffix) > ({audience:UInt8}, {behind_prefix:String}, {behind_suffix:String})",
    "standing": "deleted = 0",
    **{f"any{number}": f"hasAny(words, {{any{number}:Array(String)}})" for number in range(20)},
}
CAP: Final = 10_000
"""Beyond this a count says "more than"."""
PLAIN: Final = frozenset({"own", "both", "standing"})
"""Conditions without a value of their name."""
COLUMNS: Final = ("prefix", "suffix", "audience", "modified", "place")
"""What a candidate has."""
_COLUMNS: Final = ", ".join(COLUMNS)


def where(names: Sequence[str]) -> str:
    """The condition that holds all of ``names`` of :data:`_CONDITIONS`."""
    return " AND ".join(_CONDITIONS[name] for name in names)


def latest(names: Sequence[str]) -> str:
    """Candidates of one page, latest change first: for what few identifiers fit."""
    return (
        f"SELECT {_COLUMNS} FROM identifiers WHERE {where(names)}"
        " ORDER BY modified DESC, place DESC LIMIT {limit:UInt32}"
    )


def in_order(names: Sequence[str]) -> str:
    """Candidates of one page in the order they are stored in: ends as soon as the page is full."""
    return (
        f"SELECT {_COLUMNS} FROM identifiers WHERE {where(names)}"
        " ORDER BY audience, prefix, suffix LIMIT {limit:UInt32}"
    )


def summary(names: Sequence[str]) -> str:
    """How many there are, at most one more than :data:`CAP`, and how often each prefix, kind, … is among them.

    Each of the four is a map; one pass over what was found instead of five.
    """
    counted = ", ".join(f"sumMap(map(toString({name}), 1)) AS by_{name}" for name in FACETS)
    return (
        f"SELECT count() AS n, {counted}"
        f" FROM (SELECT {', '.join(FACETS)} FROM identifiers WHERE {where(names)} LIMIT {CAP + 1})"
    )


FACETS: Final = ("prefix", "kind", "types", "template")
"""Columns that are counted."""
