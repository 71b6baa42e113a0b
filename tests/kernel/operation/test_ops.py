"""Health and metrics as a monitoring system sees them."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from prometheus_client import Counter

from gongfu.kernel import ops
from gongfu.kernel.errors import Conflict
from gongfu.kernel.supervisor.probe import ask


async def get(port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    status, *lines = head.decode().split("\r\n")
    return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body


async def test_ready_only_when_every_condition_holds() -> None:
    health = ops.Health("gateway", "bus", "configuration")
    sock = ops.listen("127.0.0.1", 0, "gateway_port")
    port = sock.getsockname()[1]
    async with ops.serve(ops.app(health), sock):
        assert (await get(port, "/healthz"))[::2] == (200, b"ok\n")
        status, headers, body = await get(port, "/readyz")
        assert (status, headers["content-type"]) == (503, "application/json")
        assert json.loads(body) == {
            "process": "gateway",
            "ready": False,
            "conditions": {
                "bus": {"ok": False, "detail": "starting"},
                "configuration": {"ok": False, "detail": "starting"},
            },
        }
        health.set("bus", True)
        health.set("configuration", True, "3 devices")
        assert (await get(port, "/readyz"))[0] == 200
        answer = await ask(f"http://127.0.0.1:{port}/readyz")
        assert (answer.alive, answer.ready, answer.conditions["configuration"].detail) == (True, True, "3 devices")
        health.set("bus", False, "gone")
        answer = await ask(f"http://127.0.0.1:{port}/readyz")
        assert (answer.alive, answer.ready, answer.conditions["bus"].ok) == (True, False, False)
        assert (await get(port, "/other"))[0] == 404
    answer = await ask(f"http://127.0.0.1:{port}/readyz")
    assert (answer.alive, answer.ready) == (False, False)


async def test_metrics_are_prometheus_text() -> None:
    Counter("gongfu_test_things", "Things.").inc(3)
    sock = ops.listen("127.0.0.1", 0, "gateway_port")
    async with ops.serve(ops.app(ops.Health("x")), sock):
        status, headers, body = await get(sock.getsockname()[1], "/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    assert b"gongfu_test_things_total 3.0" in body


async def test_everything_else_goes_to_the_process_itself() -> None:
    async def other(scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
        await ops.respond(send, 418, scope["path"].encode(), "text/plain", [(b"x-a", b"b")])

    sock = ops.listen("127.0.0.1", 0, "gateway_port")
    async with ops.serve(ops.app(ops.Health("x"), other), sock):
        status, headers, body = await get(sock.getsockname()[1], "/faults")
    assert (status, headers["x-a"], body) == (418, "b", b"/faults")


def test_a_taken_port_is_named_with_its_setting_even_before_its_holder_answers() -> None:
    first = ops.listen("127.0.0.1", 0, "web_port")
    port = first.getsockname()[1]
    with first, pytest.raises(Conflict, match=f"Port {port} on 127.0.0.1 cannot be used.*GONGFU_WEB_PORT"):
        ops.listen("127.0.0.1", port, "web_port")


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(Conflict, match=r"Port 80 on 203\.0\.113\.1 cannot be used"):
        ops.listen("203.0.113.1", 80, "web_port")


@pytest.mark.parametrize(
    "answer", [b"", b"garbage", b"HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n{not json", b"\xff" * 99]
)
async def test_a_probe_survives_any_answer(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await ask(f"http://127.0.0.1:{port}/readyz")
    assert found.ready is (b"200" in answer)
    assert found.conditions == {}


async def test_a_probe_gives_up_on_a_process_that_hangs() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        found = await ask(f"http://127.0.0.1:{sock.getsockname()[1]}/readyz", patience=0.2)
    assert found.alive is False
