"""A copy answers, says that it is none of its own, and cannot be written here."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle.client import resolve
from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.mirror import wire
from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import Change, IdentifierStore
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared
from gongfu.identity.resolver.server import bind, serve_udp
from gongfu.kernel.errors import Conflict, Invalid


def record(prefix: str, suffix: str) -> Record:
    return Record(Handle(prefix, suffix), (Value(1, "URL", b"https://example.com"),), 1, 1)


def copy(store: IdentifierStore, *, prefixes: tuple[str, ...] = ("88.7.1",)) -> None:
    copied = record("88.7.1", "A")
    change = Change(1, 1, "li", copied.handle.key, records.encode(copied))
    store.take_over("leader", [change], b"place", prefixes=prefixes)


async def test_a_copy_answers_without_authority_and_what_is_our_own_with_it(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(record("88.118.1", "A"))
    copy(store)
    udp = bind("127.0.0.1", 0, socket.SOCK_DGRAM)
    port = udp.getsockname()[1]
    with contextlib.closing(udp), serve_udp(udp, Answerer(store, Counters(shared(1)), Transport.UDP)):
        own = await asyncio.to_thread(resolve, "88.118.1/a", host="127.0.0.1", port=port)
        theirs = await asyncio.to_thread(resolve, "88.7.1/a", host="127.0.0.1", port=port)
    assert own.authoritative
    assert theirs.text("URL") == "https://example.com"
    assert not theirs.authoritative


def test_a_copy_cannot_be_changed_here(store: IdentifierStore) -> None:
    copy(store)
    for attempt in (
        lambda: store.put(record("88.7.1", "B")),
        lambda: store.put_many([record("88.7.1", "B")]),
        lambda: store.delete(Handle("88.7.1", "A")),
    ):
        with pytest.raises(Conflict, match=r"88\.7\.1 are a copy"):
            attempt()
    assert store.count("88.7.1") == 1
    copy(store, prefixes=())  # the leader gave it up
    assert store.prefixes() == []
    store.put(record("88.7.1", "B"))


def test_taking_the_same_changes_twice_doubles_nothing(store: IdentifierStore) -> None:
    copy(store)
    copy(store)
    assert store.count("88.7.1") == 1
    assert store.place("leader") == b"place"
    gone = Change(2, 1, "li", b"88.7.1/A", None)
    for _ in range(2):
        store.take_over("leader", [gone], b"place 2")
    assert store.count("88.7.1") == 0
    assert store.place("leader") == b"place 2"


@given(st.binary(max_size=200))
def test_any_octets_are_a_batch_or_refused_with_a_sentence(octets: bytes) -> None:
    with contextlib.suppress(Invalid):
        assert isinstance(wire.decode(octets, wire.Batch), wire.Batch)


@pytest.mark.parametrize("text", ["nats://host:1", "nats://host:1/", "nats:///top", "nats://host:1/a.b"])
def test_a_mirror_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="names no node"):
        wire.source(text)
