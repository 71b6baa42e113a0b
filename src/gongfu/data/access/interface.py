"""ClickHouse's HTTP interface for people: their API token opens a read-only view of their organisations' rows.

``/ping``; ``/`` with the statement in ``query`` or the body, as official clients send it. User name and token come by
Basic, by ``X-ClickHouse-User`` and ``X-ClickHouse-Key``, as ``user`` and ``password``, or the token alone as Bearer.
Source: https://clickhouse.com/docs/en/interfaces/http
"""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final, Protocol, TypeVar
from urllib.parse import parse_qsl

from django.db import close_old_connections

from gongfu.data.access import asking, framing, native_frames
from gongfu.data.access.asking import Asker, Question
from gongfu.data.access.errors import LimitReached
from gongfu.data.telemetry.store.bodies import decompress, form
from gongfu.kernel.accounts import services as accounts
from gongfu.kernel.accounts import tokens
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.ops import App, Receive, Scope, Send, respond
from gongfu.kernel.settings import Settings
from gongfu.kernel.store import DATABASE

MAX_BODY: Final = 4 * 1024 * 1024
"""Octets of a request: SQL and its parameters; nobody writes here."""
_NUMBERS: Final = {"invalid": 36, "forbidden": 497, "not_found": 60, "unavailable": 210, "unreadable": 36}
_STATUS: Final = {"unavailable": 503, "forbidden": 403, "limit_reached": 400, "invalid": 400}
T = TypeVar("T")


class _Packer(Protocol):
    def feed(self, chunk: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class _Unknown(Exception):
    """Nobody with this name and token."""


class _Interface:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"].endswith("/ping") or scope["path"].endswith("/replicas_status"):
            await respond(send, 200, b"Ok.\n", "text/plain")
            return
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin1"), keep_blank_values=True))
        if not query.get("query") and scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await respond(send, 200, b"Ok.\n", "text/plain")
            return
        try:
            asker, language = await asyncio.to_thread(_with_database, lambda: _who(headers, query))
        except _Unknown:
            text = translate(mark("User name or API token is wrong, or the token has run out."), _asked_for(headers))
            challenge = [(b"www-authenticate", b'Basic realm="Gongfu"')]
            await _refuse(send, 401, 516, f"{text} (AUTHENTICATION_FAILED)", challenge)
            return
        started = False

        async def noted(message: MutableMapping[str, object]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            body = await _body(receive)
            work = asyncio.ensure_future(self._answer(scope, noted, headers, query, asker, body))
            left = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done():
                    work.cancel()  # nobody waits: the store is told by the broken connection
                    await asyncio.wait({work})
                    return
                await work
            finally:
                left.cancel()
        except GongfuError as error:
            if started:
                raise  # too late for words: the connection breaks, and the client sees that the answer is not whole
            if isinstance(error, LimitReached):
                await _refuse(send, 400, error.number, error.text(language))
                return
            number = _NUMBERS.get(error.code, 1000)
            await _refuse(send, _STATUS.get(error.code, error.http_status), number, error.text(language))

    async def _answer(
        self, scope: Scope, send: Send, headers: dict[str, str], query: dict[str, str], asker: Asker, body: bytes
    ) -> None:
        asked, given = _parse(headers, query, asker, body)
        identity = query.get("query_id") or str(uuid.uuid4())
        extra = [
            (b"x-clickhouse-query-id", _plain(identity)),
            (b"x-clickhouse-server-display-name", b"gongfu"),
            (b"x-clickhouse-timezone", b"UTC"),
            (b"x-clickhouse-summary", b'{"read_rows":"0","read_bytes":"0","written_rows":"0","written_bytes":"0"}'),
            (b"cache-control", b"no-store"),
            (b"content-type", b"application/octet-stream"),
        ]
        if asked is None:
            await respond(send, 200, b"", "text/plain", extra[:-1])
            return
        extra.append((b"x-clickhouse-format", _plain(asked.output)))
        packer, encoding = _packer(headers, given)
        if encoding:
            extra.append((b"content-encoding", encoding))
        revision = given.get("client_protocol_version", "")
        wanted = int(revision) if revision.isdecimal() and len(revision) < 9 and asked.output == "Native" else 0
        started = False

        async def forward(chunk: bytes) -> None:
            nonlocal started
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": extra})
                started = True
            if chunk and scope["method"] != "HEAD":
                await send({"type": "http.response.body", "body": chunk, "more_body": True})

        async with asking.stream(self._settings, asker, asked) as chunks:
            if wanted:
                # Where a column ends stands nowhere: the whole result is needed. It is bounded by the store.
                whole = b"".join([chunk async for chunk in chunks])
                blocks = await asyncio.to_thread(native_frames.at_revision, whole, wanted)
                await forward(await asyncio.to_thread(packer.feed, blocks))
            else:
                async for chunk in chunks:
                    await forward(await asyncio.to_thread(packer.feed, chunk))
        await forward(packer.end())
        await send({"type": "http.response.body", "body": b""})


def app(settings: Settings) -> App:
    """The interface over the store that ``settings`` name."""
    interface = _Interface(settings)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await interface.answer(scope, receive, send)

    return answer  # servers tell ASGI 3 from ASGI 2 by a function


def _parse(
    headers: Mapping[str, str], query: Mapping[str, str], asker: Asker, body: bytes
) -> tuple[Question | None, dict[str, str]]:
    """The question and every parameter of the call; raises :class:`Invalid`."""
    if query.get("decompress") == "1":
        body = framing.unframed(body, MAX_BODY)
    body = decompress(body, headers.get("content-encoding", ""), MAX_BODY)
    given = dict(query)
    if (kind := headers.get("content-type", "")).startswith("multipart/form-data"):
        given, body = {**given, **form(kind, body)}, b""
    elif kind.startswith("application/x-www-form-urlencoded") and not given.get("query") and body.startswith(b"query="):
        given, body = {**given, **dict(parse_qsl(body.decode("latin1"), keep_blank_values=True))}, b""
    sql = "\n".join(part for part in (given.get("query", ""), body.decode("utf-8", "replace")) if part)
    if not sql.strip():
        raise Invalid(mark("There is no query."))
    database = given.get("database") or headers.get("x-clickhouse-database", "")
    if database not in ("", "default", DATABASE, "system"):
        raise Invalid(
            mark("There is no database {name} here."), remedy=mark("Use {database}."), name=database, database=DATABASE
        )
    output = given.get("default_format") or headers.get("x-clickhouse-format", "TabSeparated")
    parameters = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
    settings = {name: value for name, value in given.items() if not name.startswith("param_")}
    return asking.question(asker, sql, output, settings=settings, parameters=parameters), given


def _packer(headers: Mapping[str, str], given: Mapping[str, str]) -> tuple[_Packer, bytes]:
    """How the answer is packed: ClickHouse's own frames, an HTTP encoding, or not at all."""
    if given.get("compress") == "1":
        return framing.Frames(), b""
    wanted = headers.get("accept-encoding", "").lower()
    if given.get("enable_http_compression") == "1":
        for name in ("zstd", "lz4", "gzip"):
            if name in wanted:
                return framing.Gzip() if name == "gzip" else framing.Encoded(name), name.encode()
    return framing.Plain(), b""


def _who(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[Asker, str | None]:
    """Whose token it is, and the language to answer in; raises :class:`_Unknown`."""
    name, text = query.get("user", ""), query.get("password", "")
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        name, text = headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    elif scheme.lower() == "basic":
        try:
            name, _, text = base64.b64decode(rest, validate=True).decode().partition(":")
        except ValueError:
            raise _Unknown from None
    elif scheme.lower() == "bearer":
        name, text = "", rest.strip()
    token = tokens.find(text) if text.startswith(tokens.PREFIX) else None
    if token is None or (name and name.lower() not in (token.user.username, "default")):
        raise _Unknown
    tokens.touch(token)
    language = token.user.language or _asked_for(headers)
    return Asker(token.user.username, accounts.organisation_ids(token.user)), language


def _asked_for(headers: Mapping[str, str]) -> str | None:
    wanted = headers.get("accept-language", "").lower()
    return "en" if wanted.startswith("en") else "zh-hans" if wanted.startswith("zh") else None


def _with_database(work: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return work()
    finally:
        close_old_connections()


async def _left(receive: Receive) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Invalid(mark("The request ended early."))
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise Invalid(mark("A request may hold {limit} bytes."), limit=MAX_BODY)
        if not message.get("more_body"):
            return b"".join(parts)


async def _refuse(
    send: Send, status: int, number: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    body = f"Code: {number}. DB::Exception: {text}\n".encode()
    header = [(b"x-clickhouse-exception-code", str(number).encode()), *(headers or [])]
    await respond(send, status, body, "text/plain; charset=utf-8", header)


def _plain(text: str) -> bytes:
    """As the value of a header: no line may begin inside it."""
    return "".join(one for one in text[:100] if one.isalnum() or one in "-_.").encode("ascii", "ignore")
