"""Store and forward: one stream of the local bus on its way to the node, each message once.

A message leaves the local stream only after the node's PubAck. What left and was not confirmed leaves again under the
same id, which the node's stream knows for two minutes; after that a message that was stored while its PubAck was lost
may be stored again, and the telemetry store makes one row of it (adr/0003).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import msgspec
import structlog

from gongfu.kernel.errors import Unavailable, packed
from gongfu.kernel.i18n import mark
from gongfu.network.edge.contract import ForwardOrder
from gongfu.network.edge.contract import Lane as Count
from gongfu.network.edge.ledger import Block, Ledger
from gongfu.network.edge.packing import Outgoing, Stored
from gongfu.network.edge.talk import Talk, header, status
from gongfu.network.gateway.wire import Received

MESSAGES = 2000
"""Local messages in one block."""
BLOCK_BYTES = 2_000_000
IN_FLIGHT = 8_000_000
"""Bytes on their way that the node has not confirmed."""
POLL = 0.1
"""Seconds between two looks for new messages."""
REPEAT = 5.0
"""Seconds without an answer after which a message is sent again."""
_DELETE_AT_ONCE = 200

_log = structlog.get_logger("edge-forward")

Pack = Callable[[Iterable[Stored], Block, str], list[Outgoing]]


class StreamState(msgspec.Struct):
    """What the bus says of a stream."""

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_ts: str = ""


class _StreamConfig(msgspec.Struct):
    max_bytes: int = -1
    metadata: dict[str, str] = {}


class _StreamInfo(msgspec.Struct):
    state: StreamState
    config: _StreamConfig
    created: str


class _Problem(msgspec.Struct):
    description: str = ""


class PubAck(msgspec.Struct):
    """The bus has it, or why not."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    error: _Problem | None = None


_info = msgspec.json.Decoder(_StreamInfo)
_puback = msgspec.json.Decoder(PubAck)


class Flight(msgspec.Struct, eq=False):
    """One message on its way."""

    out: Outgoing
    block: int
    talk: Talk | None = None
    number: int = 0
    sent: float = 0.0
    """Loop time; 0: not sent, or known not to have arrived."""


class Lane:
    """One stream. ``link`` gives the connection by which the node is reached, None while it is not."""

    def __init__(
        self,
        stream: str,
        pack: Pack,
        name: str,
        folder: Callable[[str], Ledger],
        shift: Callable[[str, int], tuple[int | str, int | None]],
        link: Callable[[], Talk | None],
        lost: Callable[[str], None],
    ) -> None:
        self._stream = stream
        self._pack = pack
        self._name = name
        self._open = folder
        self._shift = shift
        self._link = link
        self._lost = lost
        self.order = ForwardOrder.OLDEST
        self.count = Count()
        self.state = StreamState()
        self.limit = 0
        self.refused = ""
        """Why the node stores nothing, packed, while it does not."""
        self._ledger: Ledger | None = None
        self._flying: dict[str, Flight] = {}
        self._left: dict[int, int] = {}
        """Messages of each block that are not confirmed."""
        self._bytes = 0
        self._islands: list[tuple[int, int]] = []
        """Confirmed intervals above the floor that are still in the local stream."""
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Messages that the node has not confirmed."""
        return min(self.state.messages, self._ledger.waiting(self.state.last_seq)) if self._ledger else 0

    async def run(self, local: Talk) -> None:
        """Forward until ``local`` breaks or this is cancelled; raises :class:`Unavailable` when it does."""
        ledger = self._ledger = self._open(await self._look(local))
        ledger.skip_to(self.state.first_seq - 1)
        self._bytes = 0
        again = sorted(ledger.sent.values())
        repeating = asyncio.create_task(self._repeat())
        tidying = asyncio.create_task(self._tidy(local, ledger))
        try:
            while not local.closed.done():
                for task in (repeating, tidying):
                    if task.done():
                        task.result()
                if self._link() is None or self._bytes >= IN_FLIGHT:
                    await self._pause()
                elif again:
                    block = again.pop(0)
                    self._depart(block, await self._fetch(local, block.first, block.last, whole=True))
                elif not await self._advance(local, ledger):
                    await self._pause()
            raise Unavailable(mark("The local bus has gone."))
        finally:
            repeating.cancel()
            tidying.cancel()
            self._flying.clear()  # an answer that comes later finds no ledger to write to
            self._left.clear()
            ledger.close()

    def again(self) -> None:
        """The link is back: everything that is not confirmed leaves at once."""
        for flight in self._flying.values():
            flight.sent = 0.0
        self._news.set()

    async def look(self, local: Talk) -> None:
        """Bring :attr:`state` up to date."""
        await self._look(local)

    async def _look(self, local: Talk) -> str:
        answer = await local.request(f"$JS.API.STREAM.INFO.{self._stream}")
        try:
            found = _info.decode(answer.payload)
        except msgspec.DecodeError as error:
            raise Unavailable(mark("The local bus has no stream {stream}."), stream=self._stream) from error
        self.state, self.limit = found.state, found.config.max_bytes
        return found.created

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), POLL)
        self._news.clear()

    async def _advance(self, local: Talk, ledger: Ledger) -> bool:
        """Send the next block; False when there is nothing to send."""
        await self._look(local)
        ledger.skip_to(self.state.first_seq - 1)
        interval = ledger.next(self.order, self.state.last_seq, MESSAGES)
        if interval is None:
            return False
        first, last = interval
        shift, differs = self._shift(self._stream, first)
        if differs is not None:
            last = min(last, max(first, differs - 1))
        stored = await self._fetch(local, first, last, whole=False)
        if not stored:
            ledger.confirm(first, last)
            return True
        block = Block(
            first, stored[-1].sequence, shift
        )  # what is behind was cut off by size, or is gone: see next time
        ledger.plan(block)
        self._depart(block, stored)
        return True

    async def _fetch(self, local: Talk, first: int, last: int, *, whole: bool) -> list[Stored]:
        """Messages ``first`` … ``last`` that are there, from the beginning, as many as fit unless ``whole``."""
        ask: dict[str, int] = {"seq": max(1, first), "batch": last - first + 1}
        if not whole:
            ask["max_bytes"] = BLOCK_BYTES
        found = await local.collect(f"$JS.API.DIRECT.GET.{self._stream}", msgspec.json.encode(ask), within=10.0)
        stored = [
            Stored(int(header(one, b"Nats-Sequence")), header(one, b"Nats-Subject").decode(), one.payload)
            for one in found
        ]
        return [one for one in stored if first <= one.sequence <= last]

    def _depart(self, block: Block, stored: list[Stored]) -> None:
        outgoing = self._pack(stored, block, self._name)
        self._left[block.first] = len(outgoing)
        for out in outgoing:
            flight = Flight(out, block.first)
            self._flying[out.id] = flight
            self._bytes += len(out.payload)
            self._send(flight)
        if not outgoing:
            self._confirm(block.first)

    def _send(self, flight: Flight) -> None:
        talk = self._link()
        if talk is None:
            return
        if flight.talk is not None:
            flight.talk.forget(flight.number)
        out = flight.out
        flight.talk = talk
        flight.sent = asyncio.get_running_loop().time()
        flight.number = talk.ask(
            f"node.{out.subject}",
            out.payload,
            lambda got: self._answered(talk, flight, got),
            b"Nats-Msg-Id: %s\r\n" % out.id.encode(),
        )

    def _answered(self, talk: Talk, flight: Flight, got: Received) -> None:
        talk.forget(flight.number)
        if status(got) == 503:
            flight.sent = 0.0
            self._lost("nobody answers at the node")
            return
        try:
            ack = _puback.decode(got.payload)
        except msgspec.DecodeError:
            ack = PubAck(error=_Problem("the answer cannot be read"))
        if ack.error is not None:
            self.refused = packed(Unavailable(mark("The node stores nothing: {reason}."), reason=ack.error.description))
            flight.sent = asyncio.get_running_loop().time() + 1.0 - REPEAT  # again in a second
            return
        self.refused = ""
        if self._flying.pop(flight.out.id, None) is None:
            return
        self._bytes -= len(flight.out.payload)
        self.count = Count(
            messages=self.count.messages + 1,
            readings=self.count.readings + flight.out.rows,
            repeated=self.count.repeated + ack.duplicate,
        )
        self._left[flight.block] -= 1
        if not self._left[flight.block]:
            self._confirm(flight.block)
        if self._bytes < IN_FLIGHT:
            self._news.set()

    def _confirm(self, first: int) -> None:
        assert self._ledger is not None
        del self._left[first]
        block = self._ledger.sent[first]
        if not self._ledger.confirm(block.first, block.last):
            self._islands.append((block.first, block.last))

    async def _repeat(self) -> None:
        """Send again what was not answered."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.25)
            if self._link() is None:
                continue
            late = loop.time() - REPEAT
            for flight in list(self._flying.values()):
                if flight.sent <= late:
                    self._send(flight)

    async def _tidy(self, local: Talk, ledger: Ledger) -> None:
        """Take out of the local stream what the node has."""
        floor = 0
        while True:
            await asyncio.sleep(0.25)
            if ledger.floor > floor:
                floor = ledger.floor
                ask = msgspec.json.encode({"seq": floor + 1})
                with contextlib.suppress(Unavailable):
                    await local.request(f"$JS.API.STREAM.PURGE.{self._stream}", ask, within=10.0)
            islands, self._islands = self._islands, []
            for first, last in islands:
                if last > floor:
                    await self._delete(local, range(max(first, floor + 1), last + 1))

    async def _delete(self, local: Talk, numbers: range) -> None:
        subject = f"$JS.API.STREAM.MSG.DELETE.{self._stream}"
        for at in range(0, len(numbers), _DELETE_AT_ONCE):
            some = numbers[at : at + _DELETE_AT_ONCE]
            asks = [msgspec.json.encode({"seq": number, "no_erase": True}) for number in some]
            with contextlib.suppress(Unavailable):
                await asyncio.gather(*(local.request(subject, ask, within=10.0) for ask in asks))
