"""What search asks the store; every value is bound, none is written into the text."""
# ruff: noqa: S608 - the parts put together here are constants

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_CONDITIONS: Final = {
    "all": "hasAll(words, {all:Array(String)})",
    # Audiences are partitions: that a part is of one costs nothing to know, a column would have to be read.
    "own": "_partition_id = '0'",
    "both": (
        "(_partition_id = '0' AND org IN {orgs:Array(UInt32)}"
        " OR _partition_id = '1' AND prefix IN {granted:Array(String)})"
    ),
    "prefixes": "prefix IN {prefixes:Array(String)}",
    "start": "modified >= {start:UInt32}",
    "end": "modified < {end:UInt32}",
    "earlier": "(modified, place) < ({modified:UInt32}, {behind:UInt64})",
    "behind": "(prefix, suffix) > ({behind_prefix:String}, {behind_suffix:String})",
    "standing": "deleted = 0",
    "places": "place IN {places:Array(UInt64)}",
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
    return f"SELECT {_COLUMNS} FROM identifiers WHERE {where(names)} ORDER BY prefix, suffix LIMIT {{limit:UInt32}}"


def these(names: Sequence[str]) -> str:
    """The candidates with these ``places``, which :func:`summary` has found under these ``prefixes``."""
    return f"SELECT {_COLUMNS} FROM identifiers WHERE {where([*names, 'places'])}"


def summary(names: Sequence[str], page: int) -> str:
    """How many there are, at most one more than :data:`CAP`; how often each prefix and each set of traits is there.

    The latest ``page`` of them come along as bits of moment and place turned over (an order that ascends) and prefix,
    so that the page need not look for them again. Prefixes and traits are maps: one pass instead of four.
    """
    return (
        "SELECT count() AS n, sumMap(map(toString(prefix), 1)) AS prefixes, sumMap(map(toString(traits), 1)) AS sets,"
        f" groupArraySorted({page})((bitNot(modified), bitNot(place), toString(prefix))) AS latest"
        f" FROM (SELECT prefix, traits, modified, place FROM identifiers WHERE {where(names)} LIMIT {CAP + 1})"
    )
