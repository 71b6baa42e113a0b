"""The path a resolution took, as data: it crosses processes as JSON and is put into words only where it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from gongfu.identity.handle.codes import ResponseCode
from gongfu.kernel.i18n import mark, translate

TRACE_TYPE = "GONGFU.TRACE"
"""A question for this type of value, over TCP, is answered by a recursive node with the path it took, as JSON."""


class Purpose(Enum):
    """Why somebody was asked."""

    PREFIX = "prefix"
    SERVICE = "service"
    IDENTIFIER = "identifier"
    ALIAS = "alias"


class Problem(Enum):
    """What was wrong with an answer."""

    NONE = ""
    SILENT = "silent"
    BUSY = "busy"
    FOREIGN = "foreign"
    UNREADABLE = "unreadable"
    OTHER_IDENTIFIER = "other_identifier"
    NOT_AUTHORITATIVE = "not_authoritative"
    NOT_RESPONSIBLE = "not_responsible"
    LOOP = "loop"
    NO_ADDRESS = "no_address"


class Hop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question: to whom, for what, what came back. ``service`` is the prefix served there, empty at the roots.

    ``cached`` and ``stale`` answers were not asked for: ``server`` is who gave them when they were.
    """

    asked: str
    purpose: Purpose
    server: str
    service: str = ""
    transport: str = ""
    code: int = 0
    took_ms: float = 0.0
    cached: bool = False
    stale: bool = False
    problem: Problem = Problem.NONE


class Trace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole path; ``code`` is how it ended, ``message`` why it did not end well, in English."""

    handle: str
    code: int
    took_ms: float
    hops: tuple[Hop, ...]
    stale: bool = False
    resolver: str = ""
    message: str = ""


def encode(trace: Trace) -> bytes:
    """As JSON."""
    return msgspec.json.encode(trace)


def decode(data: bytes) -> Trace:
    """From JSON; raises ``msgspec.DecodeError``."""
    return msgspec.json.decode(data, type=Trace)


_PROBLEMS = {
    Problem.NONE: "",
    Problem.SILENT: mark("does not answer"),
    Problem.BUSY: mark("cannot answer now"),
    Problem.FOREIGN: mark("answers questions nobody asked"),
    Problem.UNREADABLE: mark("answers what cannot be read"),
    Problem.OTHER_IDENTIFIER: mark("answers for another identifier"),
    Problem.NOT_AUTHORITATIVE: mark("answers without authority"),
    Problem.NOT_RESPONSIBLE: mark("is named as the server of that prefix but does not answer for it"),
    Problem.LOOP: mark("leads back to where the question came from"),
    Problem.NO_ADDRESS: mark("has no address that can be asked"),
}
_PURPOSES = {
    Purpose.PREFIX: mark("Who serves the prefix"),
    Purpose.SERVICE: mark("Where the service is"),
    Purpose.IDENTIFIER: mark("The identifier"),
    Purpose.ALIAS: mark("What it is another name of"),
}
_CODES = {
    ResponseCode.SUCCESS: mark("found"),
    ResponseCode.ERROR: mark("error"),
    ResponseCode.SERVER_BUSY: mark("cannot answer now"),
    ResponseCode.RECURSION_LIMIT: mark("too many hops"),
    ResponseCode.HANDLE_NOT_FOUND: mark("not registered"),
    ResponseCode.VALUES_NOT_FOUND: mark("no such value"),
    ResponseCode.NOT_RESPONSIBLE: mark("prefix not homed here"),
    ResponseCode.SERVICE_REFERRAL: mark("refers to another server"),
    ResponseCode.PREFIX_REFERRAL: mark("refers to the server of the prefix"),
}


def problem_text(problem: Problem, language: str | None = None) -> str:
    """In words, empty for none."""
    text = _PROBLEMS[problem]
    return translate(text, language) if text else ""


def purpose_text(purpose: Purpose, language: str | None = None) -> str:
    """In words."""
    return translate(_PURPOSES[purpose], language)


def code_text(code: int, language: str | None = None) -> str:
    """A response code in words; the number for one without."""
    text = _CODES.get(ResponseCode(code)) if code in tuple(ResponseCode) else None
    return translate(text, language) if text else str(code)


def asked_over_network(hops: Iterable[Hop]) -> int:
    """How many questions went out."""
    return sum(not (hop.cached or hop.stale) for hop in hops)
