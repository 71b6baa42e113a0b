"""What went wrong, in a sentence that names the hop."""

from __future__ import annotations

from collections.abc import Sequence

from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.recursion.errors import Lame, Loop, Unreachable
from gongfu.identity.recursion.trace import Hop, Problem, asked_over_network
from gongfu.kernel.errors import Forbidden, GongfuError, NotFound, Unavailable
from gongfu.kernel.i18n import mark

_OWNER = mark("Tell whoever runs that server, or the parent that names it.")
_TEXTS = {
    Problem.SILENT: mark("Hop {hop}: {server}, asked for {asked}, does not answer."),
    Problem.BUSY: mark("Hop {hop}: {server}, asked for {asked}, cannot answer now."),
    Problem.FOREIGN: mark("Hop {hop}: {server}, asked for {asked}, answers questions nobody asked."),
    Problem.UNREADABLE: mark("Hop {hop}: {server}, asked for {asked}, answers what cannot be read."),
    Problem.OTHER_IDENTIFIER: mark("Hop {hop}: {server}, asked for {asked}, answers for another identifier."),
    Problem.NOT_AUTHORITATIVE: mark("Hop {hop}: {server}, asked for {asked}, answers without authority."),
    Problem.NOT_RESPONSIBLE: mark(
        "Hop {hop}: {server}, asked for {asked}, is named as the server of {prefix} but does not answer for it."
    ),
    Problem.LOOP: mark("Hop {hop}: {server}, asked for {asked}, leads back to where the question came from."),
    Problem.NO_ADDRESS: mark("Hop {hop}: {server} names no server of {prefix} that can be asked for {asked}."),
}
_KINDS: dict[Problem, type[GongfuError]] = {
    Problem.SILENT: Unreachable,
    Problem.BUSY: Unreachable,
    Problem.NO_ADDRESS: Lame,
    Problem.LOOP: Loop,
}


def failure(problem: Problem, hops: Sequence[Hop], asked: str, server: object, prefix: str) -> GongfuError:
    """The error of a hop, which is the last of ``hops``."""
    remedy = mark("Try again later.") if problem in (Problem.SILENT, Problem.BUSY) else _OWNER
    return _KINDS.get(problem, Lame)(
        _TEXTS[problem],
        remedy=remedy,
        hop=max(1, asked_over_network(hops)),
        server=server,
        asked=asked[:255],
        prefix=prefix or "88",
    )


def of_code(code: int, handle: str, server: str) -> GongfuError:
    """The error that a final answer without values stands for."""
    if code == ResponseCode.HANDLE_NOT_FOUND:
        return NotFound(mark("{handle} is not registered at {server}."), handle=handle[:255], server=server)
    if code == ResponseCode.VALUES_NOT_FOUND:
        return NotFound(mark("{handle} has no such value."), handle=handle[:255])
    if 400 <= code < 600:
        return Forbidden(mark("The resolver refused {handle}: {said}"), handle=handle[:255], said=code)
    return Unavailable(
        mark("The resolver at {server} answered with code {code}: {said}"), server=server, code=code, said=""
    )


def endless(handle: str) -> GongfuError:
    """Aliases or recursive nodes led on for ever; which ones, only the path shows."""
    return Loop(mark("The way to {handle} leads back to itself or on for ever."), remedy=_OWNER, handle=handle[:255])


def again(error: GongfuError) -> GongfuError:
    """The same error anew: one that is raised twice would carry the trace of both."""
    return type(error)(error.message, remedy=error.remedy, **error.values)
