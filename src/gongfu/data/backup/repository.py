"""A repository: open or found one, list its snapshots, read blobs out of their packs."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gongfu.data.backup import wire
from gongfu.data.backup.errors import Damaged, WrongKey
from gongfu.data.backup.targets.target import Target
from gongfu.data.backup.wire import Blob, Head, Index, Keys, Mark, Snapshot
from gongfu.identity.escrow import recovery
from gongfu.identity.escrow import wire as escrow
from gongfu.kernel.errors import Conflict, Forbidden, NotFound
from gongfu.kernel.i18n import mark

HEAD: Final = "repository.json"
_READ_AHEAD: Final = 8
"""Packs kept in memory while files are read."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a blob is."""

    pack: str
    offset: int
    size: int


class Repository:
    """An open repository: its keys and where its blobs are."""

    def __init__(self, target: Target, head: Head, data_key: bytes) -> None:
        self.target = target
        self.head = head
        self.keys: Keys = wire.derive(data_key, head.series)
        self.places: dict[bytes, Place] = {}
        self.index_names: list[str] = []
        self._packs: OrderedDict[str, bytes] = OrderedDict()

    def load_index(self) -> None:
        """Learn where every blob is; raises :class:`Damaged`."""
        for name, _ in list(self.target.names("index/")):
            found = wire.decode(self.keys, self.target.get(name), name, Index)
            self.index_names.append(name)
            for pack in found.packs:
                self.learn(pack.name, pack.blobs)

    def learn(self, pack: str, blobs: list[Blob]) -> None:
        """Blobs of a pack can be read from now on."""
        for blob in blobs:
            self.places[blob.id] = Place(pack, blob.offset, blob.size)

    # --- snapshots ---

    def numbers(self) -> list[int]:
        """Snapshots that are whole, oldest first; the number decides, not the clock."""
        return numbers(self.target)

    def marks(self) -> list[Mark]:
        """All of them; raises :class:`Damaged`."""
        return [self.mark(number) for number in self.numbers()]

    def mark(self, number: int) -> Mark:
        """One of them; raises :class:`NotFound`, :class:`Damaged`."""
        return wire.read_mark(self.keys, self.target.get(mark_name(number)), number)

    def snapshot(self, number: int) -> Snapshot:
        """What it holds; raises :class:`NotFound`, :class:`Damaged`."""
        octets = self.target.get(body_name(number))
        if wire.digest(octets) != self.mark(number).body:
            raise Damaged(
                mark("The list of files of snapshot {number} was changed: its hash does not fit."),
                remedy=mark("Use another snapshot, or another copy."),
                number=number,
            )
        return wire.decode(self.keys, octets, body_name(number), Snapshot)

    def latest(self) -> Snapshot | None:
        """The newest snapshot."""
        present = self.numbers()
        return self.snapshot(present[-1]) if present else None

    # --- blobs ---

    def read(self, name: bytes) -> bytes:
        """The content of a blob, checked against its name; raises :class:`Damaged`. For one thread."""
        place = self.places.get(name)
        if place is None:
            raise Damaged(
                mark("A part of this snapshot is in no pack."),
                remedy=mark("Use another snapshot, or another copy."),
            )
        octets = self._pack(place.pack)[place.offset : place.offset + place.size]
        try:
            plain = wire.unseal(self.keys, octets, name)
            if wire.name_of(self.keys, plain) != name:
                raise _damaged_pack(place.pack)
        except Damaged as error:
            raise _damaged_pack(place.pack) from error
        return plain

    def read_file(self, file: wire.File) -> Iterator[bytes]:
        """Its content piece by piece; raises :class:`Damaged` when it is not as long as it was."""
        length = 0
        for name in file.blobs:
            plain = self.read(name)
            length += len(plain)
            yield plain
        if length != file.size:
            raise Damaged(
                mark("{path} has another length than when it was backed up."),
                remedy=mark("Use another snapshot, or another copy."),
                path=file.path,
            )

    def _pack(self, name: str) -> bytes:
        if name in self._packs:
            self._packs.move_to_end(name)
            return self._packs[name]
        try:
            octets = self.target.get(pack_name(name))
        except NotFound as error:
            raise _damaged_pack(name) from error
        self._packs[name] = octets
        if len(self._packs) > _READ_AHEAD:
            self._packs.popitem(last=False)
        return octets

    def close(self) -> None:
        """Release the target."""
        self.target.close()


def found(target: Target, *, node: str, owner: str, data_key: bytes) -> tuple[Repository, str]:
    """Begin a repository; returns it with its recovery text, which is kept nowhere. Raises :class:`Conflict`."""
    if exists(target):
        raise Conflict(
            mark("There are backups in {place} already."),
            remedy=mark("Go on with them, or name an empty place."),
            place=target.address,
        )
    private, text = recovery.generate()
    series = secrets.token_hex(8)
    wrapped = escrow.wrap(data_key, private.public_key().public_bytes_raw(), series, 0)
    head = Head(format=wire.FORMAT, series=series, node=node, owner=owner, recipients=[wrapped])
    target.put(HEAD, msgspec.json.encode(head), new=True)
    return Repository(target, head, data_key), text


def exists(target: Target) -> bool:
    """Whether a repository is there."""
    try:
        target.get(HEAD)
    except NotFound:
        return False
    return True


def read_head(target: Target) -> Head:
    """Whose repository it is; raises :class:`NotFound`, :class:`Invalid`."""
    try:
        return wire.read_head(target.get(HEAD))
    except NotFound as error:
        raise NotFound(
            mark("There are no backups in {place}."),
            remedy=mark("Name the folder or address that gongfu backup wrote to."),
            place=target.address,
        ) from error


def open_own(target: Target, *, owner: str, data_key: bytes) -> Repository:
    """The repository of this node, with the key it keeps; raises :class:`Forbidden` when it is another node's."""
    head = read_head(target)
    if head.owner != owner:
        raise Forbidden(
            mark("The backups in {place} are those of node {node}."),
            remedy=mark("Give each node a place of its own; gongfu restore reads them with their recovery text."),
            place=target.address,
            node=head.node,
        )
    return Repository(target, head, data_key)


def open_with(target: Target, key: X25519PrivateKey) -> tuple[Repository, bytes]:
    """Any repository, by its recovery text, with its data key; raises :class:`WrongKey`."""
    head = read_head(target)
    try:
        data_key = escrow.open_wrapped(head.recipients, key, head.series, 0)
    except WrongKey as error:
        raise WrongKey(
            mark("This recovery text does not open the backups in {place}."),
            remedy=mark("Use the text that was shown when the first backup was made there."),
            place=target.address,
        ) from error
    return Repository(target, head, data_key), data_key


def numbers(target: Target) -> list[int]:
    """Numbers of the marks that are there, ascending."""
    names = (name.removeprefix("snapshots/").removesuffix(".json") for name, _ in target.names("snapshots/"))
    return sorted(int(name) for name in names if name.isdigit())


def pack_name(name: str) -> str:
    """Object of a pack."""
    return f"packs/{name[:2]}/{name}"


def mark_name(number: int) -> str:
    """Object of a mark."""
    return f"snapshots/{number:09d}.json"


def body_name(number: int) -> str:
    """Object of a body."""
    return f"snapshots/{number:09d}.body"


def _damaged_pack(name: str) -> Damaged:
    return Damaged(
        mark("Pack {name} is missing or was changed."),
        remedy=mark("gongfu backup verify says which snapshots need it. Use another snapshot, or another copy."),
        name=name,
    )
