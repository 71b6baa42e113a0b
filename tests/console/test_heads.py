"""What a request may say before its body, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.console import heads
from gongfu.console.heads import USUAL as MOST
from gongfu.kernel import ops
from gongfu.kernel.ops import Receive, Scope, Send


async def _tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Says which headers came, and how long the body was."""
    size, more = 0, scope["type"] == "http"
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), bool(message.get("more_body"))
    names = b",".join(name for name, _value in scope.get("headers", ()))
    await ops.respond(send, 200, b"%d %s" % (size, names), "text/plain")


@contextlib.asynccontextmanager
async def _served() -> AsyncIterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(64)
        server = uvicorn.Server(
            uvicorn.Config(_tell, lifespan="off", log_config=None, http=heads.bounded(), timeout_graceful_shutdown=1)
        )
        serving = asyncio.create_task(server._serve(sockets=[sock]))
        yield int(sock.getsockname()[1])
        server.should_exit = True
        await serving


async def _say(port: int, *pieces: bytes) -> bytes:
    """Everything the server answers until it ends, or for a while."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(1):
                while part := await reader.read(2**16):
                    answer += part
        return answer
    finally:
        writer.close()


_GET = b"GET / HTTP/1.1\r\nhost: here\r\nconnection: close\r\n"


async def test_a_head_without_end_is_refused() -> None:
    async with _served() as port:
        answer = await _say(port, _GET + b"a: ", *[b"x" * 2**16] * 40)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert f"超过 {MOST} 字节" in answer.decode()
        many = await _say(port, _GET, *[b"a: b\r\n" * 10_000] * 40)
        assert many.startswith(b"HTTP/1.1 431 ")


async def test_a_long_request_line_and_a_long_body_pass() -> None:
    async with _served() as port:
        line = b"GET /?" + b"q" * 50_000 + b" HTTP/1.1\r\nconnection: close\r\n\r\n"
        assert b" 200 OK" in await _say(port, line)
        body = b"POST / HTTP/1.1\r\nconnection: close\r\ncontent-length: 5000000\r\n\r\n"
        assert b"5000000 connection,content-length" in await _say(port, body, *[b"b" * 50_000] * 100)


async def test_what_stands_behind_a_body_is_no_header_and_has_an_end() -> None:
    chunked = b"POST / HTTP/1.1\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n"
    async with _served() as port:
        answer = await _say(port, chunked + b"x-forwarded-for: 127.0.0.1\r\n\r\n")
        assert answer.endswith(b"3 connection,transfer-encoding")
        assert b" 431 " in await _say(port, chunked, *[b"a: b\r\n" * 10_000] * 40)
        assert b" 431 " in await _say(port, chunked + b"a: ", *[b"x" * 2**16] * 40)


async def test_requests_in_one_piece_are_answered_in_their_order() -> None:
    async with _served() as port:
        first = b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc"
        answer = await _say(port, first + _GET + b"\r\n")
        assert answer.index(b"3 content-length") < answer.index(b"0 host,connection")


async def test_two_lengths_are_none() -> None:
    async with _served() as port:
        both = b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        assert (await _say(port, both)).startswith(b"HTTP/1.1 400 ")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"GET / HTTP/1.1\r\n", b"\r\n", b"a: b\r\n"]))))
def test_whatever_comes_the_server_goes_on(pieces: list[bytes]) -> None:
    async def run() -> None:
        async with _served() as port:
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"".join(pieces))
            writer.close()
            assert b" 200 OK" in await _say(port, _GET + b"\r\n")

    asyncio.run(run())
