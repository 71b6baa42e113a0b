"""Pages are answered by a few threads that keep their connection to the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.db.backends.signals import connection_created
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import get_resolver, path

from gongfu.console.handler import Handler, asynchronous, threads
from gongfu.kernel.ops import Scope
from tests.console.test_asgi import Message


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    made = threads(1)
    yield made
    made.submit(connections.close_all).result()
    made.shutdown()


class Browser:
    """Asks once; goes away when it has seen ``enough`` messages."""

    def __init__(self, address: str, enough: int = 1000) -> None:
        cookies = b"gongfu_session=" + b"x" * 32  # of nobody: the database is asked for it
        headers = [(b"host", b"localhost"), (b"cookie", cookies)]
        self.scope: Scope = {"type": "http", "method": "GET", "path": address, "query_string": b"", "headers": headers}
        self.enough, self.seen, self.gone, self.asked = enough, cast("list[Message]", []), asyncio.Event(), False

    async def receive(self) -> Message:
        if self.asked:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self.asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Message) -> None:
        self.seen.append(message)
        if len(self.seen) >= self.enough:
            self.gone.set()
            await asyncio.sleep(0)


@pytest.mark.django_db(transaction=True)
async def test_pages_that_follow_each_other_share_one_connection_to_the_database(pool: ThreadPoolExecutor) -> None:
    made: list[object] = []

    def note(**_: object) -> None:
        made.append(1)

    connection_created.connect(note)
    try:
        handler = Handler(pool)
        for _ in range(3):
            browser = Browser("/about/")
            await handler(browser.scope, browser.receive, browser.send)
            assert browser.seen[0]["status"] == 302  # to the sign-in
    finally:
        connection_created.disconnect(note)
    assert len(made) == 1


async def test_a_long_list_is_no_longer_made_when_its_reader_has_gone(pool: ThreadPoolExecutor) -> None:
    closed: list[str] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"a line\n"
                await asyncio.sleep(0)
        finally:
            closed.append("pieces")

    def page(_request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(pieces())

    handler = Handler(pool)
    handler._pages = _Only(page)
    browser = Browser("/", enough=4)
    await asyncio.wait_for(handler(browser.scope, browser.receive, browser.send), 60)
    assert browser.seen[1]["body"] == b"a line\n"
    assert closed == ["pieces"]


class _Only(BaseHandler):
    """A console of one page, without middleware."""

    def __init__(self, page: object) -> None:
        self._middleware_chain = page


def test_the_live_stream_is_known_as_asynchronous_and_nothing_with_a_variable_in_its_address_can_be() -> None:
    assert "/data/telemetry/live" in set(asynchronous(get_resolver().url_patterns))

    async def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    with pytest.raises(TypeError, match="fixed address"):
        list(asynchronous([path("streams/<int:pk>/", view)]))
