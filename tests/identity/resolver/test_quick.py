"""The short way says what the long way says, or nothing; and nothing that comes in makes either of them fail.

``GONGFU_FUZZ=1000000 pytest tests/identity/resolver/test_quick.py`` throws that many packets instead of a few thousand.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gongfu.identity.handle.codes import MAX_PACKET, Permission
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import datagrams as sockets
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared
from gongfu.identity.resolver.datagrams import Singly, datagrams
from gongfu.identity.resolver.limiting import cut
from gongfu.identity.resolver.quick import Quick
from gongfu.identity.resolver.server import bind, serve_udp

PEER = ("192.0.2.1", 40_000)
KNOWN = [b"88.118.1/CNC-01", b"88.118.1/cnc-01", b"88.118.1/LONG", b"88.118.1/HIDDEN", b"88.118.1/X", b"88.118.2/X"]


def request(
    handle: bytes, *, number: int = 7, flags: int = 0, credential: bytes = bytes(4), version: int = 11
) -> bytes:
    """A question for all values, laid out by hand (RFC 3652 §2.2, §3.2.1)."""
    body = struct.pack(">I", len(handle)) + handle + bytes(8)
    payload = struct.pack(">IIIHBBII", 1, 0, flags, 0, 0, 0, 0, len(body)) + body + credential
    return struct.pack(">BBBBIIII", 2, version, 2, version, 0, number, 0, len(payload)) + payload


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IdentifierStore]:
    store = IdentifierStore(tmp_path_factory.mktemp("quick"))
    store.home("88.118.1")
    store.put(
        Record(
            parse("88.118.1/cnc-01"), (Value(1, "URL", b"http://a.test/cnc-01"), Value(2, "N", "机床".encode())), 1, 1
        )
    )
    store.put(Record(parse("88.118.1/long"), tuple(Value(i, "DATA", bytes(400)) for i in range(1, 6)), 1, 1))
    store.put(Record(parse("88.118.1/hidden"), (Value(1, "K", b"x", permissions=Permission.ADMIN_READ),), 1, 1))
    yield store
    store.close()


def ask(store: IdentifierStore) -> Callable[[bytes], bytes | None]:
    """The short way alone."""
    quick = Quick(492)

    def one(packet: bytes) -> bytes | None:
        with store.view() as view:
            return quick.answer(packet, view.public)

    return one


@pytest.mark.parametrize("handle", [b"88.118.1/CNC-01", b"88.118.1/cnc-01"])
@pytest.mark.parametrize("flags", [0, 0x0200_0000, 0x0100_0000, 0x1100_0000])
@pytest.mark.parametrize("credential", [bytes(4), b""])
@pytest.mark.parametrize("version", [1, 10, 11])
def test_both_ways_answer_octet_by_octet_the_same(
    filled: IdentifierStore, handle: bytes, flags: int, credential: bytes, version: int
) -> None:
    packet = request(handle, flags=flags, credential=credential, version=version, number=0x01020304)
    short = ask(filled)(packet)
    assert short is not None
    [long] = Answerer(filled, Counters(shared(1)), Transport.UDP).datagram(packet, PEER)
    assert short[:36] + short[40:] == long[:36] + long[40:], "all but the time of expiry"


def test_what_is_not_usual_goes_the_long_way(filled: IdentifierStore) -> None:
    usual = request(b"88.118.1/CNC-01")
    one = ask(filled)
    assert one(usual) is not None
    unusual = [
        usual[:-1],
        usual + b"\0",
        request("88.118.1/机".encode()),
        request(b"88.118.1/LONG"),
        request(b"88.118.1/HIDDEN"),
        request(b"88.118.1/NOBODY"),
        request(b"88.118.2/X"),
        request(b"nonsense"),
        request(b""),
        request(b"88.118.1/CNC-01", flags=0x0080_0000),
        request(b"88.118.1/CNC-01", flags=0x4000_0000),
        usual[:2] + b"\x22" + usual[3:],
        usual[:4] + b"\0\0\0\1" + usual[8:],
        usual[:12] + b"\0\0\0\1" + usual[16:],
        usual[:24] + b"\0\0\0\1" + usual[28:],
        usual[:20] + b"\0\0\0\2" + usual[24:],
    ]
    assert [packet for packet in unusual if one(packet) is not None] == []


def test_a_resolution_is_counted_and_one_too_many_is_left_to_the_long_way(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/a"), (Value(1, "N", b"x"),), 1, 1))
    counted: list[bytes] = []

    def count(prefix: bytes) -> int:
        counted.append(prefix)
        return len(counted) > 2

    quick = Quick(492, count)
    with store.view() as view:
        answers = [quick.answer(request(b"88.118.1/A"), view.public) for _ in range(3)]
    assert [answer is None for answer in answers] == [False, False, True]
    assert counted == [b"88.118.1"] * 3


def test_the_short_way_follows_what_others_home_and_change(store: IdentifierStore) -> None:
    one = ask(store)
    store.put(Record(parse("88.118.1/a"), (Value(1, "N", b"old"),), 1, 1))
    assert one(request(b"88.118.1/A")) is None
    store.home("88.118.1")
    assert b"old" in (one(request(b"88.118.1/A")) or b"")
    store.put(Record(parse("88.118.1/a"), (Value(1, "N", b"new"),), 1, 1))
    assert b"new" in (one(request(b"88.118.1/A")) or b"")
    store.unhome("88.118.1")
    assert one(request(b"88.118.1/A")) is None


def check(store: IdentifierStore, packet: bytes, quick: Quick, answerer: Answerer) -> None:
    """Neither way fails, and no packet that goes out is longer than a packet may be."""
    with store.view() as view:
        short = quick.answer(packet, view.public)
    long = answerer.datagram(packet, PEER)
    packets = long() if callable(long) else long
    assert all(len(answer) <= MAX_PACKET for answer in packets)
    assert all(len(answer) == 44 <= len(packet) for answer in cut(packet))
    if short is not None:
        [same] = packets
        assert short[:36] + short[40:] == same[:36] + same[40:]


mutations = st.lists(st.tuples(st.integers(0, 600), st.binary(min_size=1, max_size=8)), max_size=4)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(KNOWN), mutations, st.integers(0, 600), st.booleans(), st.binary(max_size=560))
def test_no_packet_does_harm(
    filled: IdentifierStore, handle: bytes, changes: list[tuple[int, bytes]], end: int, whole: bool, noise: bytes
) -> None:
    packet = bytearray(request(handle))
    for at, octets in changes:
        packet[at : at + len(octets)] = octets
    quick, answerer = Quick(492), Answerer(filled, Counters(shared(1)), Transport.UDP)
    check(filled, bytes(packet if whole else packet[:end]), quick, answerer)
    check(filled, noise, quick, answerer)


def test_a_long_storm_of_changed_packets_does_no_harm(filled: IdentifierStore) -> None:
    chance = random.Random(os.environ.get("GONGFU_FUZZ_SEED", "gongfu"))
    quick, answerer = Quick(492), Answerer(filled, Counters(shared(1)), Transport.UDP)
    seeds = [request(handle, flags=flags) for handle in KNOWN for flags in (0, 0x0100_0000, 0x0080_0000)]
    for _ in range(int(os.environ.get("GONGFU_FUZZ", "3000"))):
        packet = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((0, 1, 1, 2, 5))):
            at = chance.randrange(len(packet))
            packet[at] = chance.choice((0, 1, 2, 0x20, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        if chance.random() < 0.2:
            packet = packet[: chance.randrange(len(packet) + 1)]
        if chance.random() < 0.1:
            packet += chance.randbytes(chance.randrange(500))
        check(filled, bytes(packet), quick, answerer)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_many_packets_at_once_are_each_answered_to_their_sender(
    filled: IdentifierStore, monkeypatch: pytest.MonkeyPatch, together: bool, host: str
) -> None:
    if not together:
        monkeypatch.setattr(sockets, "_calls", lambda: None)
    try:
        udp = bind(host, 0, socket.SOCK_DGRAM)
    except Exception:
        pytest.skip("no IPv6 here")
    with udp:
        assert isinstance(datagrams(udp), Singly) is not together
        port = udp.getsockname()[1]
        with serve_udp(udp, Answerer(filled, Counters(shared(1)), Transport.UDP)):
            peers = [socket.socket(udp.family, socket.SOCK_DGRAM) for _ in range(20)]
            for number in range(10):
                for peer, sock in enumerate(peers):
                    handle = KNOWN[0] if number % 3 else b"88.118.1/NOBODY"
                    sock.sendto(request(handle, number=peer * 100 + number), (host, port))
            for peer, sock in enumerate(peers):
                sock.settimeout(5)
                numbers = {int.from_bytes(sock.recv(600)[8:12]) for _ in range(10)}
                assert numbers == {peer * 100 + number for number in range(10)}
                sock.close()


def test_a_packet_that_is_too_long_is_seen_as_such(filled: IdentifierStore) -> None:
    with bind("127.0.0.1", 0, socket.SOCK_DGRAM) as udp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        served = threading.Event()
        with serve_udp(udp, Answerer(filled, Counters(shared(1)), Transport.UDP)):
            peer.settimeout(5)
            peer.connect(("127.0.0.1", udp.getsockname()[1]))
            peer.send(request(KNOWN[0]) + bytes(5_000))
            peer.send(request(KNOWN[0], number=99))
            assert peer.recv(600)[8:12] in (struct.pack(">I", 7), struct.pack(">I", 99))
            served.set()
