"""People who fill in forms at once, as plain HTTP over kept connections: open, keep drafts, hand in, see the receipt.

Every person is a coroutine with a connection of its own that asks for what a browser asks for: compressed pages, the
count of what needs the person after every page and every two minutes, and after handing in the page of the application.
Only static files are left out: their names carry their hash, a browser has them from an earlier page.

What the server acknowledged is remembered, so that it can be compared with the database afterwards. A request that got
no answer (a killed process) is begun again as a browser's user would: the page is loaded anew and the same text saved
once more; its time counts from the first attempt.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
import zlib
from dataclasses import dataclass, field
from urllib.parse import urlencode

_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="([^"]+)"')
_VERSION = re.compile(rb'name="version" id="version"[^>]* value="(\d+)"')
_WINDOW = re.compile(rb'name="window" value="([^"]+)"')
COUNT_EVERY_S = 120.0
"""As the top bar of every page does."""
TYPING_S = 2.0
"""So long nothing is typed before the form keeps itself."""
_LONGEST = 10
"""Times the mean."""
_AGAIN_S = 0.3
_TIMEOUT_S = 60.0
ATTEMPTS = 200


@dataclass
class Person:
    """Somebody with a session and a draft, and what became of it."""

    application: int
    session: str
    facts: list[str]
    answers: dict[str, str]
    acknowledged: int = 0
    """Saves the server said it kept."""
    marker: str = ""
    """Text of the last of them."""
    sent: set[str] = field(default_factory=set)
    """Texts that were sent after it and got no answer."""
    handed_in: bool = False
    times: list[float] = field(default_factory=list)
    """Seconds of what the person waits for: pages, savings, handing in."""
    counted: list[float] = field(default_factory=list)
    """Seconds of the counts beside them."""
    failures: list[str] = field(default_factory=list)
    retried: int = 0


class _Gone(Exception):
    """The server went away before it answered."""


@dataclass
class _Connection:
    port: int
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(
        self, method: str, path: str, cookie: str, body: bytes = b"", *, part: bool = False
    ) -> tuple[int, bytes, bytes]:
        """Status, head and body; raises :class:`_Gone`."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                if self.reader is not None and self.reader.at_eof():
                    self.close()  # closed while nobody asked: a browser opens another one
                if self.writer is None:
                    self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
                head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nCookie: {cookie}\r\n"
                head += "Accept: text/html\r\nAccept-Encoding: gzip\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
                head += "HX-Request: true\r\n" if part else ""
                if body:
                    head += f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n"
                self.writer.write(head.encode() + b"\r\n" + body)
                return await self._answer()
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.close()
            raise _Gone(repr(error)) from error

    async def _answer(self) -> tuple[int, bytes, bytes]:
        assert self.reader is not None
        head = await self.reader.readuntil(b"\r\n\r\n")
        status, low = int(head[9:12]), head.lower()
        found = re.search(rb"content-length: (\d+)", low)
        if found:
            body = await self.reader.readexactly(int(found[1]))
        elif b"transfer-encoding: chunked" in low:
            parts = []
            while size := int((await self.reader.readuntil(b"\r\n")).strip(), 16):
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            await self.reader.readexactly(2)
            body = b"".join(parts)
        else:
            body = b""
        if b"content-encoding: gzip" in low:
            body = zlib.decompress(body, 31)
        if b"connection: close" in low:
            self.close()
        return status, head, body

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def _fill(port: int, person: Person, saves: int, think_s: float, ramp_s: float, chance: random.Random) -> None:
    connection = _Connection(port)
    await asyncio.sleep(chance.random() * ramp_s)
    form = await _open(connection, person)
    counted = await _count(connection, person)
    for number in range(saves + 1):
        await asyncio.sleep(_pause(chance, think_s))
        if time.perf_counter() - counted > COUNT_EVERY_S:
            counted = await _count(connection, person)
        text = f"{person.application}-{number}-{chance.randrange(10**9)}"
        began = time.perf_counter()
        if number < saves:
            form = await _keep(connection, person, form, text)
        else:
            await _hand_in(connection, person, form, text)
        person.times.append(time.perf_counter() - began)
        if person.failures:
            break
    if person.handed_in:
        await _see(connection, person)
        await _count(connection, person)
    connection.close()


def _pause(chance: random.Random, mean: float) -> float:
    """Seconds until somebody has read, looked up and typed: never under :data:`TYPING_S`, now and then very long."""
    return TYPING_S + min(chance.expovariate(1 / (mean - TYPING_S)), _LONGEST * mean)


_Form = tuple[str, str, str]
"""Token, version and window; the token is empty when the form is no longer to be filled in."""


async def _count(connection: _Connection, person: Person) -> float:
    """The count in the top bar; nobody waits for it, and nobody asks again when it does not come."""
    began = time.perf_counter()
    try:
        status, _head, body = await connection.ask("GET", "/me/needs/count/", _cookie(person), part=True)
    except _Gone:
        person.retried += 1
        return began
    if status != 200:
        person.failures.append(f"count {status}: {body[:200]!r}")
    person.counted.append(time.perf_counter() - began)
    return began


async def _see(connection: _Connection, person: Person) -> None:
    """The page of the application, where handing in leads."""
    began = time.perf_counter()
    for _ in range(ATTEMPTS):
        try:
            path = f"/governance/applications/{person.application}/"
            status, _head, body = await connection.ask("GET", path, _cookie(person))
        except _Gone:
            person.retried += 1
            await asyncio.sleep(_AGAIN_S)
            continue
        if status != 200:
            person.failures.append(f"page {status}: {body[:200]!r}")
        person.times.append(time.perf_counter() - began)
        return
    raise RuntimeError("the server did not come back")


async def _open(connection: _Connection, person: Person) -> _Form:
    began = time.perf_counter()
    form = await _load(connection, person)
    person.times.append(time.perf_counter() - began)
    return form


async def _load(connection: _Connection, person: Person) -> _Form:
    for _ in range(ATTEMPTS):
        try:
            path = f"/governance/applications/{person.application}/form/"
            status, _head, body = await connection.ask("GET", path, _cookie(person))
        except _Gone:
            person.retried += 1
            await asyncio.sleep(_AGAIN_S)
            continue
        if status == 302:
            return "", "", ""  # handed in already, by a request whose answer was lost
        token, version, window = _TOKEN.search(body), _VERSION.search(body), _WINDOW.search(body)
        if status != 200 or token is None or version is None or window is None:
            raise RuntimeError(f"{status}: {body[:300]!r}")
        return token[1].decode(), version[1].decode(), window[1].decode()
    raise RuntimeError("the server did not come back")


def _cookie(person: Person) -> str:
    return f"gongfu_session={person.session}; gongfu_language=zh-hans; {_CSRF}"


_SECRET = "bench" * 6 + "ab"
_CSRF = f"gongfu_csrf={_SECRET}"


def _body(person: Person, form: _Form, text: str, do: str = "") -> bytes:
    pairs = [("csrfmiddlewaretoken", form[0]), ("version", form[1]), ("window", form[2]), *person.answers.items()]
    pairs += [("summary", text), *(("fact", fact) for fact in person.facts)]
    return urlencode([*pairs, *([("do", do)] if do else [])]).encode()


async def _keep(connection: _Connection, person: Person, form: _Form, text: str) -> _Form:
    for _ in range(ATTEMPTS):
        person.sent.add(text)
        path = f"/governance/applications/{person.application}/save"
        try:
            sent = _body(person, form, text)
            status, _head, body = await connection.ask("POST", path, _cookie(person), sent, part=True)
        except _Gone:
            person.retried += 1
            await asyncio.sleep(_AGAIN_S)
            form = await _load(connection, person)
            continue
        version = _VERSION.search(body)
        if status != 200 or version is None:
            person.failures.append(f"save {status}: {body[:200]!r}")
            return form
        person.acknowledged += 1
        person.marker, person.sent = text, set()
        return form[0], version[1].decode(), form[2]
    raise RuntimeError("the server did not come back")


async def _hand_in(connection: _Connection, person: Person, form: _Form, text: str) -> None:
    for _ in range(ATTEMPTS):
        person.sent.add(text)
        path = f"/governance/applications/{person.application}/form/"
        try:
            status, _head, body = await connection.ask(
                "POST", path, _cookie(person), _body(person, form, text, "submit")
            )
        except _Gone:
            person.retried += 1
            await asyncio.sleep(_AGAIN_S)
            form = await _load(connection, person)
            if not form[0]:
                person.handed_in = True
                return
            continue
        if status == 302:
            person.handed_in, person.marker, person.sent = True, text, set()
        else:
            person.failures.append(f"hand in {status}: {_plain(body)}")
        return
    raise RuntimeError("the server did not come back")


def _plain(body: bytes) -> str:
    faults = re.findall(rb'class="fault"[^>]*>([^<]+)', body) or re.findall(
        rb'role="alert">(.{0,300})', body, re.DOTALL
    )
    return b" | ".join(faults).decode(errors="replace")[:300]


async def fill_in(
    port: int, people: list[Person], *, saves: int, think_s: float, ramp_s: float, midway: asyncio.Event
) -> None:
    """Let all ``people`` fill in their forms; ``midway`` is set when half of what they will keep is acknowledged."""
    every = asyncio.gather(
        *(_fill(port, one, saves, think_s, ramp_s, random.Random(one.application)) for one in people)
    )

    async def watch() -> None:
        while sum(one.acknowledged for one in people) < saves * len(people) / 2:  # noqa: ASYNC110 - no event a person
            await asyncio.sleep(0.05)
        midway.set()

    watching = asyncio.create_task(watch())
    try:
        await every
    finally:
        watching.cancel()
        midway.set()
