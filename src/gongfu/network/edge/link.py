"""The connection to the node: whether it is there, what the edge reports through it, and what it is told.

The edge's nats-server keeps the leaf connection; here is only seen whether somebody answers behind it.
"""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from gongfu.kernel.bus import DESIRED
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.network.edge.contract import STATE_EVERY, orders_subject
from gongfu.network.edge.talk import Talk, header, status
from gongfu.network.gateway.wire import Address, Received

PROBE = 0.5
"""Seconds between two attempts while the node is away."""
REFRESH = 60.0
"""Seconds after which the configuration is read as a whole again, and the clocks compared."""
NEWS_EVERY = 1.0
"""Seconds between two looks for changed configuration. A request that waited at the node for news would, when the link
is cut, swallow what comes next."""
_PULL = b'{"batch":1000,"no_wait":true}'
_WITHIN = 3.0

_log = structlog.get_logger("edge-forward")

Answer = Callable[[bytes], Awaitable[bytes]]
Configure = Callable[[dict[str, bytes], bool], Awaitable[None]]
"""Called with keys and values of the bucket ``desired`` (an empty value: withdrawn), and whether these are all."""


class _Reset(msgspec.Struct):
    ts: str = ""
    num_pending: int = 0
    error: dict[str, str | int] | None = None


_reset = msgspec.json.Decoder(_Reset)


class Link:
    """The node as this edge sees it. ``report`` gives the state to send, ``answer`` obeys an order."""

    def __init__(
        self,
        edge: str,
        address: Address,
        *,
        report: Callable[[], bytes],
        answer: Answer,
        configure: Configure,
        measured: Callable[[int, int, int], None],
        up: Callable[[], None],
    ) -> None:
        self._edge = edge
        self._address = address
        self._report = report
        self._answer = answer
        self._configure = configure
        self._measured = measured
        self._up = up
        self._talk: Talk | None = None
        self._orders: set[asyncio.Task[None]] = set()
        self.connected = False
        self.since = time.time_ns() // 1000
        self.problem = ""
        self._wake = asyncio.Event()
        self._connected = asyncio.Event()

    def talk(self) -> Talk | None:
        """The connection, None while the node is away."""
        return self._talk if self.connected else None

    def lost(self, reason: str) -> None:
        """Somebody got no answer."""
        if self.connected:
            self.connected, self.since, self.problem = False, time.time_ns() // 1000, reason
            self._connected.clear()
            self._wake.set()
            _log.warning("the node is away", reason=reason)

    async def run(self) -> None:
        """Until cancelled: keep the connection, report, and follow the configuration."""
        while True:
            try:
                talk = await Talk.open(self._address, "edge-link")
            except Unavailable as error:
                self.lost(str(error))
                await asyncio.sleep(PROBE)
                continue
            self._talk = talk
            talk.subscribe(orders_subject(self._edge), self._ordered)
            following = asyncio.create_task(self._follow(talk))
            try:
                while not talk.closed.done():
                    await self._beat(talk)
                    if following.done():
                        following.result()
            finally:
                following.cancel()
                self.lost("the local bus has gone")
                self._talk = None
                talk.close()

    async def put(self, subject: str, payload: bytes, headers: bytes = b"") -> bool:
        """Write to the node's bus; False when it did not confirm."""
        talk = self.talk()
        if talk is None:
            return False
        try:
            answer = await talk.request(subject, payload, headers, within=_WITHIN)
        except Unavailable:
            return False
        return answer.payload.startswith(b'{"stream"')

    async def _beat(self, talk: Talk) -> None:
        self._wake.clear()
        try:
            if not self.connected:
                await self._compare(talk)
            answer = await talk.request("node.state", self._report(), within=_WITHIN)
            if not answer.payload.startswith(b'{"stream"'):
                raise Unavailable(mark("The node does not take the edge's state."))
        except Unavailable as error:
            self.lost(str(error))
            self.problem = str(error)
            await asyncio.sleep(PROBE)
            return
        if not self.connected:
            self.connected, self.since, self.problem = True, time.time_ns() // 1000, ""
            self._connected.set()
            self._up()
            _log.info("the node is there")
        wait = asyncio.create_task(self._wake.wait())
        await talk.first(wait, STATE_EVERY)
        wait.cancel()

    async def _compare(self, talk: Talk) -> _Reset:
        """Begin the configuration anew; its answer tells the node's time."""
        before = time.time_ns() // 1000
        began = time.monotonic()
        answer = await talk.request("node.desired.reset", b'{"seq":1}', within=_WITHIN)
        took = int((time.monotonic() - began) * 1e6)
        try:
            found = _reset.decode(answer.payload)
            told = instant(found.ts)
        except (msgspec.DecodeError, ValueError) as error:
            raise Unavailable(mark("The node's bus answers what cannot be read: {reason}."), reason=error) from error
        if found.error is not None:
            raise Unavailable(
                mark("The node has no configuration for this edge: {reason}."),
                remedy=mark("Look whether the edge is still listed in the node's console."),
                reason=str(found.error.get("description", "")),
            )
        self._measured(told, before, before + took)
        return found

    async def _follow(self, talk: Talk) -> None:
        """Bring the configuration here: as a whole, then what changes, then as a whole again."""
        came: asyncio.Queue[Received] = asyncio.Queue()
        inbox = talk.inbox(came.put_nowait)
        while True:
            await self._connected.wait()
            try:
                await self._follow_once(talk, came, inbox)
            except Unavailable as error:
                _log.debug("the configuration is asked for again", reason=str(error))
                await asyncio.sleep(PROBE)

    async def _follow_once(self, talk: Talk, came: asyncio.Queue[Received], inbox: str) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + REFRESH
        left = (await self._compare(talk)).num_pending
        while not came.empty():
            came.get_nowait()
        whole: dict[str, bytes] | None = {}
        while loop.time() < until and self.connected:
            if whole is not None and left <= 0:
                await self._configure(whole, True)
                whole = None
            talk.publish("node.desired.next", _PULL, inbox)
            changed = {}
            while True:
                try:
                    got = await asyncio.wait_for(came.get(), _WITHIN)
                except TimeoutError:
                    raise Unavailable(mark("The configuration did not come whole.")) from None
                if status(got):
                    break
                key = got.subject.decode().removeprefix(f"$KV.{DESIRED}.{self._edge}.")
                changed[key] = b"" if header(got, b"KV-Operation") else got.payload
                left -= 1
            if status(got) == 503:
                self.lost("nobody answers at the node")
            elif whole is not None:
                whole |= changed
                if left > 0 and not changed:
                    raise Unavailable(mark("The configuration did not come whole."))
            else:
                if changed:
                    await self._configure(changed, False)
                await asyncio.sleep(NEWS_EVERY)

    def _ordered(self, message: Received) -> None:
        task = asyncio.create_task(self._obey(message))
        self._orders.add(task)
        task.add_done_callback(self._orders.discard)

    async def _obey(self, message: Received) -> None:
        answer = await self._answer(message.payload)
        if message.reply and self._talk is not None:
            self._talk.publish(message.reply.decode(), answer)


def instant(text: str) -> int:
    """Microseconds UTC of an RFC 3339 time with nanoseconds; raises :class:`ValueError`."""
    head, _, rest = text.rstrip("Z").partition(".")
    seconds = int(datetime.datetime.fromisoformat(head).replace(tzinfo=datetime.UTC).timestamp())
    return seconds * 1_000_000 + int((rest + "000000")[:6])
