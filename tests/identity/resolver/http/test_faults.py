"""What the HTTP door does with the slow, the large, the malformed and the many."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import socket
import time
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.resolver.http.connection import HttpServer
from gongfu.identity.resolver.http.messages import MAX_BODY, BadRequest, Request, Response, read_head

GET = b"GET /api/handles/88.118.1/a HTTP/1.1\r\nHost: x\r\n\r\n"


def status(said: bytes) -> int:
    assert said.startswith(b"HTTP/1.1 "), said[:80]
    return int(said[9:12])


@pytest.mark.node
@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (b"\r\n\r\nnonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/3.0\r\n\r\n", 505),
        (b"GET x HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n bad: name\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\na: b\0c\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\na: " + b"x" * 20_000, 431),
        (b"PUT /api/handles/88.118.1/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT /api/handles/88.118.1/x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"PUT /api/handles/88.118.1/x HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n", 413),
        (b"PUT /api/handles/88.118.1/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    ],
)
def test_what_is_no_request_is_told_so_and_the_connection_closed(node, octets: bytes, answer: int) -> None:
    said = node.raw(octets)
    assert status(said) == answer
    assert b"Connection: close" in said
    assert json.loads(said.partition(b"\r\n\r\n")[2])["responseCode"] == 4


@pytest.mark.node
def test_requests_sent_together_are_answered_in_their_order(node) -> None:
    missing = GET.replace(b"/a ", b"/missing ")
    said = node.raw(GET + missing + GET + GET.replace(b"Host", b"Connection: close\r\nHost"))
    codes = [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]
    assert codes == [200, 404, 200, 200]


@pytest.mark.node
def test_old_clients_and_absolute_addresses_are_served(node) -> None:
    assert status(node.raw(GET.replace(b"HTTP/1.1", b"HTTP/1.0"))) == 200
    closing = b"GET http://example.com/api/handles/88.118.1/a HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert status(node.raw(closing)) == 200


@pytest.mark.node
def test_a_client_that_waits_to_be_told_to_send_its_body_is(node) -> None:
    head = b"PUT /api/handles/88.118.1/x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with socket.create_connection(("127.0.0.1", node.http), timeout=5) as sock:
        sock.sendall(head)
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"[]")
        assert status(sock.recv(1000)) in (400, 401)


@pytest.mark.node
def test_a_thousand_idle_connections_do_not_keep_others_waiting(node) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < 3_000:
        pytest.skip("this machine allows too few open files")
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", node.http)))
        began = time.monotonic()
        assert status(node.raw(GET.replace(b"Host", b"Connection: close\r\nHost"))) == 200
        assert time.monotonic() - began < 1


@pytest.mark.node
def test_what_speaks_tls_badly_is_cut_off_and_others_go_on(node) -> None:
    assert not node.raw(b"\x16\x03\x01\x00\x05hello" + b"x" * 100).startswith(b"HTTP")
    assert status(node.raw(GET.replace(b"Host", b"Connection: close\r\nHost"))) == 200


@contextlib.asynccontextmanager
async def server(**limits: float) -> AsyncIterator[int]:
    async def handler(request: Request) -> Response:
        await asyncio.sleep(0.05)
        return Response(200, request.body or b"{}")

    made = HttpServer(lambda head: None, handler, lambda status, text: Response(status, text.encode()), **limits)  # type: ignore[arg-type]
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    async with made.serving(sock):
        yield sock.getsockname()[1]


async def test_a_request_that_trickles_in_is_given_up_on() -> None:
    async with server(head=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for letter in b"GET /":
            writer.write(bytes((letter,)))
            await asyncio.sleep(0.05)
        assert status(await asyncio.wait_for(reader.read(), 2)) == 408
        writer.close()


async def test_a_body_that_trickles_in_is_given_up_on() -> None:
    async with server(body=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PUT / HTTP/1.1\r\nContent-Length: 100\r\n\r\nxx")
        assert status(await asyncio.wait_for(reader.read(), 2)) == 408
        writer.close()


async def test_an_idle_connection_ends_without_a_word() -> None:
    async with server(idle=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        said = await asyncio.wait_for(reader.read(), 3)
        assert said.count(b"HTTP/1.1") == 1
        writer.close()


async def test_when_there_are_too_many_the_idlest_makes_room() -> None:
    async with server(limit=3) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert status(await reader.read()) == 200
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(opened[0][0].read(), 2) == b""
        for _, other in opened:
            other.close()
        writer.close()


async def test_a_request_at_work_is_answered_while_the_server_stops() -> None:
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await asyncio.sleep(0.02)
    assert status(await reader.read()) == 200
    writer.close()


@given(st.binary(max_size=300))
def test_any_octets_are_a_request_or_refused(octets: bytes) -> None:
    for head in (octets, b"GET /" + octets + b" HTTP/1.1", b"PUT / HTTP/1.1\r\n" + octets):
        with contextlib.suppress(BadRequest):
            request, length = read_head(head)
            assert request.target.startswith(b"/")
            assert 0 <= length <= MAX_BODY


@given(st.text(), st.text())
def test_what_is_put_into_a_header_never_becomes_another(name: str, value: str) -> None:
    octets = Response(200, b"", headers=[("X-Test", name + value)]).encode(keep=True)
    assert octets.count(b"\r\n") == 5
