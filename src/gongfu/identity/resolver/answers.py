"""From a request's octets to its answer's octets; reads the store, does no network input or output.

Whatever comes in, the answer is octets or silence: requests that cannot be read get a protocol error, packets that are
not even a header and responses sent to a server get nothing (so that two servers never answer each other for ever).
"""

from __future__ import annotations

import itertools
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import structlog

from gongfu.identity.handle import fragments, wire
from gongfu.identity.handle.codes import EnvelopeFlag, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.administration import Administration
from gongfu.identity.resolver.colleagues import ALONE, Colleagues, ask
from gongfu.identity.resolver.counters import Counters, Transport
from gongfu.identity.resolver.desk import Begun, Desk, Packet, assemble

log = structlog.get_logger("resolver")

_PLAIN = struct.Struct(">BBBBIIII III2xBx4xII")
"""Envelope, header (without site serial and expiry) and the handle's length: how every resolve request starts."""
_ANSWER = struct.Struct(">BBBBIIII III2xBxII")
"""Envelope and header, without site serial."""
_NO_LISTS = bytes(8)
_NO_CREDENTIAL = bytes(4)
_LONG_WAY = OpFlag.REQUEST_DIGEST | OpFlag.ENCRYPT | OpFlag.CERTIFIED
_ECHOED = OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
_CHANGES = {OpCode.CREATE, OpCode.DELETE, OpCode.ADD_VALUE, OpCode.REMOVE_VALUE, OpCode.MODIFY_VALUE}
_PENDING = 256
_PENDING_SECONDS = 5.0
_PENDING_OCTETS = 8_192  # of one request over UDP; a longer one has to come over TCP

Peer = tuple[str, int] | tuple[str, int, int, int]


Later: TypeAlias = Callable[[], list[bytes]]
"""Makes the packets that answer a request, in a thread that may wait."""


class Silence(Exception):
    """Nothing is sent back: the defined reaction to what deserves no answer."""


class Answerer:
    """Answers requests from ``store``. One for each thread: it holds half-received requests."""

    def __init__(
        self,
        store: IdentifierStore,
        counters: Counters,
        transport: Transport,
        desk: Desk | None = None,
        colleagues: Colleagues = ALONE,
    ) -> None:
        """``desk`` is shared by the transports of a process; without one it is a plain one of its own."""
        self.store = store
        self.colleagues = colleagues
        self._desk = desk or assemble(store, Administration(store, resolutions=counters.prefix))
        self.counters = counters
        self.transport = transport
        self._pending: OrderedDict[tuple[Peer, int], tuple[float, fragments.Assembly]] = OrderedDict()

    def datagram(self, packet: bytes, peer: Peer) -> list[bytes] | Later:
        """The packets to send back to ``peer``, or what makes them where waiting does no harm. Never raises.

        There are none when the packet deserves no answer.
        """
        try:
            envelope = wire.decode_envelope(packet)
            payload = packet[wire.ENVELOPE.size :]
            if envelope.flags & EnvelopeFlag.TRUNCATED:
                whole = self._assemble(envelope, payload, peer)
                if whole is None:
                    return []
                payload = whole
            holder = self.colleagues.holder(envelope.session)
            if holder is not None:
                return lambda: self._asked(holder, envelope, payload)
            if waits(envelope, payload):
                return lambda: self._packets(envelope, payload)
            return self._packets(envelope, payload)
        except (Silence, Malformed):
            self.counters.dropped(self.transport)
        except Exception:
            self.counters.dropped(self.transport)
            log.exception("a packet could not be answered")
        return []

    def _packets(self, envelope: wire.Envelope, payload: bytes) -> list[bytes]:
        """Never raises."""
        try:
            return fragments.split(*next(self._answer(envelope, payload)))
        except (Silence, Malformed):
            self.counters.dropped(self.transport)
        except Exception:
            self.counters.dropped(self.transport)
            log.exception("a packet could not be answered")
        return []

    def _asked(self, holder: Path, envelope: wire.Envelope, payload: bytes) -> list[bytes]:
        """Another worker's answer; this one's that it knows no such session, if the other does not answer."""
        answer = ask(holder, replace(envelope, flags=envelope.flags & ~EnvelopeFlag.TRUNCATED), payload)
        return self._packets(envelope, payload) if answer is None else fragments.split(*wire.encode_message(answer))

    def message(self, envelope: wire.Envelope, payload: bytes) -> Iterator[bytes]:
        """The messages, usually one, that answer one that came over TCP, each made when it is taken.

        Raises :class:`Silence`. Where :func:`waits` says so, calling it and taking from it is for a thread.
        """
        begun = self.begin(envelope, payload)
        yield from self.end(begun)

    def begin(self, envelope: wire.Envelope, payload: bytes) -> Begun:
        """The beginning of :meth:`message`, for an event loop where :func:`begins` says so. Raises :class:`Silence`."""
        self._check(envelope, payload)
        return self._desk.begin(envelope, payload, streams=self.transport is Transport.TCP)

    def end(self, begun: Begun) -> Iterator[bytes]:
        """The rest of it."""
        try:
            for answer, octets in self._counted(*begun.end()):
                yield wire.encode_envelope(answer) + octets
        except Malformed as error:
            self.counters.dropped(self.transport)
            raise Silence from error

    def _assemble(self, envelope: wire.Envelope, piece: bytes, peer: Peer) -> bytes | None:
        if envelope.length > _PENDING_OCTETS:
            raise Silence
        now = time.monotonic()
        while self._pending:
            oldest, (since, _) = next(iter(self._pending.items()))
            if len(self._pending) < _PENDING and now - since < _PENDING_SECONDS:
                break
            del self._pending[oldest]
        place = (peer, envelope.request)
        _, assembly = self._pending.setdefault(place, (now, fragments.Assembly(envelope)))
        whole = assembly.add(envelope, piece)
        if whole is not None:
            del self._pending[place]
        return whole

    def _answer(self, envelope: wire.Envelope, payload: bytes) -> Iterator[Packet]:
        """Messages that answer; the first is made at once. Raises :class:`Silence` or :class:`Malformed`."""
        self._check(envelope, payload)
        return self._counted(*self._desk.answer(envelope, payload, streams=self.transport is Transport.TCP))

    def _check(self, envelope: wire.Envelope, payload: bytes) -> None:
        short = len(payload) < wire.HEADER.size
        if not envelope.flags & EnvelopeFlag.ENCRYPTED and (short or any(payload[4:8])):  # a response is not answered
            raise Silence

    def _counted(self, code: ResponseCode, messages: Iterator[Packet]) -> Iterator[Packet]:
        first = next(messages)
        self.counters.answered(self.transport, code)
        return itertools.chain((first,), messages)


def begins(envelope: wire.Envelope, payload: bytes) -> bool:
    """Whether it is a change within a session: begun quickly, then only waiting for the disk."""
    return (
        bool(envelope.session)
        and not envelope.flags & EnvelopeFlag.ENCRYPTED
        and len(payload) >= wire.HEADER.size
        and int.from_bytes(payload[:4], "big") in _CHANGES
    )


def waits(envelope: wire.Envelope, payload: bytes) -> bool:
    """Whether answering may take long: a change waits for the disk, a proof for cryptography, a list for its length.

    Questions of anybody's for public values do not.
    """
    if envelope.flags & EnvelopeFlag.ENCRYPTED or len(payload) < wire.HEADER.size:
        return True
    opcode, _, flags, *_ = wire.HEADER.unpack_from(payload)
    return opcode != OpCode.RESOLVE or bool(envelope.session) or bool(flags & (OpFlag.ENCRYPT | OpFlag.CERTIFIED))
