"""``/api/handles`` and ``/api/prefixes`` of the JSON API of Handle.Net 9.

Source: Handle.Net technical manual, chapter 14; HTTP statuses as its server gives them. What is not there is ours:
``after`` beside ``page``, and the statuses of the national response codes.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qs

from gongfu.identity.handle import names
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.resolver.administration import MAX_LIST, Administration
from gongfu.identity.resolver.counters import Counters, Transport
from gongfu.identity.resolver.errors import AuthenticationNeeded, TooManyFailures
from gongfu.identity.resolver.http import values as value_json
from gongfu.identity.resolver.http.answers import ANY_ORIGIN, HANDLES, Answer, path_handle, refusal, respond
from gongfu.identity.resolver.http.authentication import Authenticator, Caller
from gongfu.identity.resolver.http.messages import Request, Response
from gongfu.identity.resolver.http.sessions import Sessions
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark

_T = TypeVar("_T")
_PREFIXES = b"/api/prefixes/"
_LANGUAGE = "en"  # programs read it


class Parameters:
    """The query of an address; raises :class:`Malformed` for what cannot be read."""

    def __init__(self, query: str) -> None:
        try:
            self._found = (
                parse_qs(query, keep_blank_values=True, errors="strict", max_num_fields=2_100) if query else {}
            )
        except ValueError as error:
            raise Malformed(mark("The query cannot be read.")) from error

    def all(self, name: str) -> list[str]:
        """Every value of ``name``."""
        return self._found.get(name, [])

    def one(self, name: str) -> str | None:
        """Its last value."""
        return self._found[name][-1] if name in self._found else None

    def flag(self, name: str, default: bool = False) -> bool:
        """Whether it is ``true``, ``yes`` or given without a value."""
        value = self.one(name)
        return default if value is None else value.lower() in ("", "true", "yes")

    def number(self, name: str, default: int) -> int:
        """It as a number; negative ones are ``default``."""
        value = self.one(name)
        if value is None:
            return default
        if not value.lstrip("-").isascii() or not value.lstrip("-").isdigit() or len(value) > 12:
            raise Malformed(mark("{name} is no number: {value}."), name=name, value=value[:40])
        return int(value) if int(value) >= 0 else default

    def indexes(self) -> list[int]:
        """The values of ``index`` as numbers."""
        found = self.all("index")
        if not all(value.isascii() and value.isdigit() and len(value) <= 10 for value in found):
            raise Malformed(mark("{name} is no number: {value}."), name="index", value=", ".join(found)[:40])
        return [int(value) for value in found]

    def pairs(self) -> list[tuple[str, str]]:
        """All of them."""
        return [(name, value) for name, values in self._found.items() for value in values]


class HandleApi:
    """Answers below ``/api/handles`` and ``/api/prefixes``."""

    def __init__(
        self,
        administration: Administration,
        authenticator: Authenticator,
        sessions: Sessions,
        count: Callable[[str], int],
        counters: Counters,
    ) -> None:
        self._administration = administration
        self._authenticator = authenticator
        self._sessions = sessions
        self._count = count
        self._counters = counters

    async def handles(self, request: Request) -> Response:
        """``/api/handles/{handle}`` and ``/api/handles?prefix=``."""
        if not request.path.startswith(HANDLES) or request.path == HANDLES:
            return await self._performed(request, None, self._list)
        try:
            handle = path_handle(request.path[len(HANDLES) :])
        except BadHandle as error:
            return self.refused(error)
        match request.method:
            case "GET" | "HEAD":
                return await self._performed(request, handle, self._get)
            case "PUT":
                return await self._performed(request, handle, self._put)
            case "DELETE":
                return await self._performed(request, handle, self._delete)
        return not_allowed("GET, HEAD, PUT, DELETE, OPTIONS", request)

    async def prefixes(self, request: Request) -> Response:
        """``/api/prefixes`` lists, ``/api/prefixes/{prefix}`` homes and unhomes."""
        name = request.path[len(_PREFIXES) :]
        actions = {"PUT": self._home, "DELETE": self._unhome} if name else {"GET": self._homed, "HEAD": self._homed}
        action = actions.get(request.method)
        if action is None:
            return not_allowed(", ".join([*actions, "OPTIONS"]), request)
        try:
            return await self._performed(request, path_handle(name) if name else None, action)
        except BadHandle as error:
            return self.refused(error)

    async def _performed(
        self, request: Request, handle: str | None, work: Callable[[Request, str, Caller], Response]
    ) -> Response:
        """``work`` in a thread, once it is known who asks; every refusal as an answer."""
        try:
            if b"authorization" not in request.headers and request.certificate is None and request.method == "GET":
                response = work(request, handle or "", Caller())  # reads the store, no more
            else:
                response = await asyncio.to_thread(self._as_caller, request, handle or "", work)
        except GongfuError as error:
            return self.refused(error, handle)
        self._counters.answered(Transport.HTTP, ResponseCode.SUCCESS)
        return response

    def _as_caller(self, request: Request, handle: str, work: Callable[[Request, str, Caller], Response]) -> Response:
        return work(request, handle, self._authenticator.caller(request))

    def refused(self, error: GongfuError, handle: str | None = None, *, reading: bool = False) -> Response:
        """The answer to what could not be done; a 401 says how to sign in."""
        code, answer = refusal(error, handle=handle, language=_LANGUAGE)
        self._counters.answered(Transport.HTTP, code)
        response = respond(answer, status=200 if code is ResponseCode.VALUES_NOT_FOUND and reading else 0)
        if isinstance(error, AuthenticationNeeded):
            response.headers += challenge(self._sessions)
        return waiting(error, response) if isinstance(error, TooManyFailures) else response

    def _get(self, request: Request, handle: str, caller: Caller) -> Response:
        asked = Parameters(request.query)
        try:
            found = self._administration.resolve(
                handle,
                asked.indexes(),
                asked.all("type"),
                who=caller.who,
                public_only=asked.flag("publicOnly", caller.who is None),
            )
        except GongfuError as error:
            return self.refused(error, handle, reading=True)
        answer = Answer(ResponseCode.SUCCESS, handle=handle, values=value_json.raw(found))
        response = respond(answer, pretty=asked.flag("pretty"))
        if caller.who is None:
            response.headers.append(ANY_ORIGIN)
        return response

    def _put(self, request: Request, handle: str, caller: Caller) -> Response:
        asked = Parameters(request.query)
        overwrite, mint = asked.flag("overwrite", True), asked.flag("mintNewSuffix")
        values = value_json.from_json(request.body)
        given = asked.all("index")
        if not given:
            record = self._administration.create(
                caller.who, handle, values, overwrite=overwrite and not mint, mint=mint
            )
            return respond(
                Answer(ResponseCode.SUCCESS, handle=str(record.handle)), status=201 if mint or not overwrite else 200
            )
        if given != ["various"] and sorted(asked.indexes()) != sorted(value.index for value in values):
            raise Malformed(
                mark("The indexes in the address are not those of the values."),
                remedy=mark("Name each value's index, or write index=various."),
            )
        self._administration.add_values(caller.who, handle, values, overwrite=overwrite)
        return respond(Answer(ResponseCode.SUCCESS, handle=handle), status=200 if overwrite else 201)

    def _delete(self, request: Request, handle: str, caller: Caller) -> Response:
        indexes = Parameters(request.query).indexes()
        if indexes:
            self._administration.remove_values(caller.who, handle, indexes)
        else:
            self._administration.delete(caller.who, handle)
        return respond(Answer(ResponseCode.SUCCESS, handle=handle))

    def _list(self, request: Request, _: str, caller: Caller) -> Response:
        if request.method not in ("GET", "HEAD"):
            return not_allowed("GET, HEAD, OPTIONS", request)
        asked = Parameters(request.query)
        prefix = (asked.one("prefix") or "").removeprefix(f"{names.PREFIXES}/")
        if not prefix:
            raise Malformed(mark("Name the prefix to list: /api/handles?prefix=88.118.1."))
        page, size, after = asked.number("page", -1), asked.number("pageSize", -1), asked.one("after") or ""
        paged = page >= 0 and size >= 0
        last = (page + 1) * size if paged else MAX_LIST
        if last > MAX_LIST:
            raise Malformed(
                mark("Page {page} lies beyond the first {limit}."),
                remedy=mark("Go on with after= and the last identifier of the page before."),
                page=page,
                limit=MAX_LIST,
            )
        found = self._administration.list_handles(caller.who, prefix, after=after, limit=last)
        return respond(
            Answer(
                ResponseCode.SUCCESS,
                prefix=prefix,
                total_count=str(self._count(prefix)),  # text, as Handle.Net has it
                page=page if paged else None,
                page_size=size if paged else None,
                handles=found[page * size :] if paged else found,
            ),
            pretty=asked.flag("pretty"),
        )

    def _homed(self, request: Request, _: str, caller: Caller) -> Response:
        found = self._administration.homed(caller.who)
        answer = Answer(ResponseCode.SUCCESS, total_count=str(len(found)), prefixes=found)
        return respond(answer, pretty=Parameters(request.query).flag("pretty"))

    def _home(self, _: Request, prefix: str, caller: Caller) -> Response:
        self._administration.home(caller.who, prefix.removeprefix(f"{names.PREFIXES}/"))
        return respond(Answer(ResponseCode.SUCCESS, handle=prefix))

    def _unhome(self, _: Request, prefix: str, caller: Caller) -> Response:
        self._administration.unhome(caller.who, prefix.removeprefix(f"{names.PREFIXES}/"))
        return respond(Answer(ResponseCode.SUCCESS, handle=prefix))


def challenge(sessions: Sessions) -> list[tuple[str, str]]:
    """How to sign in: Basic, or by signing the nonce of a new session."""
    basic = ("WWW-Authenticate", 'Basic realm="handle"')
    try:
        session = sessions.create()
    except Unavailable:
        return [basic]
    nonce = base64.b64encode(session.nonce).decode()
    return [
        basic,
        ("WWW-Authenticate", f'Handle version="0", realm="handle", sessionId="{session.id}", nonce="{nonce}"'),
    ]


def waiting(error: TooManyFailures, response: Response) -> Response:
    """``response`` as 429, saying when to come back (RFC 6585 §4)."""
    response.status = error.http_status
    response.headers.append(("Retry-After", str(error.values["seconds"])))
    return response


def not_allowed(allowed: str, request: Request) -> Response:
    """The answer to a method that an address does not know, and to OPTIONS."""
    if request.method == "OPTIONS":
        return Response(200, b"", headers=[("Allow", allowed)])
    message = f"{request.method} is not possible here; {allowed} are."
    response = respond(Answer(ResponseCode.PROTOCOL_ERROR, message=message), status=405)
    response.headers.append(("Allow", allowed))
    return response
