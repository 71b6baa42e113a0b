"""The path to an identifier, for people: told by a recursive node, or followed from here.

>>> path = follow("88.118.1/CNC-01", [parse("192.0.2.1:2641")])       # doctest: +SKIP
>>> [hop.server for hop in path.trace.hops]                            # doctest: +SKIP
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import BadHandle, Malformed
from gongfu.identity.recursion import failures, trace
from gongfu.identity.recursion.cache import Cache
from gongfu.identity.recursion.endpoints import Endpoint, parse
from gongfu.identity.recursion.recursor import RESOLUTION_SECONDS, Recursor
from gongfu.identity.recursion.trace import Problem, Trace
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

_SMALL = 4_000_000  # octets of cache for one path
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where it listens on all addresses, ask it here


@dataclass(frozen=True, slots=True)
class Path:
    """How an identifier was reached, its values, and the error if it was not."""

    trace: Trace
    values: tuple[wire.Value, ...]
    error: GongfuError | None = None


def recursive_of(settings: Settings) -> Endpoint | None:
    """The recursive resolver that this node asks: the one set, or its own; None if there is none."""
    if settings.recursive:
        return parse(settings.recursive)
    if "recursive" not in settings.roles:
        return None
    return Endpoint(_HERE.get(settings.host, settings.host), settings.recursive_port, settings.recursive_port)


def roots_of(settings: Settings) -> tuple[Endpoint, ...]:
    """Where resolution begins: what is set, else the parent, else this node itself. Raises :class:`Invalid`."""
    written = settings.roots or ([settings.parent] if settings.parent else [])
    if written:
        return tuple(parse(text) for text in written)
    return (Endpoint(_HERE.get(settings.host, settings.host), settings.handle_port, settings.handle_port),)


def path(handle: str, settings: Settings) -> Path:
    """As the node's recursive resolver tells it; followed from here, without any cache, when there is none.

    Blocks; not to be called in an event loop. Raises :class:`BadHandle` and :class:`Unavailable`.
    """
    recursive = recursive_of(settings)
    if recursive is None:
        return follow(handle, roots_of(settings), top=settings.top_prefix)
    return told(handle, recursive)


def follow(handle: str, roots: Sequence[Endpoint], *, top: str = "88") -> Path:
    """The path from ``roots``, every server asked anew. Blocks; raises :class:`BadHandle`."""
    _check(handle)
    outcome = asyncio.run(Recursor(roots, Cache(_SMALL), top=top).resolve(handle))
    return Path(outcome.trace, outcome.values, outcome.error)


def told(handle: str, recursive: Endpoint) -> Path:
    """The path as ``recursive`` tells it, from its cache where it can.

    Blocks; raises :class:`BadHandle` and :class:`Unavailable`, the latter also when that server tells no paths.
    """
    _check(handle)
    message = asyncio.run(_ask(handle, recursive, (trace.TRACE_TYPE,)))
    response = wire.decode_response(message)
    values = response.values if isinstance(response, wire.ResolveResponse) else ()
    data = next((value.data for value in values if value.type == trace.TRACE_TYPE), None)
    try:
        if data is None:
            raise ValueError("no path in the answer")
        found = trace.decode(data)
    except ValueError as error:  # msgspec's are, too
        raise Unavailable(
            mark("The resolver at {server} tells no path: {reason}."),
            remedy=mark("Ask a recursive resolver of this program, on its port 3641."),
            server=recursive,
            reason=error,
        ) from error
    others = tuple(value for value in values if value.type != trace.TRACE_TYPE)
    return Path(found, others, None if others else error_of(found))


def ask(handle: str, recursive: Endpoint) -> Path:
    """The values only; raises the error that the answer stands for."""
    _check(handle)
    start = time.monotonic()
    response = wire.decode_response(message := asyncio.run(_ask(handle, recursive, ())))
    took = round((time.monotonic() - start) * 1000, 3)
    if isinstance(response, wire.ErrorResponse):
        raise failures.of_code(message.header.response, handle, str(recursive))
    found = Trace(handle, message.header.response, took, (), resolver=str(recursive))
    return Path(found, response.values)


def error_of(found: Trace) -> GongfuError:
    """Why a path did not lead to values, in words that can be translated."""
    last = found.hops[-1] if found.hops else None
    if last is not None and last.problem is not Problem.NONE:
        return failures.failure(last.problem, found.hops, last.asked, last.server, last.service)
    if found.code == ResponseCode.RECURSION_LIMIT:
        return failures.endless(found.handle)
    return failures.of_code(found.code, found.handle, last.server if last else found.resolver)


def _check(handle: str) -> None:
    if not handle.isprintable() or "/" not in handle:
        raise BadHandle(
            mark("{handle} is not an identifier: it needs a prefix, a slash and a suffix."),
            remedy=mark("Write it as 88.118.1/EXAMPLE-001."),
            handle=ascii(handle)[:255],
        )


async def _ask(handle: str, endpoint: Endpoint, types: Sequence[str]) -> wire.Message:
    request = wire.ResolveRequest(handle, types=tuple(types))
    flags = OpFlag.PUBLIC_ONLY | OpFlag.RECURSIVE
    payload = wire.encode_payload(wire.Header(OpCode.RESOLVE, flags=flags), wire.encode_resolve_request(request))
    envelope = wire.Envelope(secrets.randbits(32), len(payload))
    try:
        async with asyncio.timeout(RESOLUTION_SECONDS + 2):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.tcp)
            try:
                writer.write(wire.encode_envelope(envelope) + payload)
                answer = wire.decode_envelope(await reader.readexactly(wire.ENVELOPE.size))
                octets = await reader.readexactly(answer.length)
            finally:
                writer.close()
        if answer.request != envelope.request:
            raise Malformed(mark("The answer belongs to another question."))
        return wire.decode_payload(answer, octets)
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Unavailable(
            mark("The resolver at {server} does not answer: {reason}."),
            remedy=mark("Check that it runs and that UDP and TCP reach that port."),
            server=endpoint,
            reason=str(error) or type(error).__name__,
        ) from error
