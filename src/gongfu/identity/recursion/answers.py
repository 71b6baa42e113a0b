"""From a question's octets to its answer's, by way of the recursor; no sockets."""

from __future__ import annotations

import struct
import time
from dataclasses import replace

import structlog

from gongfu.identity.handle import names, wire
from gongfu.identity.handle.codes import OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.site import HS_ALIAS
from gongfu.identity.recursion import forwarding, trace
from gongfu.identity.recursion.outcomes import Outcome
from gongfu.identity.recursion.recursor import Recursor
from gongfu.identity.resolver.desk import ANSWER_SECONDS
from gongfu.identity.resolver.selection import select
from gongfu.kernel.errors import GongfuError

log = structlog.get_logger("recursion")

_TRACE_INDEX = 2**31 - 1
_MAX_TEXT = 500


class NoAnswer(Exception):
    """Nothing is sent back: what came is no question."""


class RecursiveAnswerer:
    """Answers any question that :class:`Recursor` can; counts the answers by code."""

    def __init__(self, recursor: Recursor, address: str = "") -> None:
        """``address`` is how this node names itself in the paths it tells."""
        self.recursor = recursor
        self.answered: dict[ResponseCode, int] = dict.fromkeys(ResponseCode, 0)
        self._address = address

    async def answer(
        self, envelope: wire.Envelope, payload: bytes, peer: str, *, stream: bool
    ) -> tuple[wire.Envelope, bytes]:
        """The answer to the question of the host ``peer``; raises :class:`NoAnswer`. Paths are told over TCP only."""
        if len(payload) < wire.HEADER.size:
            raise NoAnswer
        opcode, response = struct.unpack_from(">II", payload)
        if response != ResponseCode.NONE:
            raise NoAnswer
        request = wire.Message(envelope, wire.Header(opcode), b"")
        try:
            request = wire.decode_payload(envelope, payload)
            code, body = await self._perform(request, peer, stream)
        except Malformed as error:
            code, body = _error(ResponseCode(error.handle_code), str(error))
        except GongfuError as error:
            log.error("a question could not be answered", error=str(error))
            code, body = _error(ResponseCode.SERVER_BUSY, "The server cannot answer now.")
        self.answered[code] += 1
        expires = int(time.time()) + ANSWER_SECONDS
        return wire.encode_message(wire.answer(request, code, body, expires=expires))

    async def _perform(self, request: wire.Message, peer: str, stream: bool) -> tuple[ResponseCode, bytes]:
        if request.header.opcode != OpCode.RESOLVE:
            return _error(ResponseCode.OPERATION_DENIED, "A recursive server resolves, and does nothing else.")
        if request.header.flags & OpFlag.ENCRYPT:
            return _error(ResponseCode.NO_SESSION_KEY, "There is no session to encrypt with.")
        question = wire.decode_resolve_request(request.body)
        asked = {kind.upper() for kind in question.types}
        if not request.header.flags & OpFlag.RECURSIVE:
            return self._without_asking(question)
        outcome = await self.recursor.resolve(
            question.handle,
            recursion=request.header.recursion,
            credential=_forwarded(request, peer),
            follow=HS_ALIAS not in asked,
        )
        if trace.TRACE_TYPE in asked and stream:
            return self._told(question.handle, outcome)
        if outcome.error is not None:
            code = ResponseCode(outcome.code) if outcome.code in tuple(ResponseCode) else ResponseCode.ERROR
            return _error(code, str(outcome.error))
        return _selected(question, outcome.body)

    def _without_asking(self, question: wire.ResolveRequest) -> tuple[ResponseCode, bytes]:
        """Without the recursive flag only what is known already is told; two such nodes cannot ask each other."""
        entry = self.recursor.cache.fresh(names.key(question.handle.encode()))
        if entry is None or not entry.body:
            return _error(ResponseCode.NOT_RESPONSIBLE, "Set the recursive flag to have others asked.")
        return _selected(question, entry.body)

    def _told(self, handle: str, outcome: Outcome) -> tuple[ResponseCode, bytes]:
        path = replace_resolver(outcome.trace, self._address)
        told = wire.Value(_TRACE_INDEX, trace.TRACE_TYPE, trace.encode(path), ttl=0)
        return ResponseCode.SUCCESS, wire.encode_resolve_response(wire.ResolveResponse(handle, (told, *outcome.values)))


def replace_resolver(path: trace.Trace, address: str) -> trace.Trace:
    """``path`` as ``address`` tells it."""
    return trace.Trace(
        path.handle, path.code, path.took_ms, path.hops, path.stale, resolver=address, message=path.message
    )


def _forwarded(request: wire.Message, peer: str) -> bytes:
    """Who asks, if they want it passed on; what an earlier recursive node said of them stays."""
    if not request.header.flags & OpFlag.FORWARD_IDENTITY:
        return b""
    if request.header.recursion:
        try:
            return forwarding.encode(forwarding.decode(request.credential))
        except Malformed:
            pass  # that node did not say
    return forwarding.encode(forwarding.Asker(peer, forwarding.signer(request.credential)))


def _selected(question: wire.ResolveRequest, body: bytes) -> tuple[ResponseCode, bytes]:
    if not question.indexes and not question.types:
        return ResponseCode.SUCCESS, wire.encode_counted(question.handle.encode()) + body
    kinds = tuple(kind for kind in question.types if kind.upper() != trace.TRACE_TYPE)
    values = select(wire.decode_values(wire.Reader(body)), replace(question, types=kinds))
    if not values:
        return _error(ResponseCode.VALUES_NOT_FOUND, "That identifier has no such value.")
    return ResponseCode.SUCCESS, wire.encode_resolve_response(wire.ResolveResponse(question.handle, values))


def _error(code: ResponseCode, message: str) -> tuple[ResponseCode, bytes]:
    return code, wire.encode_error(wire.ErrorResponse(message[:_MAX_TEXT]))
