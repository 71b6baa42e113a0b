"""Which snapshots stay, and what is no longer needed by any. Pure but for the repository it works on."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from gongfu.data.backup import wire
from gongfu.data.backup.repository import Repository, body_name, mark_name
from gongfu.data.backup.targets.folder import Folder
from gongfu.data.backup.wire import Blob, Index, Mark, Pack


@dataclass(frozen=True, slots=True)
class Policy:
    """The newest ``last`` snapshots stay, and of each of the newest ``days`` days with snapshots the newest."""

    last: int
    days: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    snapshots: list[int]
    packs: int
    octets: int


def kept(marks: Sequence[Mark], policy: Policy, zone: tzinfo = UTC) -> set[int]:
    """Numbers of the snapshots that stay. Newer is the higher number: the clock may have been set back."""
    newest = sorted(marks, key=lambda one: one.number, reverse=True)
    stay = {one.number for one in newest[: max(1, policy.last)]}
    days: set[str] = set()
    for one in newest:
        day = f"{datetime.fromtimestamp(one.moment / 1e9, zone):%Y-%m-%d}"
        if day not in days and len(days) < policy.days:
            days.add(day)
            stay.add(one.number)
    return stay


def prune(repository: Repository, policy: Policy, zone: tzinfo = UTC) -> Pruned:
    """Remove snapshots that need not stay, then packs that no snapshot needs.

    Nothing is removed while a snapshot cannot be read. Killed at any moment it leaves a good repository: a pack goes
    only when no index names it any more, so that no later backup relies on it. Nobody may write meanwhile, and the
    index must be loaded. Raises :class:`Damaged`.
    """
    marks = repository.marks()
    stay = kept(marks, policy, zone)
    needed: set[str] = set()
    for number in sorted(stay):
        for file in repository.snapshot(number).files:
            needed |= {repository.places[name].pack for name in file.blobs if name in repository.places}
    gone = sorted({one.number for one in marks} - stay)
    for number in gone:  # the mark first: without it the snapshot is not there
        repository.target.delete(mark_name(number))
        repository.target.delete(body_name(number))
    packs = octets = 0
    spare = [(name, size) for name, size in repository.target.names("packs/") if name.rpartition("/")[2] not in needed]
    if spare:
        _rewrite_index(repository, needed)
    for name, size in spare:
        repository.target.delete(name)
        packs, octets = packs + 1, octets + size
    if isinstance(repository.target, Folder):
        repository.target.sweep()
    return Pruned(gone, packs, octets)


def disown(repository: Repository, packs: set[str]) -> None:
    """No longer rely on ``packs``, which are damaged: the next backup writes what was in them anew."""
    rest = {place.pack for place in repository.places.values()} - packs
    _rewrite_index(repository, rest)


def age(found: Mark, now_ns: int | None = None) -> float:
    """Seconds since the moment of a snapshot: what would be lost now. Never negative."""
    return max(0.0, ((time.time_ns() if now_ns is None else now_ns) - found.moment) / 1e9)


def _rewrite_index(repository: Repository, needed: set[str]) -> None:
    """One index of the packs ``needed`` in the place of all."""
    blobs: dict[str, list[Blob]] = {name: [] for name in sorted(needed)}
    for name, place in repository.places.items():
        if place.pack in needed:
            blobs[place.pack].append(Blob(name, place.offset, place.size))
    fresh = f"index/{secrets.token_hex(8)}"
    index = Index([Pack(name, inside) for name, inside in blobs.items()])
    repository.target.put(fresh, wire.encode(repository.keys, index, fresh))
    for old in repository.index_names:
        repository.target.delete(old)
    repository.index_names = [fresh]
    repository.places = {name: place for name, place in repository.places.items() if place.pack in needed}
