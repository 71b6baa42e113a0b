"""Whoever writes a false sender gets little out of this server; whoever is real gets his answer over TCP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator

import pytest

from gongfu.identity.handle.client import resolve
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import datagrams, limiting
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Collected, Counters, Transport, shared
from gongfu.identity.resolver.limiting import RateLimiter, Verdict
from gongfu.identity.resolver.server import Restraint, TcpServer, bind, serve_udp

NET = b"\xc0\x00\x02"
OTHER = b"\xc0\x00\x03"


def request(handle: bytes, number: int = 7) -> bytes:
    """A question for all values, laid out by hand (RFC 3652 §2.2, §3.2.1)."""
    body = struct.pack(">I", len(handle)) + handle + bytes(8)
    payload = struct.pack(">IIIHBBII", 1, 0, 0, 0, 0, 0, 0, len(body)) + body + bytes(4)
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, number, 0, len(payload)) + payload


def test_a_network_gets_its_share_and_every_second_one_beyond_it_a_cut_answer() -> None:
    limiter = RateLimiter(100)
    limiter.tick(1_000.0)
    verdicts = [limiter.judge(NET) for _ in range(300)]
    assert verdicts[:100] == [Verdict.ANSWER] * 100
    assert sorted(map(str, verdicts[100:])) == ["Verdict.CUT"] * 100 + ["Verdict.DROP"] * 100
    assert limiter.judge(OTHER) is Verdict.ANSWER


def test_a_bucket_refills_with_time_and_not_beyond_a_second() -> None:
    limiter = RateLimiter(100)
    limiter.tick(1_000.0)
    for _ in range(150):
        limiter.judge(NET)
    limiter.tick(1_000.25)
    assert [limiter.judge(NET) for _ in range(40)].count(Verdict.ANSWER) in range(10, 31)
    limiter.tick(2_000.0)
    assert [limiter.judge(NET) for _ in range(200)].count(Verdict.ANSWER) == 100


def test_over_ten_seconds_a_flood_gets_no_more_than_the_rate() -> None:
    limiter = RateLimiter(1_000)
    answered = 0
    for step in range(1_000):
        limiter.tick(500.0 + step / 100)
        answered += sum(limiter.judge(NET) is Verdict.ANSWER for _ in range(50))
    assert answered <= 1_000 * 11


def test_a_rate_of_zero_limits_nobody() -> None:
    limiter = RateLimiter(0)
    limiter.tick(1.0)
    assert all(limiter.judge(NET) is Verdict.ANSWER for _ in range(10_000))


def test_a_flood_from_everywhere_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiting, "MOST_NETWORKS", 100)
    limiter = RateLimiter(5)
    for number in range(10_000):
        limiter.judge(number.to_bytes(3))
    assert len(limiter._spent) <= 100


def test_a_cut_answer_is_no_longer_than_its_request_and_says_that_more_would_follow() -> None:
    asked = request(b"88.118.1/A")
    [answer] = limiting.cut(asked)
    assert len(answer) == 44 <= len(asked)
    assert answer[:2] == asked[:2]
    assert answer[2] & 0x20
    assert answer[4:12] == asked[4:12]
    assert int.from_bytes(answer[16:20]) > 492
    for nothing in (b"", asked[:43], asked[:24] + b"\0\0\0\1" + asked[28:]):
        assert limiting.cut(nothing) == []


@contextlib.asynccontextmanager
async def running(store: IdentifierStore, restraint: Restraint) -> AsyncIterator[tuple[int, Collected]]:
    memory = shared(1)
    tcp = bind("127.0.0.1", 0, socket.SOCK_STREAM)
    port = tcp.getsockname()[1]
    udp = bind("127.0.0.1", port, socket.SOCK_DGRAM)
    async with TcpServer(Answerer(store, Counters(memory), Transport.TCP)).serving(tcp):
        with contextlib.closing(udp), serve_udp(udp, Answerer(store, Counters(memory), Transport.UDP), restraint):
            yield port, Collected(memory)


@pytest.fixture
def long(store: IdentifierStore) -> IdentifierStore:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/long"), tuple(Value(i, "DATA", bytes(400)) for i in range(1, 6)), 1, 1))
    store.put(Record(parse("88.118.1/a"), (Value(1, "URL", b"http://a.test/"),), 1, 1))
    return store


def counted(counters: Collected, result: str) -> float:
    [family] = counters.collect()
    return sum(item.value for item in family.samples if item.labels == {"transport": "udp", "result": result})


async def test_an_answer_much_longer_than_its_request_leads_to_tcp(long: IdentifierStore) -> None:
    async with running(long, Restraint(amplification=16)) as (port, counters):
        answer = await asyncio.to_thread(resolve, "88.118.1/long", port=port, timeout=60)
        assert answer.transport == "tcp"
        assert len(answer.values) == 5
        assert counted(counters, "cut") >= 1
        assert answer.took < 30  # half of which it would have waited for the rest of a cut answer
        assert (await asyncio.to_thread(resolve, "88.118.1/a", port=port)).transport == "udp"


@pytest.mark.parametrize("limit", [1, 2])
async def test_no_answer_over_udp_is_longer_than_allowed(long: IdentifierStore, limit: int) -> None:
    def ask(port: int) -> list[bytes]:
        found = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            for handle in (b"88.118.1/A", b"88.118.1/LONG", b"88.118.1/NOBODY", b"88.118.9/X"):
                asked = request(handle)
                sock.sendto(asked, ("127.0.0.1", port))
                answer = sock.recv(2_048)
                assert len(answer) <= limit * len(asked)
                found.append(answer)
        return found

    async with running(long, Restraint(amplification=limit)) as (port, _):
        assert len(await asyncio.to_thread(ask, port)) == 4


async def test_a_flooding_network_is_limited_and_counted(
    long: IdentifierStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datagrams.Together, "local", lambda *_: False)  # loopback stands in for a network

    def flood(port: int) -> tuple[int, int]:
        whole = cut = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number in range(400):
                sock.sendto(request(b"88.118.1/A", number), ("127.0.0.1", port))
            sock.settimeout(0.5)
            with contextlib.suppress(TimeoutError):
                while True:
                    answer = sock.recv(2_048)
                    if answer[2] & 0x20:
                        cut += 1
                    else:
                        whole += 1
        return whole, cut

    async with running(long, Restraint(rate=100)) as (port, counters):
        whole, cut = await asyncio.to_thread(flood, port)
        assert 100 <= whole <= 210
        assert cut > 50
        assert counted(counters, "cut") == cut
        assert counted(counters, "limited") + whole + cut == 400
        answer = await asyncio.to_thread(resolve, "88.118.1/a", port=port, timeout=4)
        assert answer.values


async def test_this_computer_is_never_limited(long: IdentifierStore) -> None:
    def flood(port: int) -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(2)
            for number in range(50):
                sock.sendto(request(b"88.118.1/A", number), ("127.0.0.1", port))
                assert not sock.recv(2_048)[2] & 0x20
        return 50

    async with running(long, Restraint(rate=1)) as (port, _):
        assert await asyncio.to_thread(flood, port) == 50
        assert time.monotonic()
