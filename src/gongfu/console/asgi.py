"""What wraps Django in the web process: static files, compression, the end of streams, health for this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import zlib
from collections.abc import MutableMapping
from typing import Any
from weakref import WeakValueDictionary

from gongfu.console.static_files import StaticFile
from gongfu.kernel import ops
from gongfu.kernel.ops import App, Health, Receive, Scope, Send

_SESSION = re.compile(rb"(?:^|;\s*)gongfu_session=([^;\s]{1,100})")
_COMPRESSED = (b"text/html", b"application/json", b"text/csv", b"image/svg+xml", b"text/css", b"text/javascript")
_WORTH = 1000
_USUAL = 12 * 2**20
"""Octets of a body: a scanned licence of 10 MB in a form."""
_LARGE = (("/identity/imports/", 257 * 2**20),)
"""Addresses that take more: files of identifiers."""
_BRISK_S = 0.25
_FOR_THIS_MACHINE = ("/readyz", "/metrics")


def with_health(health: Health, other: App) -> App:
    """``/healthz`` for everyone, ``/readyz`` and ``/metrics`` for callers on this machine, the rest to ``other``."""
    answers = ops.app(health, other)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in _FOR_THIS_MACHINE and not _is_local(scope):
            await ops.respond(send, 404, b"not found\n", "text/plain")
        else:
            await answers(scope, receive, send)

    return answer


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    try:
        # A proxy on this machine calls for strangers: then it says for whom.
        forwarded = any(name == b"x-forwarded-for" for name, _value in scope["headers"])
        return client is not None and ipaddress.ip_address(client[0]).is_loopback and not forwarded
    except ValueError:
        return False


def below(path: str, inner: App, other: App) -> App:
    """Addresses below ``path`` to ``inner``, the rest to ``other``."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        here = scope["type"] == "http" and (scope["path"] == path or scope["path"].startswith(f"{path}/"))
        await (inner if here else other)(scope, receive, send)

    return answer


def ending_streams(stopping: asyncio.Event, other: App) -> App:
    """Event streams never end by themselves: once ``stopping`` is set they see their client leave, and finish.

    Other requests go on; the server gives them time.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if not any(name == b"accept" and b"text/event-stream" in value for name, value in scope.get("headers", ())):
            await other(scope, receive, send)
            return
        streaming = False

        async def receive_or_stop() -> MutableMapping[str, Any]:
            message, stop = asyncio.ensure_future(receive()), asyncio.ensure_future(stopping.wait())
            try:
                await asyncio.wait({message, stop}, return_when=asyncio.FIRST_COMPLETED)
                return message.result() if message.done() else {"type": "http.disconnect"}
            finally:
                message.cancel()
                stop.cancel()

        async def note(message: MutableMapping[str, Any]) -> None:
            nonlocal streaming
            streaming = message["type"] == "http.response.start" or bool(message.get("more_body"))
            await send(message)

        await other(scope, receive_or_stop, note)
        if streaming and stopping.is_set():
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return answer


def in_turn(most: int, brisk: int, each: int, other: App) -> App:
    """At most ``most`` requests worked on at once, the others in their order: a page that has its turn is soon done.

    Without it a thousand people who come at once would each get a thread and a connection to the database, and all
    would wait for all. Of the ``most`` at most ``brisk`` are younger than :data:`_BRISK_S`: as one interpreter reckons
    for one at a time, more of them only hand it to and fro; older ones wait for the store, and give way. A turn begins
    when the whole request is there, so that a slow sender takes nobody's, and ends when the answer begins: streams
    keep nobody waiting. Of one caller at most ``each`` requests have a turn: whoever asks the store long questions in
    ten windows waits for himself.

    Who had to wait is asked to connect anew: of several processes behind one port the one that is free takes him. Else
    all who came over from a process that died would stay where they went, and the new one would stand idle.
    """
    turns, reckoning = asyncio.Semaphore(most), asyncio.Semaphore(brisk)
    own: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await other(scope, receive, send)
            return
        caller = _caller(scope)
        first = own.setdefault(caller, asyncio.Semaphore(each)) if caller else None
        held: list[asyncio.Semaphore] = []
        began = waited = False

        def give_way() -> None:
            if held and held[-1] is reckoning:
                held.pop().release()

        def over() -> None:
            while held:
                held.pop().release()

        async def whole() -> MutableMapping[str, Any]:
            nonlocal began, waited
            message = await receive()
            if not began and message["type"] == "http.request" and not message.get("more_body"):
                began, waited = True, turns.locked() or reckoning.locked()
                for one in (first, turns, reckoning):
                    if one is not None:
                        await one.acquire()
                        held.append(one)
                asyncio.get_running_loop().call_later(_BRISK_S, give_way)
            return message

        async def note(message: MutableMapping[str, Any]) -> None:
            over()
            if waited and message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        try:
            await other(scope, whole, note)
        finally:
            over()

    return answer


def _caller(scope: Scope) -> bytes:
    """A session's cookie or what a program signs in with; empty for strangers, whose pages are short."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
        if name == b"cookie" and (found := _SESSION.search(value)):
            return bytes(found[1])
    return b""


def bounded(other: App) -> App:
    """413 for a body longer than its address may take: Django would write all of it to disk before it looks."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await other(scope, receive, send)
            return
        limit = next((most for path, most in _LARGE if scope["path"].startswith(path)), _USUAL)
        told = next((value for name, value in scope["headers"] if name.lower() == b"content-length"), b"0")
        taken, started = (int(told) if told.isdigit() else limit + 1), False
        if taken > limit:
            await _too_long(send, limit)
            return
        taken = 0

        async def take() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return message if taken <= limit else {"type": "http.disconnect"}

        async def note(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            started = True
            await send(message)

        await other(scope, take, note)
        if taken > limit and not started:
            await _too_long(send, limit)

    return answer


async def _too_long(send: Send, limit: int) -> None:
    size = limit // 2**20
    text = f"请求内容超过 {size} MB 的上限。\nThe request is longer than the limit of {size} MB.\n"
    await ops.respond(send, 413, text.encode(), "text/plain; charset=utf-8", [(b"connection", b"close")])


def compressed(other: App) -> App:
    """Gzip whole answers of text. Streams pass untouched: an event must not wait in a buffer.

    Django masks its CSRF token anew in every page, so compressing pages does not give it away (BREACH).
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        accepted = any(name == b"accept-encoding" and b"gzip" in value for name, value in scope.get("headers", ()))
        if scope["type"] != "http" or not accepted:
            await other(scope, receive, send)
            return
        started: MutableMapping[str, Any] | None = None

        async def squeeze(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start" and _fits(message):
                started = message
                return
            if started is not None:
                body = message.get("body", b"")
                if not message.get("more_body") and len(body) >= _WORTH:
                    packer = zlib.compressobj(5, zlib.DEFLATED, 31)
                    message = {**message, "body": packer.compress(body) + packer.flush()}
                    started["headers"] = [
                        *((n, v) for n, v in started["headers"] if n.lower() != b"content-length"),
                        (b"content-encoding", b"gzip"),
                        (b"content-length", str(len(message["body"])).encode()),
                        (b"vary", b"Accept-Encoding"),
                    ]
                await send(started)
                started = None
            await send(message)

        await other(scope, receive, squeeze)

    return answer


def with_static(files: dict[str, StaticFile], other: App) -> App:
    """Files whose names carry their hash, without a detour through Django; everything else to ``other``."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        file = files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await other(scope, receive, send)
            return
        zipped = file.zipped is not None and any(n == b"accept-encoding" and b"gzip" in v for n, v in scope["headers"])
        path = file.zipped if zipped and file.zipped else file.path
        body = await asyncio.to_thread(path.read_bytes)
        headers = [
            (b"cache-control", b"public, max-age=31536000, immutable"),
            (b"vary", b"Accept-Encoding"),
            (b"x-content-type-options", b"nosniff"),
            *([(b"content-encoding", b"gzip")] if zipped else ()),
        ]
        # uvicorn itself leaves the body of an answer to HEAD out.
        await ops.respond(send, 200, body, file.content_type, headers)

    return answer


def _fits(message: MutableMapping[str, Any]) -> bool:
    headers = {name.lower(): value for name, value in message["headers"]}
    return b"content-encoding" not in headers and headers.get(b"content-type", b"").startswith(_COMPRESSED)
