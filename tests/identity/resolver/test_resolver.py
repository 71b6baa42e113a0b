"""The resolver's sockets, spoken to by a peer that does not use our codec."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from gongfu.identity.handle.client import resolve, resolve_async
from gongfu.identity.handle.codes import Permission, ResponseCode
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Collected, Counters, Transport, shared
from gongfu.identity.resolver.server import TcpServer, bind, serve_udp
from gongfu.kernel.errors import Conflict, Invalid, NotFound, Unavailable

KEEP = 0x0200_0000
PUBLIC = 0x0100_0000


def request(
    handle: bytes | str = b"88.118.1/CNC-01",
    *,
    indexes: tuple[int, ...] = (),
    types: tuple[bytes, ...] = (),
    opcode: int = 1,
    flags: int = PUBLIC,
    number: int = 7,
    credential: bytes = bytes(4),
    response: int = 0,
) -> bytes:
    """A request laid out by hand (RFC 3652 §2.2, §3.2.1)."""
    name = handle.encode() if isinstance(handle, str) else handle
    body = struct.pack(">I", len(name)) + name
    body += struct.pack(f">I{len(indexes)}I", len(indexes), *indexes)
    body += struct.pack(">I", len(types)) + b"".join(struct.pack(">I", len(kind)) + kind for kind in types)
    head = struct.pack(">IIIHBBII", opcode, response, flags, 0, 0, 0, 0, len(body))
    payload = head + body + credential
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, number, 0, len(payload)) + payload


def code(answer: bytes) -> int:
    """Response code of an answer."""
    return int.from_bytes(answer[24:28], "big")


def found(answer: bytes) -> dict[int, tuple[bytes, bytes]]:
    """Type and data of each value of a successful answer, by index, read by hand."""
    assert code(answer) == 1
    at = 44
    at += 4 + int.from_bytes(answer[at : at + 4], "big")
    count = int.from_bytes(answer[at : at + 4], "big")
    at += 4
    values = {}
    for _ in range(count):
        index = int.from_bytes(answer[at : at + 4], "big")
        at += 14
        parts = []
        for _ in range(2):
            size = int.from_bytes(answer[at : at + 4], "big")
            parts.append(answer[at + 4 : at + 4 + size])
            at += 4 + size
        assert answer[at : at + 4] == bytes(4)
        at += 4
        values[index] = (parts[0], parts[1])
    assert answer[at:] == bytes(4)
    return values


@dataclass
class Node:
    """A running resolver."""

    store: IdentifierStore
    port: int
    counters: Collected

    def udp(self, packet: bytes, *, wait: float = 5.0) -> bytes:
        """One packet out, one in."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(wait)
            sock.sendto(packet, ("127.0.0.1", self.port))
            return sock.recv(4096)

    async def ask(self, packet: bytes) -> bytes:
        """As :meth:`udp`, beside the event loop that serves TCP."""
        return await asyncio.to_thread(self.udp, packet)

    def counted(self, transport: str, result: str) -> float:
        """What ``/metrics`` says."""
        [family] = self.counters.collect()
        return sum(item.value for item in family.samples if item.labels == {"transport": transport, "result": result})


@contextlib.asynccontextmanager
async def running(
    store: IdentifierStore, *, idle: float = 5.0, patience: float = 5.0, limit: int = 50
) -> AsyncIterator[Node]:
    memory = shared(1)
    for _ in range(20):  # a TCP port whose UDP twin is free as well
        tcp = bind("127.0.0.1", 0, socket.SOCK_STREAM)
        with contextlib.suppress(Conflict):
            udp = bind("127.0.0.1", tcp.getsockname()[1], socket.SOCK_DGRAM)
            break
        tcp.close()
    port = tcp.getsockname()[1]
    server = TcpServer(Answerer(store, Counters(memory), Transport.TCP), idle=idle, patience=patience, limit=limit)
    async with server.serving(tcp):
        with contextlib.closing(udp), serve_udp(udp, Answerer(store, Counters(memory), Transport.UDP)):
            yield Node(store, port, Collected(memory))


@pytest.fixture
async def node(store: IdentifierStore) -> AsyncIterator[Node]:
    store.home("88.118.1")
    store.put_many(
        (
            Record(
                parse("88.118.1/CNC-01"),
                (
                    Value(1, "URL", b"http://a.test/"),
                    Value(2, "NAME", "数控机床".encode()),
                    Value(3, "EMAIL.work", b"x@a.test"),
                    Value(4, "NOTE", b"for administrators", permissions=Permission.ADMIN_READ),
                ),
                1,
                1,
            ),
            Record(parse("88.118.1/plain"), (Value(1, "URL", b"http://b.test/"),), 1, 1),
            Record(parse("88.118.1/数控-01"), (Value(1, "URL", b"http://c.test/"),), 1, 1),
            Record(parse("88.118.1/hidden"), (Value(1, "NOTE", b"", permissions=Permission.ADMIN_READ),), 1, 1),
            Record(parse("88.118.1/long"), tuple(Value(i, "DATA", bytes([i]) * 400) for i in range(1, 6)), 1, 1),
        )
    )
    async with running(store) as started:
        yield started


async def test_an_identifier_is_resolved_over_udp(node: Node) -> None:
    answer = await node.ask(request(number=99))
    assert answer[8:12] == struct.pack(">I", 99)
    assert int.from_bytes(answer[28:32], "big") & 0x8000_0000, "authoritative"
    assert found(answer) == {
        1: (b"URL", b"http://a.test/"),
        2: (b"NAME", "数控机床".encode()),
        3: (b"EMAIL.work", b"x@a.test"),
    }
    assert node.counted("udp", "success") == 1


@pytest.mark.parametrize("handle", ["88.118.1/PLAIN", "88.118.1/plain", "88.118.1/数控-01"])
async def test_the_short_way_ignores_case_and_echoes_the_question(node: Node, handle: str) -> None:
    answer = await node.ask(request(handle))
    assert found(answer)[1][0] == b"URL"
    assert handle.encode() in answer


@pytest.mark.parametrize("credential", [b"", bytes(4), struct.pack(">I", 3) + b"abc"])
async def test_a_credential_is_optional_and_ignored_when_resolving(node: Node, credential: bytes) -> None:
    assert code(await node.ask(request(credential=credential))) == 1
    assert code(await node.ask(request("88.118.1/plain", credential=credential))) == 1


@pytest.mark.parametrize(
    ("indexes", "types", "expected"),
    [
        ((2,), (), {2}),
        ((), (b"url",), {1}),
        ((2,), (b"URL",), {1, 2}),
        ((), (b"EMAIL.",), {3}),
        ((), (b"EMAIL",), set()),
        ((), (b"URL.",), {1}),
        ((4,), (), set()),
        ((), (b"NOTE",), set()),
        ((77,), (b"nothing",), set()),
    ],
)
async def test_values_are_chosen_by_index_or_type_and_only_public_ones(
    node: Node, indexes: tuple[int, ...], types: tuple[bytes, ...], expected: set[int]
) -> None:
    answer = await node.ask(request(indexes=indexes, types=types))
    if expected:
        assert set(found(answer)) == expected
    else:
        assert code(answer) == ResponseCode.VALUES_NOT_FOUND


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (request("88.118.1/NOBODY"), 100),
        (request("88.118.1/hidden"), 200),
        (request("88.118.2/CNC-01"), 301),
        (request("0.NA/88.118.1"), 301),
        (request("88.118.1"), 102),
        (request(""), 102),
        (request(b"88.118.1/\xff"), 102),
        (request(opcode=2), 5),
        (request(opcode=100), 4),
        (request(opcode=300), 102),
        (request(opcode=401), 500),
        (request(opcode=2001), 402),
        (request(opcode=4_000_000_000), 5),
        (request(flags=0x2000_0000 | PUBLIC), 502),
        (request("88.118.1/hidden", flags=0), 402),
        (request("88.118.1/" + "x" * 430), 100),
        (request(indexes=(1,))[:-6], 4),
        (request()[:60], 4),
        (request() + b"more", 4),
    ],
)
async def test_every_other_question_has_its_response_code(node: Node, packet: bytes, expected: int) -> None:
    answer = await node.ask(packet)
    assert code(answer) == expected
    assert answer[8:12] == packet[8:12]


@pytest.mark.parametrize(
    "packet", [b"", b"x", bytes(20), request()[:40], request(response=1), b"\x09" + request()[1:], bytes(600)]
)
async def test_what_deserves_no_answer_gets_none_and_harms_nothing(node: Node, packet: bytes) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.to_thread(node.udp, packet, wait=0.15)
    assert code(await node.ask(request())) == 1
    assert node.counted("udp", "dropped") == 1


async def test_ten_thousand_hostile_packets_do_not_stop_the_resolver(node: Node) -> None:
    dice = random.Random(1)
    good = request(indexes=(1, 2), types=(b"URL",))

    def attack() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(10_000):
                packet = bytearray(good)
                for _ in range(dice.randrange(1, 6)):
                    packet[dice.randrange(len(packet))] = dice.randrange(256)
                sock.sendto(packet[: dice.randrange(1, len(packet) + 1)], ("127.0.0.1", node.port))

    await asyncio.to_thread(attack)
    assert code(await node.ask(request())) == 1


async def test_a_long_answer_comes_in_packets_of_512_octets(node: Node) -> None:
    def receive() -> list[bytes]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(request("88.118.1/long"), ("127.0.0.1", node.port))
            return [sock.recv(4096) for _ in range(5)]

    packets = await asyncio.to_thread(receive)
    assert [int.from_bytes(packet[12:16], "big") for packet in packets] == [0, 1, 2, 3, 4]
    assert all(packet[2] & 0x20 for packet in packets), "truncated"
    assert [len(packet) for packet in packets[:4]] == [512] * 4
    whole = packets[0][:20] + b"".join(packet[20:] for packet in packets)
    assert int.from_bytes(whole[16:20], "big") == len(whole) - 20
    assert {index: value[1] for index, value in found(whole).items()} == {i: bytes([i]) * 400 for i in range(1, 6)}


async def test_a_long_question_may_come_in_packets(node: Node) -> None:
    whole = request(types=(*(b"X" * 90 for _ in range(8)), b"URL"))
    payload = whole[20:]

    def send() -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            for number, start in reversed(list(enumerate(range(0, len(payload), 492)))):
                head = whole[:2] + b"\x22" + whole[3:12] + struct.pack(">I", number) + whole[16:20]
                sock.sendto(head + payload[start : start + 492], ("127.0.0.1", node.port))
            return sock.recv(4096)

    assert set(found(await asyncio.to_thread(send))) == {1}


async def test_first_packets_of_messages_that_never_end_are_forgotten(node: Node) -> None:
    whole = request(types=tuple(b"X" * 90 for _ in range(8)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for number in range(2_000):
            head = whole[:2] + b"\x22" + whole[3:8] + struct.pack(">II", number, 0) + whole[16:20]
            sock.sendto(head + whole[20:512], ("127.0.0.1", node.port))
    assert code(await node.ask(request())) == 1


async def test_the_digest_of_the_request_is_returned_when_asked_for(node: Node) -> None:
    import hashlib

    packet = request(flags=0x0080_0000 | PUBLIC)
    answer = await node.ask(packet)
    assert answer[44] == 3, "SHA-256 since protocol 2.7"
    assert answer[45:77] == hashlib.sha256(packet[20:-4]).digest()


# --- TCP ---


async def connect(node: Node) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", node.port)


async def one(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(20)
    return head + await reader.readexactly(int.from_bytes(head[16:20], "big"))


async def test_an_identifier_is_resolved_over_tcp_and_the_connection_ends(node: Node) -> None:
    reader, writer = await connect(node)
    writer.write(request())
    assert set(found(await reader.read())) == {1, 2, 3}  # read() ends because the server closes
    writer.close()
    assert node.counted("tcp", "success") == 1


async def test_questions_sent_together_are_answered_in_order_on_one_connection(node: Node) -> None:
    reader, writer = await connect(node)
    writer.write(b"".join(request(number=number, flags=KEEP | PUBLIC) for number in range(200)))
    for number in range(200):
        assert (await one(reader))[8:12] == struct.pack(">I", number)
    writer.close()


async def test_a_long_answer_comes_whole_over_tcp(node: Node) -> None:
    reader, writer = await connect(node)
    writer.write(request("88.118.1/long", flags=KEEP | PUBLIC))
    assert len(found(await one(reader))) == 5
    writer.close()


async def test_a_malformed_message_over_tcp_is_answered_and_the_next_one_too(node: Node) -> None:
    reader, writer = await connect(node)
    bad = bytearray(request(flags=KEEP | PUBLIC))
    bad[44:48] = b"\xff\xff\xff\xff"
    writer.write(bytes(bad) + request(flags=KEEP | PUBLIC))
    assert code(await one(reader)) == ResponseCode.PROTOCOL_ERROR
    assert code(await one(reader)) == 1
    writer.close()


@pytest.mark.parametrize(
    "octets",
    [
        struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, 1, 0, 262_145),
        struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, 1, 0, 2**32 - 1),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        struct.pack(">BBBBIIII", 2, 11, 0x22, 11, 0, 1, 0, 100),
    ],
)
async def test_what_is_no_message_ends_the_connection(node: Node, octets: bytes) -> None:
    reader, writer = await connect(node)
    writer.write(octets)
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()


async def test_a_peer_that_sends_too_slowly_is_cut_off(store: IdentifierStore) -> None:
    async with running(store, idle=5, patience=0.2) as node:
        reader, writer = await connect(node)
        start = time.monotonic()
        writer.write(request()[:30])
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 2) == b""
        assert time.monotonic() - start < 1.5
        writer.close()


async def test_an_idle_connection_is_closed(store: IdentifierStore) -> None:
    async with running(store, idle=0.2) as node:
        reader, writer = await connect(node)
        assert await asyncio.wait_for(reader.read(), 2) == b""
        writer.close()


async def test_connections_beyond_the_limit_are_refused_and_the_others_served(store: IdentifierStore) -> None:
    store.home("88.118.1")
    async with running(store, limit=3) as node:
        kept = [await connect(node) for _ in range(3)]
        for reader, writer in kept:
            writer.write(request(flags=KEEP | PUBLIC))
            assert code(await one(reader)) == 100
        refused, extra = await connect(node)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(refused.read(), 2) == b""
        extra.close()
        for reader, writer in kept:
            writer.write(request(flags=KEEP | PUBLIC))
            assert code(await one(reader)) == 100
            writer.close()


async def test_a_taken_port_is_a_conflict_that_names_the_setting() -> None:
    with bind("127.0.0.1", 0, socket.SOCK_DGRAM) as taken, pytest.raises(Conflict, match="GONGFU_HANDLE_PORT"):
        bind("127.0.0.1", taken.getsockname()[1], socket.SOCK_DGRAM)


# --- the client against it ---


async def test_the_client_resolves_over_udp_and_tcp_sync_and_async(node: Node) -> None:
    for tcp in (False, True):
        blocking = await asyncio.to_thread(resolve, "88.118.1/cnc-01", port=node.port, tcp=tcp)
        other = await resolve_async("88.118.1/cnc-01", port=node.port, tcp=tcp)
        assert blocking.transport == other.transport == ("tcp" if tcp else "udp")
        assert blocking.values == other.values
        assert blocking.text("NAME") == "数控机床"
        assert blocking.authoritative
        assert 0 < blocking.took < 5


async def test_the_client_puts_a_long_answer_together(node: Node) -> None:
    for tcp in (False, True):
        assert len((await resolve_async("88.118.1/long", port=node.port, tcp=tcp)).values) == 5


async def test_the_client_asks_for_types_and_indexes(node: Node) -> None:
    answer = await resolve_async("88.118.1/CNC-01", port=node.port, types=["URL"], indexes=[2])
    assert [value.index for value in answer.values] == [1, 2]


@pytest.mark.parametrize(
    ("handle", "error"),
    [
        ("88.118.1/NOBODY", NotFound),
        ("88.118.1/hidden", NotFound),
        ("88.118.2/x", NotFound),
        ("nonsense", Invalid),
        ("88.118.1/\x00", Invalid),
    ],
)
async def test_the_client_raises_what_the_response_code_means(node: Node, handle: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await resolve_async(handle, port=node.port)
    with pytest.raises(error):
        await asyncio.to_thread(resolve, handle, port=node.port)


async def test_the_client_falls_back_to_tcp_when_packets_of_the_answer_are_lost(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/long"), tuple(Value(i, "DATA", bytes(400)) for i in range(1, 6)), 1, 1))

    class Lossy(Answerer):
        def datagram(self, packet: bytes, peer: object) -> list[bytes]:
            return super().datagram(packet, peer)[:-1]  # type: ignore[arg-type]

    memory = shared(1)
    tcp = bind("127.0.0.1", 0, socket.SOCK_STREAM)
    port = tcp.getsockname()[1]
    udp = bind("127.0.0.1", port, socket.SOCK_DGRAM)
    async with TcpServer(Answerer(store, Counters(memory), Transport.TCP)).serving(tcp):
        with contextlib.closing(udp), serve_udp(udp, Lossy(store, Counters(memory), Transport.UDP)):
            answer = await resolve_async("88.118.1/long", port=port, timeout=1)
            again = await asyncio.to_thread(resolve, "88.118.1/long", port=port, timeout=1)
    assert answer.transport == again.transport == "tcp"
    assert len(answer.values) == len(again.values) == 5


async def test_the_client_says_when_nothing_answers() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with pytest.raises(Unavailable, match=str(port)):
            await resolve_async("88.118.1/x", port=port, timeout=0.5)
        with pytest.raises(Unavailable, match=str(port)):
            await asyncio.to_thread(resolve, "88.118.1/x", port=port, timeout=0.5)
