"""The ClickHouse HTTP interface over the embedded engine, as far as official clients use it.

``/ping``; ``/`` with the statement in ``query`` and/or the body; ``default_format`` or a trailing ``FORMAT``;
``param_NAME`` for ``{NAME:Type}``; any other parameter is a setting of this call alone; a body after
``INSERT … FORMAT X`` is data, compressed by gzip, lz4 or zstd if ``Content-Encoding`` says so.
Errors carry ``X-ClickHouse-Exception-Code`` and ClickHouse's own text.
Source: https://clickhouse.com/docs/en/interfaces/http

A call with ``readonly`` is a reader's: its SQL passes the gate of :mod:`.scope`, its resources are bounded and it
waits for its turn, so that inserts go on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from gongfu.data.telemetry.schema import DATABASE
from gongfu.data.telemetry.store.bodies import decompress, form
from gongfu.data.telemetry.store.embedded import EmbeddedEngine, literal
from gongfu.data.telemetry.store.engine import StoreFailure
from gongfu.data.telemetry.store.limits import READER_LIMITS, bounded, harmless
from gongfu.data.telemetry.store.scope import Gate, hidden
from gongfu.kernel.errors import GongfuError, Invalid
from gongfu.kernel.i18n import mark
from gongfu.kernel.ops import App, Receive, Scope, Send, respond
from gongfu.kernel.tables import filters

USER: Final = "gongfu"
MAX_BODY: Final = 256 * 1024 * 1024
READERS: Final = 2
"""Readers at work at the same time; the others wait."""
PEOPLE: Final = 1
"""Of them those with SQL that a person wrote (``quota_key=person``): charts go on beside a long one."""
# What belongs to the transport, not to the engine.
# fmt: off
_TRANSPORT: Final = frozenset((
    "query", "database", "default_format", "user", "password", "session_id", "session_timeout", "session_check",
    "query_id", "quota_key", "compress", "decompress", "buffer_size", "wait_end_of_query", "client_protocol_version",
    "role", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "enable_http_compression",
    "http_zlib_compression_level", "cancel_http_readonly_queries_on_client_close",
))
# fmt: on
_READER_SETTINGS: Final = frozenset({"readonly", "additional_table_filters", *READER_LIMITS})
_FORMAT: Final = re.compile(rb"\sFORMAT\s+([A-Za-z0-9]+)\s*;?\s*\Z", re.IGNORECASE)
_INSERT_DATA: Final = re.compile(
    rb"\A\s*(INSERT\s+INTO\s.{1,20000}?)\s+FORMAT\s+([A-Za-z0-9]+)\s*?(?:\n|\Z)", re.I | re.S
)
_RESULT: Final = re.compile(rb"\A[\s(]*(SELECT|WITH|SHOW|DESC|DESCRIBE|EXISTS|EXPLAIN|FROM|CHECK)\b", re.IGNORECASE)
# ClickHouse's own mapping (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp), as far as these occur.
_STATUS: Final = {
    **dict.fromkeys((193, 194, 516), 403),
    **dict.fromkeys((497, 164, 291), 403),
    **dict.fromkeys((46, 47, 60, 81, 115), 404),
    **dict.fromkeys((6, 26, 27, 36, 38, 41, 42, 43, 53, 62, 72, 130, 386, 456, 457), 400),
    **dict.fromkeys((159, 209), 408),
    **dict.fromkeys((48, 344), 501),
}


@dataclass(frozen=True)
class _Call:
    statement: bytes
    data: bytes
    database: str
    default_format: str
    settings: dict[str, str]
    parameters: dict[str, str]
    identity: str
    """Names the query while it runs: ``query_id``, or one of our own."""

    person: bool

    @property
    def reading(self) -> bool:
        return self.settings.get("readonly", "0") not in ("", "0")


class StoreApp:
    """ASGI app over ``engine``; ``password`` is that of :data:`USER`."""

    def __init__(self, engine: EmbeddedEngine, password: str) -> None:
        self._engine = engine
        self._password = password.encode()
        self._gate = Gate(engine)
        self._turn = asyncio.Semaphore(READERS)
        self._people = asyncio.Semaphore(PEOPLE)
        self._hidden: dict[str, str] = {}
        self._zone = ""

    def app(self) -> App:
        """The app itself."""
        return self.__call__

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["path"] == "/ping":
            await respond(send, 200, b"Ok.\n", "text/plain")
            return
        if scope["path"] != "/":
            await respond(send, 404, b"There is no handle " + scope["path"].encode()[:200] + b"\n", "text/plain")
            return
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        query = dict(parse_qsl(scope["query_string"].decode("latin1"), keep_blank_values=True))
        if not self._may_enter(headers, query):
            await self._refuse(
                send, 516, "gongfu: Authentication failed: password is incorrect. (AUTHENTICATION_FAILED)"
            )
            return
        try:
            call = _parse(headers, query, await _body(receive))
            if call.reading:
                async with self._people if call.person else contextlib.nullcontext(), self._turn:
                    await self._while_there(receive, send, call)
            else:
                await self._answer(send, call)
        except StoreFailure as error:
            text = str(error.values.get("reason", error))
            await self._refuse(
                send, error.number or 1000, text[text.find("DB::Exception: ") + 15 if "DB::" in text else 0 :]
            )
        except GongfuError as error:
            number = {422: 36, 403: 497}.get(error.http_status, 1000)
            await self._refuse(send, number, str(error))

    def _may_enter(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        user, password = query.get("user", ""), query.get("password", "")
        if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
            user, password = headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
        elif headers.get("authorization", "").lower().startswith("basic "):
            try:
                user, _, password = base64.b64decode(headers["authorization"][6:]).decode().partition(":")
            except ValueError:
                return False
        return user == USER and hmac.compare_digest(password.encode(), self._password)

    async def _while_there(self, receive: Receive, send: Send, call: _Call) -> None:
        """Answer a reader; when it leaves before, its query is stopped, so that others need not wait for it."""
        work, left = asyncio.ensure_future(self._answer(send, call)), asyncio.ensure_future(_left(receive))
        try:
            await asyncio.wait({work, left}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await asyncio.to_thread(self._engine.cancel, call.identity)
            await work
        finally:
            left.cancel()

    async def _answer(self, send: Send, call: _Call) -> None:
        insert = _INSERT_DATA.match(call.statement)
        if insert and not call.reading:
            data = call.statement[insert.end() :] + call.data
            await asyncio.to_thread(self._engine.insert_raw, insert[1].decode(), insert[2].decode(), data)
            await respond(send, 200, b"", "text/plain")
            return
        sql = call.statement + (b"\n" + call.data if call.data else b"")
        named = _FORMAT.search(sql)
        output = named[1].decode() if named else call.default_format
        result = await asyncio.to_thread(self._run, call, sql.decode("utf-8", "replace"), output)
        extra = [(b"x-clickhouse-timezone", (await self._timezone()).encode())]
        if named or _RESULT.match(sql):
            extra.append((b"x-clickhouse-format", output.encode()))
        await respond(send, 200, result, "application/octet-stream", extra)

    def _run(self, call: _Call, sql: str, output: str) -> bytes:
        settings: dict[str, str | int] = dict(call.settings)
        if call.reading:
            self._gate.check(sql)
            settings = self._bounded(call.settings)
        return self._engine.query(
            sql,
            output,
            database=call.database,
            settings=settings,
            parameters=call.parameters,
            identity=call.identity if call.reading else "",
        )

    def _bounded(self, asked: Mapping[str, str]) -> dict[str, str | int]:
        for name in asked:
            if name not in _READER_SETTINGS and not harmless(name):
                raise Invalid(mark("A reader cannot set {name}."), name=name)
        self._hidden = self._hidden or hidden(self._engine)
        extra = ", ".join(f"{literal(name)}: {literal(text)}" for name, text in self._hidden.items())
        owned = asked.get("additional_table_filters", "").strip() or filters(DATABASE, ())  # none named: no row
        settings: dict[str, str | int] = {name: bounded(name, asked.get(name)) for name in READER_LIMITS}
        settings["additional_table_filters"] = f"{owned.removesuffix('}')}, {extra}}}"
        settings["readonly"] = 1
        return settings | {name: text for name, text in asked.items() if harmless(name)}

    async def _timezone(self) -> str:
        if not self._zone:
            self._zone = (await asyncio.to_thread(self._engine.query, "SELECT timezone()", "TSVRaw")).decode().strip()
        return self._zone

    async def _refuse(self, send: Send, number: int, text: str) -> None:
        body = f"Code: {number}. DB::Exception: {text}\n".encode()
        header = [(b"x-clickhouse-exception-code", str(number).encode())]
        await respond(send, _STATUS.get(number, 500), body, "text/plain; charset=utf-8", header)


def _parse(headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> _Call:
    body = decompress(body, headers.get("content-encoding", ""), MAX_BODY)
    if (kind := headers.get("content-type", "")).startswith("multipart/form-data"):
        query, body = {**query, **form(kind, body)}, b""
    statement, data = (query["query"].encode(), body) if query.get("query") else (body, b"")
    if not statement.strip():
        raise Invalid(mark("There is no query."))
    return _Call(
        statement=statement,
        data=data,
        database=query.get("database") or headers.get("x-clickhouse-database", DATABASE),
        default_format=query.get("default_format") or headers.get("x-clickhouse-format", "TabSeparated"),
        settings={k: v for k, v in query.items() if k not in _TRANSPORT and not k.startswith("param_")},
        parameters={k.removeprefix("param_"): v for k, v in query.items() if k.startswith("param_")},
        person=query.get("quota_key") == "person",
        identity=re.sub(r"[^A-Za-z0-9-]", "", query.get("query_id", ""))[:80] or uuid.uuid4().hex,
    )


async def _left(receive: Receive) -> None:
    """Until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise Invalid(mark("A request may hold {limit} bytes."), limit=MAX_BODY)
        if not message.get("more_body"):
            return b"".join(parts)
