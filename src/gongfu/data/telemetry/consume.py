"""Reading a stream of the bus through a durable pull consumer that acknowledges everything up to a message.

``AckPolicy.ALL`` makes one acknowledgement of a whole batch possible, and one mistake: after a message was delivered
and lost (this process was killed, the connection broke), acknowledging a later one would acknowledge the lost one
too. Therefore the consumer is reset to its acknowledgement floor whenever deliveries may have been lost: at the
start, after a reconnection, and when the consumer's own numbering shows a gap.
Source: NATS ADR-60 (consumer reset), subject of an acknowledgement:
``$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>``.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from gongfu.data.telemetry.batch import Message
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

PULL_BYTES: Final = 8 * 1024 * 1024
"""How much one request may bring; two are outstanding at most."""
PULL_MESSAGES: Final = 20_000
EXPIRES: Final = 5.0
_STREAM_SEQUENCE: Final = 5
_SEQUENCE: Final = 6
_PENDING: Final = 8


@dataclass(frozen=True)
class Taken:
    """Messages taken from the stream together; ``last`` is acknowledged when all of them are stored."""

    messages: list[Message]
    last: str
    """Reply subject of the message furthest in the stream."""
    generation: int
    """Which reset the deliveries followed."""
    pending: int
    """Messages the stream still holds behind it."""


@dataclass
class _Buffer:
    """What arrived since the last reset."""

    messages: list[Message] = field(default_factory=list)
    bytes: int = 0
    last: str = ""
    furthest: int = 0
    pending: int = 0
    sequence: int = 0
    """Of the last delivery; a reset begins anew at 1."""
    wanted: int = 0
    asked_at: float = 0.0


class Consumer:
    """One durable consumer; not safe for several tasks except :meth:`disturb`."""

    def __init__(self, client: Client, stream: str, durable: str) -> None:
        self._client = client
        self._stream = stream
        self._durable = durable
        self._inbox: Subscription | None = None
        self._reset_needed = True
        self._generation = 0
        self._arrived = asyncio.Event()
        self._got = _Buffer()

    def disturb(self) -> None:
        """Deliveries may have been lost: start again from what is acknowledged."""
        self._reset_needed = True
        self._arrived.set()

    async def take(self, *, rows_bytes: int, seconds: float, patience: float = EXPIRES) -> Taken | None:
        """What arrives within ``seconds`` of the first message, at most about ``rows_bytes``; None: nothing came.

        The first message is awaited for ``patience`` seconds.

        Returns early when there is enough. Raises :class:`Unavailable` when the bus does not serve the stream.
        """
        if self._reset_needed:
            await self._reset()
        loop = asyncio.get_running_loop()
        if not self._got.messages:
            await self._ask()
            await self._wait(patience)
        deadline = loop.time() + seconds
        while self._got.messages and self._got.bytes < rows_bytes and (left := deadline - loop.time()) > 0:
            await self._ask()
            await self._wait(left)
            if self._reset_needed:
                break
        if self._reset_needed or not self._got.messages:
            return None
        taken = Taken(self._got.messages, self._got.last, self._generation, self._got.pending)
        self._got.messages, self._got.bytes = [], 0
        return taken

    async def acknowledge(self, taken: Taken) -> None:
        """Everything up to the last message of ``taken`` is stored; returns when the bus has noted it."""
        if taken.generation != self._generation:
            return  # delivered again since then, under other numbers
        try:
            await self._client.request(taken.last, b"+ACK", timeout=5)
        except (NatsError, TimeoutError):
            # Not noted: delivered again after the reset, and stored a second time without effect.
            self.disturb()

    async def stop(self) -> None:
        """Take no more."""
        if self._inbox is not None and not self._client.is_closed:
            await self._inbox.unsubscribe()
        self._inbox = None

    async def _reset(self) -> None:
        try:
            await self.stop()
            self._got = _Buffer()
            self._generation += 1
            answer = await self._client.request(
                f"$JS.API.CONSUMER.RESET.{self._stream}.{self._durable}", b"", timeout=5
            )
            reply = msgspec.json.decode(answer.data, type=_Reply)
            if reply.error is not None:
                raise Unavailable(
                    mark("The bus cannot reset the consumer of {stream}: {reason}."),
                    remedy=mark("Gongfu needs nats-server 2.14 or later."),
                    stream=self._stream,
                    reason=reply.error.description,
                )
            self._inbox = await self._client.subscribe(
                self._client.new_inbox(), cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        except (NatsError, TimeoutError) as error:
            raise Unavailable(mark("The bus does not answer: {reason}."), reason=repr(error)) from error
        self._reset_needed = False

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        if self._got.wanted > 0 and loop.time() < self._got.asked_at + EXPIRES + 1:
            return
        assert self._inbox is not None
        request = {
            "batch": PULL_MESSAGES,
            "max_bytes": PULL_BYTES,
            "expires": int(EXPIRES * 1e9),
        }
        self._got.wanted, self._got.asked_at = PULL_MESSAGES, loop.time()
        try:
            await self._client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._durable}",
                msgspec.json.encode(request),
                reply=self._inbox.subject,
            )
        except NatsError as error:
            self.disturb()
            raise Unavailable(mark("The bus does not answer: {reason}."), reason=repr(error)) from error

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._arrived.wait(), seconds)
        self._arrived.clear()

    async def _on_message(self, message: Msg) -> None:
        if not message.reply:  # 404, 408, 409: the request is over
            self._got.wanted = 0
            self._arrived.set()
            return
        parts = message.reply.split(".")
        sequence = int(parts[_SEQUENCE])
        if sequence != self._got.sequence + 1:
            self.disturb()
            return
        self._got.sequence = sequence
        self._got.pending = int(parts[_PENDING])
        self._got.messages.append(Message(message.subject, message.data))
        self._got.bytes += len(message.data) + 100
        # A message delivered a second time comes after younger ones; only the furthest acknowledges them all.
        if (place := int(parts[_STREAM_SEQUENCE])) > self._got.furthest:
            self._got.furthest, self._got.last = place, message.reply
        self._got.wanted -= 1
        if self._got.pending == 0 or self._got.bytes >= PULL_BYTES // 2 or self._got.wanted <= 0:
            self._arrived.set()


class _Problem(msgspec.Struct):
    description: str = ""


class _Reply(msgspec.Struct):
    error: _Problem | None = None
