"""The HTTP listener of a gateway: devices and systems post their readings to ``/<organisation>/<device key>``.

One listener for all pushing devices of a process, open while there is one. An answer of 204 means that the bus has
the readings on disk; every other answer means that they are not stored, or not known to be, and says what to do in
both languages. A post that is repeated with the same ``Idempotency-Key`` is stored once: a key that was answered 204
is answered so again, and one that was cut off keeps its time, so that the store has one row.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from gongfu.kernel import ops
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Sink
from gongfu.network.drivers.http.content import Content
from gongfu.network.drivers.http.options import Options
from gongfu.network.drivers.payload import Malformed
from gongfu.network.drivers.surroundings import current
from gongfu.network.gateway.config import DeviceConfig

LIMIT = 4_000_000
"""Bytes of one post."""
AT_ONCE = 4
"""Posts of one device under way together."""
BODY_SECONDS, STORE_SECONDS = 30.0, 20.0
"""How long a post may take to arrive, and the bus to store it."""
KEYS = 10_000
"""Idempotency keys remembered for each device."""
_KEY_LENGTH = 200


class _Answer(Exception):
    """An answer other than 204. ``retry``: seconds after which the same post may be sent again."""

    def __init__(self, status: int, error: GongfuError, retry: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.error = error
        self.retry = retry


class _Attempt(msgspec.Struct):
    digest: bytes
    time: int
    running: bool = True
    stored: bool = False


class Route:
    """Where the posts of one device go."""

    def __init__(self, device: DeviceConfig, options: Options, sink: Sink, heard: asyncio.Event) -> None:
        self._token = options.token.encode()
        self._limit = min(LIMIT, options.max_bytes)
        self._content = Content(device.tags, options)
        self._sink = sink
        self._heard = heard
        self._running = 0
        self._keys: OrderedDict[str, _Attempt] = OrderedDict()

    def knows(self, token: bytes) -> bool:
        """Whether ``token`` is the device's."""
        return hmac.compare_digest(token, self._token)

    async def post(self, receive: ops.Receive, length: int, kind: str, key: str) -> None:
        """Return when the readings are stored; raises :class:`_Answer`."""
        if self._running >= AT_ONCE:
            raise _Answer(429, Unavailable(mark("This device has {count} posts under way."), count=AT_ONCE), 1)
        self._running += 1
        try:
            await self._store(await _body(receive, length, self._limit), kind, key)
        finally:
            self._running -= 1

    async def _store(self, body: bytes, kind: str, key: str) -> None:
        attempt = self._attempt(key, body)
        if attempt.stored:
            return
        attempt.running = True
        try:
            async with asyncio.timeout(STORE_SECONDS):
                reading = self._content.read(body, kind, attempt.time)
                samples = [
                    one if one.time else msgspec.structs.replace(one, time=attempt.time) for one in reading.samples
                ]
                for problem in reading.problems:
                    self._sink.malformed(problem)
                self._sink.online()
                self._heard.set()
                await self._sink.emit_acknowledged(samples)
                attempt.stored = True
        except Malformed as error:
            self._keys.pop(key, None)
            self._sink.malformed(str(error))
            raise _Answer(400, error) from error
        except TimeoutError as error:
            raise _Answer(503, Unavailable(mark("The bus does not store at the moment.")), 5) from error
        finally:
            attempt.running = False

    def _attempt(self, key: str, body: bytes) -> _Attempt:
        now = time.time_ns() // 1000
        digest = hashlib.sha256(body).digest()
        known = self._keys.get(key) if key else None
        if known is None:
            known = _Attempt(digest, now, running=False)
            if key:
                self._keys[key] = known
                while len(self._keys) > KEYS:
                    self._keys.popitem(last=False)
        elif known.digest != digest:
            error = Invalid(
                mark("This Idempotency-Key was sent with another content."),
                remedy=mark("Use a new key for new content."),
            )
            raise _Answer(422, error)
        elif known.running:
            raise _Answer(409, Conflict(mark("The post with this Idempotency-Key is under way.")), 1)
        return known


class _Listener:
    """One port. ``routes``: by organisation and device key."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._lock = asyncio.Lock()
        self._stack = AsyncExitStack()
        self.routes: dict[tuple[str, str], Route] = {}

    async def add(self, place: tuple[str, str], route: Route) -> None:
        async with self._lock:
            if place in self.routes:
                raise BadConfiguration(
                    mark("Another device is posting as {org}/{key}."),
                    remedy=mark("Give one of them another option key."),
                    org=place[0],
                    key=place[1],
                )
            if not self.routes:
                try:
                    sock = ops.listen(self._host, self._port, "http_ingest_port")
                except Conflict as error:
                    raise DeviceUnavailable(error.message, remedy=error.remedy, **error.values) from error

                async def answer(scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
                    if scope["type"] == "http":
                        await self._answer(scope, receive, send)

                await self._stack.enter_async_context(ops.serve(answer, sock, drain=1.0))
            self.routes[place] = route

    async def remove(self, place: tuple[str, str]) -> None:
        async with self._lock:
            del self.routes[place]
            if not self.routes:
                await self._stack.aclose()
                self._stack = AsyncExitStack()

    async def _answer(self, scope: ops.Scope, receive: ops.Receive, send: ops.Send) -> None:
        try:
            headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
            key = headers.get("idempotency-key", b"").decode("latin-1")
            if len(key) > _KEY_LENGTH:
                raise _Answer(400, Invalid(mark("The Idempotency-Key is longer than {limit}."), limit=_KEY_LENGTH))
            route = self._route(scope, headers.get("authorization", b""))
            length = headers.get("content-length", b"0")
            kind = headers.get("content-type", b"").decode("latin-1")
            await route.post(receive, int(length) if length.isdigit() and len(length) < 16 else 0, kind, key)
        except _Answer as refusal:
            await _refuse(send, refusal)
        else:
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    def _route(self, scope: ops.Scope, authorization: bytes) -> Route:
        parts = scope["path"].strip("/").split("/")
        if len(parts) != 2:
            nothing = NotFound(mark("There is nothing here."), remedy=mark("Post to /organisation/device."))
            raise _Answer(404, nothing)
        if scope["method"] != "POST":
            raise _Answer(405, Invalid(mark("Readings are sent with POST.")))
        scheme, _, token = authorization.partition(b" ")
        route = self.routes.get((parts[0], parts[1]))
        # Who does not know the token does not learn which devices there are.
        if route is None or scheme.lower() != b"bearer" or not route.knows(token.strip()):
            error = Forbidden(
                mark("There is no such device, or this is not its token."),
                remedy=mark("Send Authorization: Bearer and the token of the device's configuration."),
            )
            raise _Answer(401, error)
        return route


async def _body(receive: ops.Receive, length: int, limit: int) -> bytes:
    too_long = _Answer(413, Invalid(mark("A post may have {limit} bytes."), remedy=mark("Send parts."), limit=limit))
    if length > limit:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise _Answer(400, Invalid(mark("The post breaks off.")))
                body += message.get("body", b"")
                if len(body) > limit:
                    raise too_long
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError as error:
        raise _Answer(408, Invalid(mark("The post did not arrive in time."))) from error


async def _refuse(send: ops.Send, refusal: _Answer) -> None:
    error = refusal.error
    words = {"code": error.code, "en": error.text("en"), "zh": error.text("zh-hans")}
    headers = [(b"retry-after", str(refusal.retry).encode())] if refusal.retry else []
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status == 405:
        headers.append((b"allow", b"POST"))
    if refusal.status in (400, 408, 413):
        headers.append((b"connection", b"close"))  # part of the body may be on its way
    await ops.respond(send, refusal.status, msgspec.json.encode(words), "application/json", headers)


_listeners: dict[tuple[asyncio.AbstractEventLoop, str, int], _Listener] = {}


@asynccontextmanager
async def route(org: str, key: str, post: Route) -> AsyncIterator[None]:
    """Take posts to ``/org/key`` while the block runs; raises :class:`BadConfiguration`."""
    place = current()
    if not place.ingest_port:
        raise BadConfiguration(
            mark("This gateway takes no posts."), remedy=mark("The operator opens a port with GONGFU_HTTP_INGEST_PORT.")
        )
    known = asyncio.get_running_loop(), place.ingest_host, place.ingest_port
    listener = _listeners.setdefault(known, _Listener(place.ingest_host, place.ingest_port))
    await listener.add((org, key), post)
    try:
        yield
    finally:
        await listener.remove((org, key))
        if not listener.routes:
            _listeners.pop(known, None)
