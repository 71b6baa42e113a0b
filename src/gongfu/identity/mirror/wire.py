"""What a leader publishes and answers, and what a follower remembers: MessagePack ↔ structs. Pure.

| subject | what |
|---|---|
| ``identity.changes.<node>`` | :class:`Batch`, in the stream ``identity-changes`` |
| ``identity.leader.<node>`` | request :class:`Ask`, answer :class:`Head` or :class:`Page` |

Not below ``gongfu.``: there an organisation's devices may publish over MQTT (``gongfu.<organisation>.>``).
"""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from gongfu.identity.registry.store import Change
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

STREAM = "identity-changes"
SUBJECTS = "identity.changes.*"
MOST_CHANGES = 1_000
"""In one message."""
MOST_OCTETS = 700_000
"""Of keys and records in one message, unless a single one is larger; the bus takes 1 MiB."""

_T = TypeVar("_T")


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One change; ``record`` as :mod:`gongfu.identity.registry.records` lays it out, None when it was removed."""

    time: int
    actor: str
    key: bytes
    record: bytes | None


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Changes numbered from ``first`` on without a gap; perhaps none, when only the prefixes have changed."""

    first: int
    entries: list[Entry]
    prefixes: list[str] | None = None
    """Those the leader answers for, when they are others than before."""

    def changes(self) -> list[Change]:
        """As the store takes them."""
        return [
            Change(self.first + place, entry.time, entry.actor, entry.key, entry.record)
            for place, entry in enumerate(self.entries)
        ]


class Ask(msgspec.Struct, frozen=True, array_like=True):
    """With a ``prefix``, the identifiers under it behind the suffix ``after``; without, how far the leader is."""

    prefix: str = ""
    after: str = ""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """How far the leader is."""

    last: int
    """Number of its newest change."""
    published: int
    """Up to where the stream goes."""
    prefixes: list[str]
    """That it answers for."""
    populated: list[str]
    """Under which identifiers stand."""


class Page(msgspec.Struct, frozen=True, array_like=True):
    """Identifiers under one prefix in key order; ``more`` when there are others behind the last."""

    entries: list[tuple[bytes, bytes]]
    more: bool


class Place(msgspec.Struct, frozen=True, array_like=True):
    """What a follower remembers, in the transaction that writes the data."""

    seq: int = 0
    """Number of the leader's last change that is in the copy."""
    stream: int = 0
    """Number of the last message of the stream that was taken."""
    whole: bool = False
    """Whether the copy is one: false until the first snapshot is complete, and while another is taken."""
    leader: int = 0
    """Number of the leader's newest change, as far as it was heard of."""
    complete_at: int = 0
    """Unix seconds of the last moment at which nothing was missing."""


def encode(what: msgspec.Struct) -> bytes:
    """As MessagePack."""
    return msgspec.msgpack.encode(what)


def decode(octets: bytes, kind: type[_T]) -> _T:
    """Raises :class:`Invalid` for octets that are no ``kind``."""
    try:
        return msgspec.msgpack.decode(octets, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(mark("The message cannot be read: {reason}."), reason=error) from error


def place(octets: bytes) -> Place:
    """What :func:`encode` made; the beginning for a store that never followed."""
    return decode(octets, Place) if octets else Place()


def changes_subject(node: str) -> str:
    """Where the changes of ``node`` are published."""
    return f"identity.changes.{node}"


def leader_subject(node: str) -> str:
    """Where ``node`` answers followers."""
    return f"identity.leader.{node}"


def source(mirror_of: str) -> tuple[str, str]:
    """Address of the leader's bus and the leader's name; raises :class:`Invalid`."""
    parts = urlsplit(mirror_of)
    node = parts.path.strip("/")
    if not parts.hostname or not node or not node.replace("-", "").isalnum():
        raise Invalid(
            mark("mirror_of names no node."), remedy=mark("Use nats://user:password@host:port/NODE."), node=node
        )
    return f"{parts.scheme}://{parts.netloc}", node
