"""One question to one server: over UDP, over TCP when UDP brings nothing, and whether the answer can be believed.

Each question has a socket and a random number of its own, so that whoever wants to slip in an answer has to guess a
port and 32 bits.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gongfu.identity.handle import fragments, names, wire
from gongfu.identity.handle.codes import EnvelopeFlag, OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.site import Referral, decode_referral
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.recursion.trace import Problem

FIRST_WAIT = 0.4
"""Seconds before a question is repeated over UDP; doubles with each repetition."""
TRIES = 2


@dataclass(frozen=True, slots=True)
class Query:
    """What to ask for: all public values of ``handle``; ``recursion`` counts the recursive nodes on the way."""

    handle: str
    recursion: int = 0
    credential: bytes = b""

    def packed(self, number: int) -> tuple[wire.Envelope, bytes]:
        """Envelope and payload with request id ``number``."""
        flags = OpFlag.PUBLIC_ONLY | OpFlag.AUTHORITATIVE
        if self.credential:
            flags |= OpFlag.FORWARD_IDENTITY
        body = wire.encode_resolve_request(wire.ResolveRequest(self.handle))
        header = wire.Header(OpCode.RESOLVE, flags=flags, recursion=self.recursion)
        payload = wire.encode_payload(header, body, self.credential)
        return wire.Envelope(number, len(payload)), payload


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, or what was wrong with it; ``took`` in seconds."""

    problem: Problem
    transport: str
    took: float
    code: int = 0
    values: tuple[wire.Value, ...] = ()
    referral: Referral | None = None


Ask = Callable[[Query, Endpoint, float], Awaitable[Reply]]
"""``ask(query, endpoint, seconds)``; never raises."""


async def ask(query: Query, endpoint: Endpoint, seconds: float) -> Reply:
    """Ask one server, for ``seconds`` at the most. Never raises."""
    start = time.monotonic()
    attempt = _Attempt(query)
    message, transport, problem = None, "udp", Problem.SILENT
    with contextlib.suppress(OSError):
        if endpoint.udp is not None:
            message = await _udp(attempt, endpoint.host, endpoint.udp, seconds / 2 if endpoint.tcp else seconds)
    if message is None and endpoint.tcp is not None:
        transport = "tcp"
        left = max(0.05, start + seconds - time.monotonic())
        try:
            async with asyncio.timeout(left):
                message = await _tcp(attempt, endpoint.host, endpoint.tcp)
        except Malformed:
            problem = Problem.UNREADABLE
        except (OSError, asyncio.IncompleteReadError):
            pass
    took = time.monotonic() - start
    if message is None:
        return Reply(Problem.FOREIGN if attempt.foreign else problem, transport, took)
    return judge(query, message, endpoint, transport, took)


def judge(query: Query, message: wire.Message, endpoint: Endpoint, transport: str, took: float) -> Reply:
    """What ``message`` says, or what is wrong with it."""

    def bad(problem: Problem) -> Reply:
        return Reply(problem, transport, took, message.header.response)

    code, flags = message.header.response, message.header.flags
    try:
        if message.header.opcode != OpCode.RESOLVE:
            return bad(Problem.FOREIGN)
        if code in (ResponseCode.SERVICE_REFERRAL, ResponseCode.PREFIX_REFERRAL):
            return Reply(Problem.NONE, transport, took, code, referral=decode_referral(message.body))
        response = wire.decode_response(message)
    except Malformed:
        return bad(Problem.UNREADABLE)
    if isinstance(response, wire.ResolveResponse):
        try:
            same = names.key(response.handle.encode()) == names.key(query.handle.encode())
        except Malformed:
            same = False
        if not same:
            return bad(Problem.OTHER_IDENTIFIER)
        code = code if response.values else ResponseCode.VALUES_NOT_FOUND
    if code in (ResponseCode.ERROR, ResponseCode.SERVER_BUSY, ResponseCode.NONE, ResponseCode.PROTOCOL_ERROR):
        return bad(Problem.BUSY)
    final = (ResponseCode.SUCCESS, ResponseCode.HANDLE_NOT_FOUND, ResponseCode.VALUES_NOT_FOUND)
    if code in final and endpoint.primary and not flags & OpFlag.AUTHORITATIVE:
        return bad(Problem.NOT_AUTHORITATIVE)  # a mirror need not have it (RFC 3652 §2.2.2.3)
    values = response.values if isinstance(response, wire.ResolveResponse) else ()
    return Reply(Problem.NONE, transport, took, code, values)


@dataclass(slots=True)
class _Attempt:
    """One question with its number, and the packets of its answer."""

    query: Query
    number: int = field(default_factory=lambda: secrets.randbits(32))
    foreign: bool = False
    cut: bool = False
    """The server said that its answer comes over TCP only."""
    assembly: fragments.Assembly | None = None

    def datagram(self, packet: bytes) -> wire.Message | None:
        """The whole answer once ``packet`` completes it."""
        try:
            envelope = wire.decode_envelope(packet)
            if envelope.request != self.number:
                self.foreign = True
                return None
            payload: bytes | None = packet[wire.ENVELOPE.size :]
            assert payload is not None
            if envelope.flags & EnvelopeFlag.TRUNCATED:
                if fragments.is_cut(envelope, payload):
                    self.cut = True
                    return None
                self.assembly = self.assembly or fragments.Assembly(envelope)
                payload = self.assembly.add(envelope, payload)
            return None if payload is None else wire.decode_payload(envelope, payload)
        except Malformed:
            return None  # perhaps TCP brings something better


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, attempt: _Attempt) -> None:
        self._attempt = attempt
        self.answer: asyncio.Future[wire.Message | None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        message = self._attempt.datagram(data)
        if (message is not None or self._attempt.cut) and not self.answer.done():
            self.answer.set_result(message)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():  # nothing listens there: no need to wait
            self.answer.set_result(None)


async def _udp(attempt: _Attempt, host: str, port: int, seconds: float) -> wire.Message | None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Datagrams(attempt), remote_addr=(host, port))
    packets = fragments.split(*attempt.query.packed(attempt.number))
    try:
        wait, deadline = FIRST_WAIT, loop.time() + seconds
        for number in range(TRIES):
            for packet in packets:
                transport.sendto(packet)
            left = deadline - loop.time()
            done, _ = await asyncio.wait((protocol.answer,), timeout=min(wait, left) if number < TRIES - 1 else left)
            if done:
                return protocol.answer.result()
            wait *= 2
        return None
    finally:
        transport.close()


async def _tcp(attempt: _Attempt, host: str, port: int) -> wire.Message:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        envelope, payload = attempt.query.packed(attempt.number)
        writer.write(wire.encode_envelope(envelope) + payload)
        answer = wire.decode_envelope(await reader.readexactly(wire.ENVELOPE.size))
        octets = await reader.readexactly(answer.length)
        if answer.request != attempt.number:
            attempt.foreign = True
            raise Malformed("The answer belongs to another question.")
        return wire.decode_payload(answer, octets)
    finally:
        writer.close()
