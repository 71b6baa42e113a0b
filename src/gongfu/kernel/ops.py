"""``/healthz``, ``/readyz`` and ``/metrics`` of a process, and the small HTTP server they need.

``/healthz`` answers as long as the event loop turns; ``/readyz`` is 503 while a named condition fails,
with the list of conditions as JSON; ``/metrics`` is Prometheus text.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


_REQUEST_LINE = 2**20  # octets: a reader of thousands of organisations names them all


class Health:
    """Named conditions of one process; ready when all hold."""

    def __init__(self, process: str, *conditions: str) -> None:
        self.process = process
        self._conditions: dict[str, tuple[bool, str]] = dict.fromkeys(conditions, (False, "starting"))

    def set(self, condition: str, ok: bool, detail: str = "") -> None:
        """State of one condition; ``detail`` is for operators and holds no secret."""
        self._conditions[condition] = (ok, detail)

    @property
    def ready(self) -> bool:
        """Whether every condition holds."""
        return all(ok for ok, _ in self._conditions.values())

    def report(self) -> bytes:
        """JSON: process, ready, conditions."""
        return msgspec.json.encode(
            {
                "process": self.process,
                "ready": self.ready,
                "conditions": {name: {"ok": ok, "detail": text} for name, (ok, text) in self._conditions.items()},
            }
        )


def app(health: Health, other: App | None = None) -> App:
    """ASGI app of the three addresses; everything else goes to ``other``."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/healthz":
            await respond(send, 200, b"ok\n", "text/plain")
        elif path == "/readyz":
            await respond(send, 200 if health.ready else 503, health.report(), "application/json")
        elif path == "/metrics":
            await respond(send, 200, generate_latest(), CONTENT_TYPE_LATEST)
        elif other is not None:
            await other(scope, receive, send)
        else:
            await respond(send, 404, b"not found\n", "text/plain")

    return answer


async def respond(
    send: Send, status: int, body: bytes, content_type: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Send one whole HTTP response."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"content-length", str(len(body)).encode()),
                *(headers or []),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening TCP socket; raises :class:`Conflict` naming the setting when the port is taken."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(1024)  # a bound socket alone would let another process bind the same port
    except OSError as error:
        sock.close()
        raise Conflict(
            mark("Port {port} on {host} cannot be used: {reason}."),
            remedy=mark("Stop the program that holds it, or set {setting} to another port."),
            port=port,
            host=host,
            reason=error.strerror,
            setting=f"GONGFU_{setting.upper()}",
        ) from error
    return sock


@contextlib.asynccontextmanager
async def serve(application: App, sock: socket.socket, *, drain: float = 5.0) -> AsyncIterator[None]:
    """Serve ``application`` on ``sock`` inside this event loop while the block runs."""
    server = uvicorn.Server(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            http="h11",  # the parser in C takes no address of more than 64 KiB
            h11_max_incomplete_event_size=_REQUEST_LINE,
            timeout_graceful_shutdown=int(drain),
        )
    )
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve(sockets=[sock]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
