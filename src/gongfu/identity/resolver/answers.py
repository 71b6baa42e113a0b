"""From a request's octets to its answer's octets; reads the store, does no network input or output.

Whatever comes in, the answer is octets or silence: requests that cannot be read get a protocol error, packets that are
not even a header and responses sent to a server get nothing (so that two servers never answer each other for ever).
"""

from __future__ import annotations

import struct
import time
from collections import OrderedDict

import structlog

from gongfu.identity.handle import fragments, names, wire
from gongfu.identity.handle.codes import VERSION, EnvelopeFlag, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.registry import records
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import delegation
from gongfu.identity.resolver.counters import Counters, Transport
from gongfu.identity.resolver.selection import select
from gongfu.kernel.errors import GongfuError

log = structlog.get_logger("resolver")

_PLAIN = struct.Struct(">BBBBIIII III2xBx4xII")
"""Envelope, header (without site serial and expiry) and the handle's length: how every resolve request starts."""
_ANSWER = struct.Struct(">BBBBIIII III2xBx4xI")
"""Envelope and header, likewise."""
_NO_LISTS = bytes(8)
_NO_CREDENTIAL = bytes(4)
_LONG_WAY = OpFlag.REQUEST_DIGEST | OpFlag.ENCRYPT
_ECHOED = OpFlag.KEEP_CONNECTION | OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
_PENDING = 256
_PENDING_SECONDS = 5.0
_PENDING_OCTETS = 8_192  # of one request over UDP; a longer one has to come over TCP

Peer = tuple[str, int] | tuple[str, int, int, int]


class Silence(Exception):
    """Nothing is sent back: the defined reaction to what deserves no answer."""


class Answerer:
    """Answers requests from ``store``. One for each thread: it holds half-received requests."""

    def __init__(self, store: IdentifierStore, counters: Counters, transport: Transport) -> None:
        self._store = store
        self._counters = counters
        self._transport = transport
        self._pending: OrderedDict[tuple[Peer, int], tuple[float, fragments.Assembly]] = OrderedDict()

    def datagram(self, packet: bytes, peer: Peer) -> list[bytes]:
        """The packets to send back to ``peer``; none when the packet deserves no answer. Never raises."""
        try:
            short = self._short(packet)
            if short is not None:
                return [short]
            envelope = wire.decode_envelope(packet)
            payload = packet[wire.ENVELOPE.size :]
            if envelope.flags & EnvelopeFlag.TRUNCATED:
                whole = self._assemble(envelope, payload, peer)
                if whole is None:
                    return []
                payload = whole
            return fragments.split(*self._answer(envelope, payload))
        except (Silence, Malformed):
            self._counters.dropped(self._transport)
        except Exception:
            self._counters.dropped(self._transport)
            log.exception("a packet could not be answered")
        return []

    def message(self, envelope: wire.Envelope, payload: bytes) -> bytes:
        """Envelope and payload of the answer to a message that came over TCP; raises :class:`Silence`."""
        try:
            answer, octets = self._answer(envelope, payload)
        except Malformed as error:
            self._counters.dropped(self._transport)
            raise Silence from error
        return wire.encode_envelope(answer) + octets

    def _short(self, packet: bytes) -> bytes | None:
        """The answer to the usual question (all public values of a handle that is there), None if it is another one."""
        if len(packet) < _PLAIN.size + 8:
            return None
        (major, minor, flags, suggested, session, number, sequence, length,
         opcode, response, asked, recursion, body_length, size) = _PLAIN.unpack_from(packet)  # fmt: skip
        end = _PLAIN.size + size
        if (
            major != 2
            or flags & 0xE0
            or sequence
            or opcode != OpCode.RESOLVE
            or response
            or asked & _LONG_WAY
            or length != len(packet) - 20
            or body_length != size + 12
            or packet[end : end + 8] != _NO_LISTS
            or packet[end + 8 :] not in (_NO_CREDENTIAL, b"")
        ):
            return None
        key = packet[_PLAIN.size : end].upper()
        if not key.isascii():
            return None
        homed, stored = self._store.lookup(key)
        if not homed or stored is None:
            return None
        count, values = records.public_slice(stored)
        if count < 1 or len(values) + size + 36 > fragments.PIECE:
            return None
        suggested_major = flags & 0x03
        version = min((suggested_major, suggested) if suggested_major else (major, minor), VERSION)
        flags = (asked & _ECHOED) | OpFlag.AUTHORITATIVE
        length = size + 8 + len(values)
        self._counters.answered(self._transport, ResponseCode.SUCCESS)
        head = _ANSWER.pack(
            *version, *VERSION, session, number, 0, length + 28, opcode, ResponseCode.SUCCESS, flags, recursion, length
        )
        return b"".join((head, packet[_PLAIN.size - 4 : end], count.to_bytes(4, "big"), values, _NO_CREDENTIAL))

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

    def _answer(self, envelope: wire.Envelope, payload: bytes) -> tuple[wire.Envelope, bytes]:
        if len(payload) < wire.HEADER.size:
            raise Silence
        opcode, response = struct.unpack_from(">II", payload)
        if response != ResponseCode.NONE:
            raise Silence
        request = wire.Message(envelope, wire.Header(opcode), b"")
        try:
            request = wire.decode_payload(envelope, payload)
            code, body = self._perform(request)
        except GongfuError as error:
            code, body = _refusal(error)
        flags = OpFlag.AUTHORITATIVE if code in _AUTHORITATIVE else wire.NO_FLAG
        self._counters.answered(self._transport, code)
        return wire.respond(request, code, body, flags)

    def _perform(self, request: wire.Message) -> tuple[ResponseCode, bytes]:
        if request.header.opcode != OpCode.RESOLVE:
            return _error(ResponseCode.OPERATION_DENIED, "This server does not perform that operation.")
        if request.header.flags & OpFlag.ENCRYPT:
            return _error(ResponseCode.NO_SESSION_KEY, "There is no session to encrypt with.")
        question = wire.decode_resolve_request(request.body)
        key = names.key(question.handle.encode())
        homed, stored = self._store.lookup(key)
        if not homed:
            elsewhere = delegation.consult(self._store.lookup, key, question)
            if elsewhere is not None:
                return elsewhere
            return _error(ResponseCode.NOT_RESPONSIBLE, "This server does not answer for that prefix.")
        if stored is None:
            return _error(ResponseCode.HANDLE_NOT_FOUND, "That identifier is not registered.")
        values = select(records.decode(key, stored).public, question)
        if not values:
            return _error(ResponseCode.VALUES_NOT_FOUND, "That identifier has no such value.")
        return ResponseCode.SUCCESS, wire.encode_resolve_response(wire.ResolveResponse(question.handle, values))


_AUTHORITATIVE = (ResponseCode.SUCCESS, ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND)


def _error(code: ResponseCode, message: str) -> tuple[ResponseCode, bytes]:
    return code, wire.encode_error(wire.ErrorResponse(message))


def _refusal(error: GongfuError) -> tuple[ResponseCode, bytes]:
    # A store that fails is the operator's business: its path and reason go to the log, not to whoever asks.
    if isinstance(error, Malformed):
        return _error(ResponseCode(error.handle_code), str(error)[:200])
    log.error("a request could not be performed", error=str(error))
    return _error(ResponseCode(error.handle_code), "The server cannot answer now.")
