"""Which address is answered by what, and the HTTP door as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec

from gongfu.identity.handle import keys, site, site_json
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.counters import Counters, Transport
from gongfu.identity.resolver.errors import NoValue
from gongfu.identity.resolver.http import enterprise, pages, secondary, signing_in
from gongfu.identity.resolver.http.answers import Answer, Quick, path_handle, respond
from gongfu.identity.resolver.http.api import HandleApi, Parameters, not_allowed
from gongfu.identity.resolver.http.authentication import Authenticator
from gongfu.identity.resolver.http.connection import HttpServer
from gongfu.identity.resolver.http.messages import Request, Response
from gongfu.identity.resolver.http.search import Search
from gongfu.identity.resolver.http.sessions import Sessions
from gongfu.identity.resolver.http.throttle import Throttle
from gongfu.identity.resolver.http.tls import Tls
from gongfu.kernel.errors import GongfuError
from gongfu.kernel.i18n import mark

_SEARCH = (b"/hrls/handles", b"/hrls/handles/")
_ELSEWHERE = (b"/favicon.ico", b"/robots.txt", b"/")


class HttpService:
    """The HTTP door of one worker; :meth:`serving` opens it."""

    def __init__(
        self,
        home: Path,
        store: IdentifierStore,
        administration: Administration,
        counters: Counters,
        *,
        node_prefix: str = "",
        tls: Tls | None = None,
    ) -> None:
        self._administration = administration
        self._counters = counters
        self._node_prefix = node_prefix
        self._sessions = Sessions(home)
        throttle = Throttle()
        self._authenticator = Authenticator(administration.authority, self._sessions, throttle)
        self._api = HandleApi(administration, self._authenticator, self._sessions, store.count, counters)
        self._signing_in = signing_in.SigningIn(
            self._authenticator, self._sessions, lambda: keys.node_key(home), self._api.refused
        )
        self._search = Search(store, administration.authority)
        self._secondary = secondary.SecondaryApi(administration, self._sessions, throttle)
        self._enterprise = enterprise.EnterpriseApi(administration, self._sessions)
        self._server = HttpServer(Quick(store, counters), self.answer, _unreadable, tls=tls)

    @contextlib.asynccontextmanager
    async def serving(self, sock: socket.socket) -> AsyncIterator[None]:
        """Answer on ``sock`` while the block runs."""
        try:
            async with self._server.serving(sock):
                yield
        finally:
            self._sessions.close()

    async def answer(self, request: Request) -> Response:
        """The answer to any request."""
        path = request.path
        if path.startswith(b"/api/handles"):
            return await self._api.handles(request)
        if path.startswith(b"/api/prefixes"):
            return await self._api.prefixes(request)
        for prefix, work in (
            (signing_in.SESSIONS, self._signing_in.sessions),
            (signing_in.VERIFICATIONS, self._signing_in.verifications),
            (b"/api/site", self._site),
            (_SEARCH[0], self._searched),
            (enterprise.DOIP, self._enterprise.answer),
            (secondary.DATA, self._secondary.answer),
            (secondary.TOKEN[0], self._secondary.answer),
        ):
            if path == prefix or path.startswith(prefix.rstrip(b"/") + b"/"):
                return await self._counted(request, work)
        if path.startswith(b"/api/") or path in _ELSEWHERE:
            message = f"There is nothing at {path.decode('latin-1')[:200]}."
            return respond(Answer(ResponseCode.PROTOCOL_ERROR, message=message), status=404)
        return await self._counted(request, self._page)

    async def _counted(self, request: Request, work: Callable[[Request], Response]) -> Response:
        response = await asyncio.to_thread(work, request)
        self._counters.answered(Transport.HTTP, ResponseCode.SUCCESS if response.status < 400 else ResponseCode.ERROR)
        return response

    def _searched(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, OPTIONS", request)
        try:
            who = self._authenticator.caller(request).who
            return self._search.answer(who, Parameters(request.query))
        except GongfuError as error:
            return self._api.refused(error)

    def _site(self, request: Request) -> Response:
        """Where this node is reached: the HS_SITE value of its prefix."""
        if request.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, OPTIONS", request)
        try:
            values = self._administration.resolve(f"0.NA/{self._node_prefix}", types=["HS_SITE"])
            found = site.sites(values)
            if not found:
                raise NoValue(mark("This node has no site information."))
        except GongfuError as error:
            return self._api.refused(error)
        shown = msgspec.Raw(site_json.to_json(found[-1]))
        return respond(Answer(ResponseCode.SUCCESS, site=shown), pretty=Parameters(request.query).flag("pretty"))

    def _page(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, OPTIONS", request)
        language = pages.preferred(request.headers.get(b"accept-language", b""))
        try:
            handle, asked = path_handle(request.path[1:]), Parameters(request.query)
        except GongfuError as error:
            return pages.refusal(error, language)
        return pages.page(self._administration, handle, asked, language)


def _unreadable(status: int, message: str) -> Response:
    return respond(Answer(ResponseCode.PROTOCOL_ERROR, message=message), status=status)
