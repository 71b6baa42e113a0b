"""Django in the web process: pages in a few threads that keep their connection to the database.

Django's own ASGI handler gives every request a thread that ends with it, with a connection that is opened and closed,
and passes the request between thread and event loop at every middleware that is only synchronous and at every hook of
a view. Pages are plain functions: here one thread answers a page from its first middleware to its last.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import iscoroutinefunction
from typing import IO, Any, cast

from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.core.signals import request_started
from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver, get_resolver, set_script_prefix

from gongfu.kernel.ops import App, Receive, Scope, Send

KEEP_S = 300
"""How long a thread keeps one connection: what its server process has gathered is given back now and then."""


def threads(number: int) -> ThreadPoolExecutor:
    """Threads for pages, each with a connection of its own."""
    return ThreadPoolExecutor(number, "page", initializer=_keep_connection)


class Handler:
    """Pages in ``pool``; what is written asynchronously, such as event streams, as Django does it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._django = ASGIHandler()
        self._pages = BaseHandler()
        self._pages.load_middleware()
        self._streams = frozenset(asynchronous(get_resolver().url_patterns))
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] in self._streams:
            await cast("App", self._django)(scope, receive, send)
            return
        try:
            body = await self._django.read_body(receive)
        except RequestAborted:
            return
        with contextlib.closing(body):
            answer = functools.partial(contextvars.copy_context().run, self._answer, scope, body)
            response = await asyncio.get_running_loop().run_in_executor(self._pool, answer)
            if not response.streaming:
                await self._django.send_response(response, cast("Any", send))
                return
            try:
                await self._until_gone(response, receive, send)
            finally:
                await asyncio.to_thread(response.close)

    def _answer(self, scope: Scope, body: IO[bytes]) -> HttpResponseBase:
        """The whole of a page; closed already when nothing of it is still to be made."""
        set_script_prefix(get_script_prefix(scope))
        request_started.send(type(self), scope=scope)  # closes a connection that is too old
        request, refused = self._django.create_request(cast("dict[str, Any]", scope), body)
        response = refused or self._pages.get_response(cast("HttpRequest", request))
        vars(response)["_handler_class"] = type(self)
        if not response.streaming:
            response.close()
        return response

    async def _until_gone(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send a file or a long list; end when its reader has gone."""
        gone = asyncio.create_task(self._django.listen_for_disconnect(receive))
        sending = asyncio.create_task(self._django.send_response(response, cast("Any", send)))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (gone, sending):
                task.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)


def _keep_connection() -> None:
    """Of this thread alone: daemons close theirs after every piece of work."""
    for connection in connections.all():
        kept = {"CONN_MAX_AGE": KEEP_S, "CONN_HEALTH_CHECKS": True}
        connection.settings_dict = {**connection.settings_dict, **kept}


def asynchronous(patterns: Iterable[URLPattern | URLResolver], above: str = "/") -> Iterator[str]:
    """Addresses of views that are coroutines. Raises :class:`TypeError` for one that is not a fixed text."""
    for one in patterns:
        address = above + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from asynchronous(one.url_patterns, address)
        elif iscoroutinefunction(one.callback):
            if "<" in address or "(" in address:
                raise TypeError(f"an asynchronous view needs a fixed address: {address}")
            yield address
