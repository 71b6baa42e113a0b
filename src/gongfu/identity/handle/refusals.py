"""The error that a response code stands for, as the client of a resolver raises it."""

from __future__ import annotations

from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.errors import (
    BadCredential,
    CannotAuthenticate,
    NotAuthenticated,
    SessionKeyWrong,
    SessionOver,
    SessionRefused,
    SessionReplayed,
    TooLate,
)
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable
from gongfu.kernel.i18n import mark

_CLASSES: dict[int, type[GongfuError]] = {
    ResponseCode.PROTOCOL_ERROR: Invalid,
    ResponseCode.OPERATION_DENIED: Forbidden,
    ResponseCode.HANDLE_EXISTS: Conflict,
    ResponseCode.INVALID_HANDLE: Invalid,
    ResponseCode.VALUE_EXISTS: Conflict,
    ResponseCode.VALUE_INVALID: Invalid,
    ResponseCode.NOT_AUTHORIZED: Forbidden,
    ResponseCode.ACCESS_DENIED: Forbidden,
    ResponseCode.AUTHENTICATION_NEEDED: NotAuthenticated,
    ResponseCode.AUTHENTICATION_FAILED: NotAuthenticated,
    ResponseCode.INVALID_CREDENTIAL: BadCredential,
    ResponseCode.AUTHENTICATION_TIMEOUT: TooLate,
    ResponseCode.UNABLE_TO_AUTHENTICATE: CannotAuthenticate,
    ResponseCode.SESSION_TIMEOUT: SessionOver,
    ResponseCode.SESSION_FAILED: SessionRefused,
    ResponseCode.NO_SESSION_KEY: SessionKeyWrong,
    ResponseCode.SESSION_UNSUPPORTED: SessionRefused,
    ResponseCode.SESSION_KEY_INVALID: SessionKeyWrong,
    ResponseCode.SESSION_MESSAGE_REJECTED: SessionReplayed,
    ResponseCode.DAILY_LIMIT: Conflict,
    ResponseCode.REGISTRATION_LIMIT: Conflict,
    ResponseCode.PREFIX_LIMIT: Conflict,
}


def refusal(handle: str, code: int, said: str, server: str) -> GongfuError:
    """What ``server`` meant when it answered a request about ``handle`` with ``code`` and the words ``said``."""
    match code:
        case ResponseCode.HANDLE_NOT_FOUND:
            return NotFound(mark("{handle} is not registered at {server}."), handle=handle, server=server)
        case ResponseCode.VALUES_NOT_FOUND:
            return NotFound(mark("{handle} has no such value."), handle=handle)
        case ResponseCode.NOT_RESPONSIBLE | ResponseCode.SERVICE_REFERRAL | ResponseCode.PREFIX_REFERRAL:
            return NotFound(
                mark("The resolver at {server} does not answer for the prefix of {handle}."),
                remedy=mark("Ask the node that homes this prefix."),
                handle=handle,
                server=server,
            )
        case ResponseCode.AUTHENTICATION_NEEDED:
            return NotAuthenticated(
                mark("{server} asks who administers {handle}."),
                remedy=mark("Name an administrator and the file with his key."),
                handle=handle,
                server=server,
            )
    kind = _CLASSES.get(code)
    if kind is None:
        kind = Forbidden if 400 <= code < 600 else Unavailable
    if kind is Unavailable:
        return Unavailable(
            mark("The resolver at {server} answered with code {code}: {said}"), server=server, code=code, said=said
        )
    return kind(mark("The resolver refused {handle}: {said}"), handle=handle, said=said or f"RC {code}")
