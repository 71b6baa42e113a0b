"""Requests over one fast connection to the local bus: thousands under way at once, answers in bulk.

Built on :mod:`gongfu.network.gateway.wire`, because ``nats-py`` spends most of its time on header objects.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable
from typing import TypeVar

from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.gateway.wire import Address, Received, Session, open_session

_INBOX = 1
"""Subscription of all answers; others have the numbers after it."""
Take = Callable[[Received], None]
T = TypeVar("T")


def status(message: Received) -> int:
    """Number in the first line of the headers, such as 503 (nobody listens) or 404; 0 when there is none."""
    line = message.header[:16]
    return int(line[9:12]) if line.startswith(b"NATS/1.0 ") and line[9:12].isdigit() else 0


def header(message: Received, name: bytes) -> bytes:
    """Value of a header, empty when it is not there."""
    _, found, rest = message.header.partition(b"\r\n" + name + b": ")
    return rest.partition(b"\r\n")[0] if found else b""


class Talk:
    """One connection. When it breaks it is over (:attr:`closed`), and whoever holds it opens another."""

    def __init__(self) -> None:
        self._session: Session | None = None
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Take] = {}
        self._subscriptions: dict[int, Take] = {}

    @classmethod
    async def open(cls, address: Address, name: str) -> Talk:
        """Connect; raises :class:`Unavailable`."""
        talk = cls()
        session = await open_session(address, name, talk._on_messages)
        talk._session = session
        session.subscribe(f"{talk._inbox}.*", _INBOX)
        return talk

    @property
    def closed(self) -> asyncio.Future[None]:
        """Done when the connection is gone."""
        return self._own.closed

    def close(self) -> None:
        """End it."""
        self._own.close()

    def subscribe(self, subject: str, take: Take) -> None:
        """Call ``take`` for each message on ``subject``."""
        sid = len(self._subscriptions) + _INBOX + 1
        self._subscriptions[sid] = take
        self._own.subscribe(subject, sid)

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Send one message; nobody confirms it, answers go to ``reply``."""
        self._send(subject, reply, payload, b"")

    def inbox(self, take: Take) -> str:
        """A subject of its own for answers that do not bear it: messages pulled from a stream come under theirs."""
        subject = f"{self._inbox}p{len(self._subscriptions)}"
        self.subscribe(subject, take)
        return subject

    def ask(self, subject: str, payload: bytes, take: Take, headers: bytes = b"") -> int:
        """Send a request; every answer goes to ``take`` until :meth:`forget` of the number that is returned.

        ``headers`` are whole lines, each ended by CR LF.
        """
        number = next(self._numbers)
        self._waiting[number] = take
        self._send(subject, f"{self._inbox}.{number}", payload, headers)
        return number

    def forget(self, number: int) -> None:
        """What still comes for that request is dropped."""
        self._waiting.pop(number, None)

    async def request(self, subject: str, payload: bytes = b"", headers: bytes = b"", within: float = 3.0) -> Received:
        """The first answer; raises :class:`Unavailable` when there is none, or when nobody listens."""
        found: asyncio.Future[Received] = asyncio.get_running_loop().create_future()
        number = self.ask(subject, payload, lambda got: None if found.done() else found.set_result(got), headers)
        try:
            await self.first(found, within)
        finally:
            self.forget(number)
        if not found.done() or status(found.result()) == 503:
            raise Unavailable(mark("Nobody answers on {subject}."), subject=subject)
        return found.result()

    async def collect(self, subject: str, payload: bytes, within: float = 5.0) -> list[Received]:
        """All answers up to the one that ends them (204, or 404: nothing there), which is left out."""
        found: list[Received] = []
        ended = asyncio.Event()

        def take(message: Received) -> None:
            if status(message):
                ended.set()
            else:
                found.append(message)

        number = self.ask(subject, payload, take)
        ending = asyncio.create_task(ended.wait())
        try:
            await self.first(ending, within)
        finally:
            ending.cancel()
            self.forget(number)
        if not ended.is_set():
            raise Unavailable(mark("Nobody answers on {subject}."), subject=subject)
        return found

    async def first(self, work: asyncio.Future[T], within: float) -> None:
        """Return when ``work`` is done, the connection is gone, or ``within`` seconds are over."""
        both: set[asyncio.Future[T] | asyncio.Future[None]] = {work, self.closed}
        await asyncio.wait(both, timeout=within, return_when=asyncio.FIRST_COMPLETED)

    async def flush(self) -> None:
        """Return when the bus has read everything sent so far; raises :class:`Unavailable`."""
        await self._own.flush()

    @property
    def _own(self) -> Session:
        assert self._session is not None
        return self._session

    def _send(self, subject: str, reply: str, payload: bytes, headers: bytes) -> None:
        to = f"{subject} {reply}".encode()
        if headers:
            block = b"NATS/1.0\r\n" + headers + b"\r\n"
            line = b"HPUB %s %d %d\r\n" % (to, len(block), len(block) + len(payload))
            self._own.send(b"".join((line, block, payload, b"\r\n")))
        else:
            self._own.send(b"".join((b"PUB %s %d\r\n" % (to, len(payload)), payload, b"\r\n")))

    def _on_messages(self, sid: int, messages: list[Received]) -> None:
        if sid != _INBOX:
            take = self._subscriptions[sid]
            for message in messages:
                take(message)
            return
        for message in messages:
            waiting = self._waiting.get(int(message.subject.rpartition(b".")[2]))
            if waiting is not None:
                waiting(message)
