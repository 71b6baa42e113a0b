"""What wraps Django: compression, and streams that end when the process does."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import MutableMapping
from typing import Any

import pytest

from gongfu.console import asgi
from gongfu.kernel.ops import Receive, Scope, Send

Message = MutableMapping[str, Any]


class Client:
    """A browser that stays until it has seen the end."""

    def __init__(self, **headers: str) -> None:
        names = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
        self.scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": names}
        self.seen: list[Message] = []

    async def receive(self) -> Message:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.seen.append(message)


def page(body: bytes, content_type: bytes = b"text/html", parts: int = 1) -> Any:
    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
        for part in range(parts):
            await send({"type": "http.response.body", "body": body, "more_body": part < parts - 1})

    return app


async def test_a_page_is_compressed_for_who_understands_it() -> None:
    client = Client(accept_encoding="gzip, br")
    await asgi.compressed(page(b"<p>" * 1000))(client.scope, client.receive, client.send)
    start, body = client.seen
    assert dict(start["headers"])[b"content-encoding"] == b"gzip"
    assert int(dict(start["headers"])[b"content-length"]) == len(body["body"])
    assert gzip.decompress(body["body"]) == b"<p>" * 1000


@pytest.mark.parametrize(
    ("body", "content_type", "parts", "accept"),
    [
        (b"<p>" * 1000, b"text/html", 1, "identity"),
        (b"short", b"text/html", 1, "gzip"),
        (b"\x00" * 5000, b"image/png", 1, "gzip"),
        (b"<p>" * 1000, b"text/html", 3, "gzip"),
        (b"data: 1\n\n" * 500, b"text/event-stream", 2, "gzip"),
    ],
)
async def test_anything_else_passes_as_it_is(body: bytes, content_type: bytes, parts: int, accept: str) -> None:
    client = Client(accept_encoding=accept)
    await asgi.compressed(page(body, content_type, parts))(client.scope, client.receive, client.send)
    assert b"content-encoding" not in dict(client.seen[0]["headers"])
    assert b"".join(message["body"] for message in client.seen[1:]) == body * parts


async def test_a_stream_ends_properly_when_the_process_stops() -> None:
    stopping = asyncio.Event()

    async def stream(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    client = Client(accept="text/event-stream")
    running = asyncio.create_task(asgi.ending_streams(stopping, stream)(client.scope, client.receive, client.send))
    await asyncio.sleep(0.01)
    assert not running.done()
    stopping.set()
    await asyncio.wait_for(running, 1)
    assert client.seen[-1]["more_body"] is False


async def test_an_ordinary_request_is_not_disturbed_by_stopping() -> None:
    stopping = asyncio.Event()
    stopping.set()
    client = Client(accept="text/html")
    await asgi.ending_streams(stopping, page(b"<p>"))(client.scope, client.receive, client.send)
    assert [message["type"] for message in client.seen] == ["http.response.start", "http.response.body"]


async def _ask(path: str, parts: list[bytes], **headers: str) -> tuple[int, list[bytes]]:
    client, taken, waiting = Client(**headers), list[bytes](), list(parts)
    client.scope["path"] = path

    async def receive() -> Message:
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            taken.append(message["body"])
            if not message["more_body"]:
                break
        await page(b"taken")(_scope, receive, send)

    await asgi.bounded(app)(client.scope, receive, client.send)
    return client.seen[0]["status"], taken


async def test_a_body_that_is_too_long_is_refused_before_it_is_read() -> None:
    assert await _ask("/sign-in/", [b"x"], content_length=str(2**40)) == (413, [])
    assert await _ask("/sign-in/", [b"x"], content_length="-1") == (413, [])
    assert await _ask("/sign-in/", [b"x"], content_length="1") == (200, [b"x"])
    assert (await _ask("/identity/imports/new", [b"x"], content_length=str(200 * 2**20)))[0] == 200


async def test_a_body_that_does_not_tell_its_length_is_cut_off() -> None:
    part = bytes(5 * 2**20)
    status, taken = await _ask("/api/v1/x", [part] * 9)
    assert (status, len(taken)) == (413, 2)
    assert (await _ask("/api/v1/x", [part] * 2))[0] == 200


class _Pages:
    """An app whose pages are begun and answered when told; the names of those that are at work."""

    def __init__(self) -> None:
        self.working: list[str] = []
        self.answers: dict[str, asyncio.Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        name = scope["path"]
        self.working.append(name)
        await self.answers.setdefault(name, asyncio.Event()).wait()
        self.working.remove(name)
        await page(b"")(scope, receive, send)


async def _come(app: Any, name: str, cookie: str = "", *, whole: bool = True) -> asyncio.Task[None]:
    client = Client(**({"cookie": f"language=en; gongfu_session={cookie}"} if cookie else {}))
    client.scope["path"] = name

    async def receive() -> Message:
        if whole:
            return {"type": "http.request", "body": b"", "more_body": False}
        return await client.receive()

    task = asyncio.create_task(app(client.scope, receive, client.send))
    await asyncio.sleep(0.01)
    return task


async def test_requests_take_turns_and_nobody_takes_all_of_them() -> None:
    pages = _Pages()
    app = asgi.in_turn(2, 2, 1, pages)
    tasks = [await _come(app, "slow", whole=False)]  # sends its body for ever
    tasks += [await _come(app, name, "li") for name in ("a1", "a2", "a3")]
    assert pages.working == ["a1"]
    tasks += [await _come(app, "b", "zhang"), await _come(app, "c", "wang"), await _come(app, "d")]
    assert pages.working == ["a1", "b"]
    pages.answers["b"].set()
    await asyncio.sleep(0.01)
    assert pages.working == ["a1", "c"]
    pages.answers["a1"].set()
    await asyncio.sleep(0.01)
    assert pages.working == ["c", "d"]
    tasks[3].cancel()  # a3 goes away while it waits
    for name in ("c", "d"):
        pages.answers[name].set()
    await asyncio.sleep(0.01)
    assert pages.working == ["a2"]
    pages.answers["a2"].set()
    for task in tasks[1:3]:
        await asyncio.wait_for(task, 5)
    tasks[0].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_page_that_waits_for_the_store_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "_BRISK_S", 0.05)
    pages = _Pages()
    app = asgi.in_turn(2, 1, 2, pages)
    tasks = [await _come(app, name, name) for name in ("long", "next", "third")]
    assert pages.working == ["long"]
    await asyncio.sleep(0.1)
    assert pages.working == ["long", "next"]
    await asyncio.sleep(0.1)
    assert pages.working == ["long", "next"]  # two at most, however long they take
    pages.answers["long"].set()
    await asyncio.sleep(0.01)
    assert pages.working == ["next", "third"]
    for name in ("next", "third"):
        pages.answers[name].set()
    await asyncio.gather(*tasks)


async def test_who_waited_for_a_turn_connects_anew_where_another_process_may_be_free() -> None:
    pages, clients = _Pages(), [Client(), Client()]
    app = asgi.in_turn(1, 1, 1, pages)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    tasks = []
    for name, client in zip(("a", "b"), clients, strict=True):
        client.scope["path"] = name
        tasks.append(asyncio.create_task(app(client.scope, receive, client.send)))
        pages.answers[name] = asyncio.Event()
        await asyncio.sleep(0.01)
    for answer in pages.answers.values():
        answer.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    first, second = (dict(client.seen[0]["headers"]) for client in clients)
    assert b"connection" not in first
    assert second[b"connection"] == b"close"
