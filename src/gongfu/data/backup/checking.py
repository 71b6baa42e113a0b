"""Is a backup good: every mark, every list of files, every pack's hash, and with ``deep`` every blob opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gongfu.data.backup import wire
from gongfu.data.backup.errors import Damaged
from gongfu.data.backup.repository import Repository, mark_name, pack_name
from gongfu.data.backup.wire import Snapshot
from gongfu.kernel.errors import NotFound


@dataclass
class Verdict:
    """What is wrong, if anything."""

    snapshots: int = 0
    packs: int = 0
    octets: int = 0
    damaged_snapshots: dict[int, str] = field(default_factory=dict)
    """Number → the first thing that is wrong with it."""
    damaged_packs: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every snapshot can be restored."""
        return not self.damaged_snapshots and not self.damaged_packs


def verify(repository: Repository, progress: Callable[[int, int], None], *, deep: bool = False) -> Verdict:
    """Look at everything; told packs done and all. Raises :class:`Damaged` only when the index cannot be read."""
    repository.load_index()
    verdict = Verdict()
    snapshots = _snapshots(repository, verdict)
    by_pack: dict[str, set[bytes]] = {}
    for snapshot in snapshots.values():
        for file in snapshot.files:
            for name in file.blobs:
                place = repository.places.get(name)
                if place is None:
                    verdict.damaged_snapshots.setdefault(snapshot.number, f"{file.path}: no pack has it")
                else:
                    by_pack.setdefault(place.pack, set()).add(name)
    for done, (pack, blobs) in enumerate(sorted(by_pack.items()), 1):
        if not _pack_is_good(repository, pack, blobs if deep else set(), verdict):
            verdict.damaged_packs.append(pack)
        verdict.packs += 1
        progress(done, len(by_pack))
    _blame(repository, snapshots, verdict)
    return verdict


def _snapshots(repository: Repository, verdict: Verdict) -> dict[int, Snapshot]:
    found: dict[int, Snapshot] = {}
    before = (0, "")
    for number in repository.numbers():
        verdict.snapshots += 1
        try:
            mark = repository.mark(number)
            if before[0] == number - 1 and mark.previous != before[1]:
                verdict.damaged_snapshots[number] = f"it does not follow snapshot {number - 1}"
            found[number] = repository.snapshot(number)
        except (Damaged, NotFound) as error:
            verdict.damaged_snapshots[number] = str(error)
        before = (number, wire.digest(repository.target.get(mark_name(number))))
    return found


def _pack_is_good(repository: Repository, pack: str, blobs: set[bytes], verdict: Verdict) -> bool:
    try:
        octets = repository.target.get(pack_name(pack))
        verdict.octets += len(octets)
        if wire.digest(octets) != pack:
            return False
        for name in blobs:
            place = repository.places[name]
            plain = wire.unseal(repository.keys, octets[place.offset : place.offset + place.size], name)
            if wire.name_of(repository.keys, plain) != name:
                return False
    except (Damaged, NotFound):
        return False
    return True


def _blame(repository: Repository, snapshots: dict[int, Snapshot], verdict: Verdict) -> None:
    wrong = set(verdict.damaged_packs)
    for number, snapshot in snapshots.items() if wrong else ():
        for file in snapshot.files:
            packs = {repository.places[name].pack for name in file.blobs if name in repository.places} & wrong
            if packs:
                verdict.damaged_snapshots.setdefault(number, f"{file.path}: pack {min(packs)}")
                break
