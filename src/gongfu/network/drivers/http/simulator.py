"""A small web service for demonstration and tests: documents by path, with ETags, credentials and faults."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gongfu.kernel import ops


@dataclass
class Page:
    """What a path answers."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request that came in. Names of ``headers`` are in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class HttpSimulator:
    """``async with HttpSimulator(host, port) as service: service.put("/values", b'{"x": 1}')``. Port 0: a free one."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []
        self.etags = True
        self.delay = 0.0
        self._stack = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Address of the service, without a slash at its end."""
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        sock = ops.listen(self.host, self.port, "simulator_port")
        self.port = int(sock.getsockname()[1])

        async def answer(scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
            if scope["type"] == "http":
                await self._answer(scope, receive, send)

        await self._stack.enter_async_context(ops.serve(answer, sock, drain=1))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def put(self, path: str, body: bytes, content_type: str = "application/json", status: int = 200) -> Page:
        """From now on ``path`` answers this."""
        self.pages[path] = Page(body, content_type, status)
        return self.pages[path]

    async def _answer(self, scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.asked.append(Asked(scope["method"], scope["path"], headers, body))
        await asyncio.sleep(self.delay)
        page = self.pages.get(scope["path"], Page(b"no such page", "text/plain", 404))
        sent = [(name.encode(), value.encode()) for name, value in page.headers.items()]
        if self.etags and page.status == 200:
            etag = f'"{hashlib.sha256(page.body).hexdigest()[:16]}"'
            sent.append((b"etag", etag.encode()))
            if headers.get("if-none-match") == etag:
                await ops.respond(send, 304, b"", page.content_type, sent)
                return
        await ops.respond(send, page.status, page.body, page.content_type, sent)
