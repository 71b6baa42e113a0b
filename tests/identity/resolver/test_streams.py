"""TCP under many, slow, greedy and silent peers."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import struct
import sys
import time
from collections.abc import AsyncIterator

import pytest

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared
from gongfu.identity.resolver.streams import MAX_CONNECTIONS, TcpServer

KEEP = 0x0200_0000


def request(handle: bytes = b"88.118.1/A", *, number: int = 7, flags: int = KEEP, types: bytes = b"") -> bytes:
    """A question laid out by hand (RFC 3652 §2.2, §3.2.1); ``types`` is the list of them, with its count."""
    body = struct.pack(">I", len(handle)) + handle + bytes(4) + (types or bytes(4))
    payload = struct.pack(">IIIHBBII", 1, 0, flags, 0, 0, 0, 0, len(body)) + body + bytes(4)
    return struct.pack(">BBBBIIII", 2, 11, 2, 11, 0, number, 0, len(payload)) + payload


@contextlib.asynccontextmanager
async def serving(store: IdentifierStore, **options: float) -> AsyncIterator[int]:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/a"), (Value(1, "URL", b"http://a.test/"),), 1, 1))
    sock = socket.create_server(("127.0.0.1", 0))
    server = TcpServer(Answerer(store, Counters(shared(1)), Transport.TCP), **options)  # type: ignore[arg-type]
    async with server.serving(sock):
        yield sock.getsockname()[1]


async def one(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readexactly(20), 10)
    return head + await reader.readexactly(int.from_bytes(head[16:20]))


async def test_usual_and_unusual_questions_mixed_are_answered_in_their_order(store: IdentifierStore) -> None:
    async with serving(store) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        kinds = [
            request,
            lambda **k: request(b"88.118.1/NOBODY", **k),
            lambda **k: request("88.118.1/机".encode(), **k),
        ]
        writer.write(b"".join(kinds[number % 3](number=number) for number in range(3_000)))
        for number in range(3_000):
            answer = await one(reader)
            assert answer[8:12] == struct.pack(">I", number)
            assert answer[27] == (100 if number % 3 else 1)
        writer.close()


async def test_a_long_message_in_small_pieces_costs_no_more_than_its_length(store: IdentifierStore) -> None:
    names = [b"X" * 200] * 1_000
    types = len(names).to_bytes(4) + b"".join(len(name).to_bytes(4) + name for name in names)
    message = request(types=types)
    assert len(message) > 200_000
    async with serving(store) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        used = time.process_time()
        for start in range(0, len(message), 40):
            writer.write(message[start : start + 40])
            if start % 4_000 == 0:
                await writer.drain()
                await asyncio.sleep(0)
        assert (await one(reader))[27] == 200
        assert time.process_time() - used < 5
        writer.close()


async def test_a_peer_that_only_asks_and_never_listens_is_cut_off(store: IdentifierStore) -> None:
    async with serving(store, patience=0.5) as port:
        loop = asyncio.get_running_loop()
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.setblocking(False)
            questions = request() * 1_000
            sent = 0

            async def ask_on() -> None:
                nonlocal sent
                while True:
                    await loop.sock_sendall(sock, questions)
                    sent += len(questions)

            with pytest.raises((ConnectionResetError, BrokenPipeError)):
                await asyncio.wait_for(ask_on(), 10)
        assert sent < 50_000_000


async def test_a_peer_that_says_goodbye_after_asking_gets_its_answers(store: IdentifierStore) -> None:
    async with serving(store) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(number=1) + request(b"88.118.1/NOBODY", number=2))
        writer.write_eof()
        answers = await asyncio.wait_for(reader.read(), 5)
        assert answers.count(struct.pack(">BBBB", 2, 11, 2, 11)) >= 1
        writer.close()


IDLERS = """
import resource, socket, sys
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
kept = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) for _ in range(int(sys.argv[2]))]
print("ready", flush=True)
sys.stdin.readline()
"""


async def test_ten_thousand_idle_connections_leave_room_for_a_question(store: IdentifierStore) -> None:
    wanted = 10_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted + 500:
        pytest.skip(f"only {hard} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 500), hard))
    assert wanted < MAX_CONNECTIONS
    try:
        async with serving(store, idle=60) as port:
            idlers = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                IDLERS,
                str(port),
                str(wanted),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            assert idlers.stdout is not None
            assert await asyncio.wait_for(idlers.stdout.readline(), 60) == b"ready\n"
            began = time.monotonic()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request())
            assert (await one(reader))[27] == 1
            assert time.monotonic() - began < 2
            writer.close()
            await idlers.communicate(b"\n")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
