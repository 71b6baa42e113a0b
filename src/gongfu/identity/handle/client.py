"""Ask a resolver: over UDP with repetition, over TCP when UDP brings no whole answer.

>>> answer = resolve("88.118.1/CNC-01", host="127.0.0.1", port=2641)    # doctest: +SKIP
>>> answer.text("URL")                                                  # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle import fragments, wire
from gongfu.identity.handle.codes import MAX_PACKET, PORT, EnvelopeFlag, OpFlag
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.handle.refusals import refusal
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark

FIRST_WAIT = 0.4
"""Seconds before a question is repeated over UDP; doubles with each repetition."""
TRIES = 3


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a resolver said about one identifier; ``took`` in seconds, repetitions included."""

    handle: str
    values: tuple[wire.Value, ...]
    authoritative: bool
    transport: str
    server: str
    took: float

    def text(self, kind: str) -> str:
        """The first value of type ``kind`` as text, or an empty string."""
        return next((value.text for value in self.values if value.type == kind), "")


class Question:
    """One request and what has come back so far; does no input or output itself."""

    def __init__(
        self, handle: str, indexes: Sequence[int], types: Sequence[str], flags: OpFlag = OpFlag.PUBLIC_ONLY
    ) -> None:
        if not handle.isprintable():  # surrogates, too: they have no UTF-8
            raise BadHandle(mark("{handle} holds characters that cannot be seen."), handle=ascii(handle))
        self._number = secrets.randbits(32)
        self._asked = wire.ResolveRequest(handle, tuple(indexes), tuple(types))
        self._envelope, self._payload = wire.resolve_message(self._asked, self._number, flags)
        self._assembly: fragments.Assembly | None = None
        self.cut = False
        """Whether the server said that its answer comes over TCP only."""

    @property
    def packets(self) -> list[bytes]:
        """The question for UDP."""
        return fragments.split(self._envelope, self._payload)

    @property
    def stream(self) -> bytes:
        """The question for TCP."""
        return wire.encode_envelope(self._envelope) + self._payload

    def datagram(self, packet: bytes) -> wire.Message | None:
        """The whole answer once ``packet`` completes it; packets that answer something else are ignored."""
        try:
            envelope = wire.decode_envelope(packet)
            if envelope.request != self._number:
                return None
            payload = packet[wire.ENVELOPE.size :]
            if envelope.flags & EnvelopeFlag.TRUNCATED:
                if fragments.is_cut(envelope, payload):
                    self.cut = True
                    return None
                self._assembly = self._assembly or fragments.Assembly(envelope)
                whole = self._assembly.add(envelope, payload)
                return None if whole is None else wire.decode_payload(envelope, whole)
            return wire.decode_payload(envelope, payload)
        except Malformed:
            return None  # not what we wait for; if nothing better comes, TCP decides

    def message(self, envelope: wire.Envelope, payload: bytes) -> wire.Message:
        """The answer that came over TCP; raises :class:`Malformed`."""
        if envelope.request != self._number:
            raise Malformed(mark("The answer belongs to another question."))
        return wire.decode_payload(envelope, payload)

    def conclude(self, answer: wire.Message, transport: str, server: str, took: float) -> Resolution:
        """The resolution; raises the error that the answer's response code stands for."""
        response = wire.decode_response(answer)
        if isinstance(response, wire.ResolveResponse):
            authoritative = bool(answer.header.flags & OpFlag.AUTHORITATIVE)
            return Resolution(response.handle, response.values, authoritative, transport, server, took)
        raise refusal(self._asked.handle, answer.header.response, response.message, server)


def resolve(
    handle: str,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    indexes: Sequence[int] = (),
    types: Sequence[str] = (),
    timeout: float = 5.0,
    tcp: bool = False,
) -> Resolution:
    """The public values of ``handle`` from the resolver at ``host``; ``timeout`` in seconds for all attempts together.

    Raises ``NotFound`` (no such identifier, no such value, not that server's), ``Invalid``, ``Forbidden`` or
    :class:`Unavailable`.
    """
    question = Question(handle, indexes, types)
    start = time.monotonic()
    server = f"{host}:{port}"
    try:
        answer = None if tcp else _ask_udp(question, host, port, start + timeout / 2)
        transport = "udp" if answer else "tcp"
        if answer is None:
            answer = _ask_tcp(question, host, port, start + timeout)
    except OSError as error:
        raise _silent(server, error) from error
    return question.conclude(answer, transport, server, time.monotonic() - start)


async def resolve_async(
    handle: str,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    indexes: Sequence[int] = (),
    types: Sequence[str] = (),
    timeout: float = 5.0,  # noqa: ASYNC109 - same signature as resolve
    tcp: bool = False,
) -> Resolution:
    """As :func:`resolve`, without blocking the event loop."""
    question = Question(handle, indexes, types)
    start = time.monotonic()
    server = f"{host}:{port}"
    try:
        answer = None if tcp else await _ask_udp_async(question, host, port, timeout / 2)
        transport = "udp" if answer else "tcp"
        if answer is None:
            async with asyncio.timeout(max(0.01, start + timeout - time.monotonic())):
                answer = await _ask_tcp_async(question, host, port)
    except (OSError, asyncio.IncompleteReadError) as error:
        raise _silent(server, error) from error
    return question.conclude(answer, transport, server, time.monotonic() - start)


def _ask_udp(question: Question, host: str, port: int, deadline: float) -> wire.Message | None:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect(address)  # only packets from there reach us
        wait = FIRST_WAIT
        for _ in range(TRIES):
            until = min(time.monotonic() + wait, deadline)
            wait *= 2
            try:
                for packet in question.packets:
                    sock.send(packet)
                while (left := until - time.monotonic()) > 0:
                    sock.settimeout(left)
                    if (answer := question.datagram(sock.recv(MAX_PACKET + 1))) is not None:
                        return answer
                    if question.cut:
                        return None
            except TimeoutError:
                continue
            except ConnectionRefusedError:  # nothing listens on UDP there; perhaps on TCP
                return None
    return None


def _ask_tcp(question: Question, host: str, port: int, deadline: float) -> wire.Message:
    def left() -> float:
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    with socket.create_connection((host, port), timeout=left()) as sock:

        def exactly(length: int) -> bytes:
            parts = bytearray()
            while len(parts) < length:
                sock.settimeout(left())
                part = sock.recv(length - len(parts))
                if not part:
                    raise ConnectionResetError("closed before the answer was complete")
                parts += part
            return bytes(parts)

        sock.sendall(question.stream)
        envelope = wire.decode_envelope(exactly(wire.ENVELOPE.size))
        return question.message(envelope, exactly(envelope.length))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, question: Question) -> None:
        self._question = question
        self.answer: asyncio.Future[wire.Message | None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        message = self._question.datagram(data)
        if (message is not None or self._question.cut) and not self.answer.done():
            self.answer.set_result(message)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_result(None)


async def _ask_udp_async(question: Question, host: str, port: int, seconds: float) -> wire.Message | None:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Datagrams(question), remote_addr=(host, port))
    try:
        wait, deadline = FIRST_WAIT, loop.time() + seconds
        for _ in range(TRIES):
            for packet in question.packets:
                transport.sendto(packet)
            done, _ = await asyncio.wait((protocol.answer,), timeout=min(wait, max(0.0, deadline - loop.time())))
            if done:
                return protocol.answer.result()
            wait *= 2
        return None
    finally:
        transport.close()


async def _ask_tcp_async(question: Question, host: str, port: int) -> wire.Message:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(question.stream)
        envelope = wire.decode_envelope(await reader.readexactly(wire.ENVELOPE.size))
        return question.message(envelope, await reader.readexactly(envelope.length))
    finally:
        writer.close()


def _silent(server: str, error: Exception) -> Unavailable:
    return Unavailable(
        mark("The resolver at {server} does not answer: {reason}."),
        remedy=mark("Check that it runs and that UDP and TCP reach that port."),
        server=server,
        reason=str(error) or type(error).__name__,
    )
