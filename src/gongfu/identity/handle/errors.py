"""What is wrong with bytes or names of the Handle protocol.

Invalid
├── Malformed            bytes that are no message of this protocol (RC_PROTOCOL_ERROR)
│   └── BadHandle        the message is well formed, the identifier in it is not (RC_INVALID_HANDLE)
└── BadKey               a key that cannot be used (RC_INVALID_CREDENTIAL)
Forbidden
├── NotAuthenticated         the proof of identity is wrong (403)
│   ├── BadCredential        … is malformed (404)
│   ├── TooLate              … comes too late, or a second time (405)
│   └── CannotAuthenticate   … cannot be checked (406)
└── SessionRefused           a session cannot be set up (501)
    ├── SessionOver          … is unknown or over (500)
    ├── SessionKeyWrong      … has another key (502)
    └── SessionReplayed      … has seen that message before (505)
Unavailable
└── Untrusted            an answer is not signed by whom it should be
"""

from __future__ import annotations

from gongfu.kernel.errors import Forbidden, Invalid, Unavailable


class Malformed(Invalid):
    """Bytes that are no message of this protocol."""

    code = "malformed"
    handle_code = 4  # RC_PROTOCOL_ERROR, RFC 3652 §2.2.2.2


class BadHandle(Malformed):
    """An identifier that nobody can have registered."""

    code = "bad_handle"
    handle_code = 102  # RC_INVALID_HANDLE


class BadKey(Invalid):
    """A key that cannot be read, or not be used for what was asked."""

    code = "bad_key"
    handle_code = 404  # RC_INVALID_CREDENTIAL


class NotAuthenticated(Forbidden):
    """Who asked has not proved to be an administrator."""

    code = "not_authenticated"
    http_status = 401
    handle_code = 403  # RC_AUTHENTICATION_FAILED


class BadCredential(NotAuthenticated):
    """A proof of identity that is malformed, or made in a way that is not accepted."""

    handle_code = 404  # RC_INVALID_CREDENTIAL


class TooLate(NotAuthenticated):
    """The challenge was answered before, is too old, or was never given."""

    handle_code = 405  # RC_AUTHENTICATION_TIMEOUT


class CannotAuthenticate(NotAuthenticated):
    """The administrator's key cannot be found or asked about."""

    handle_code = 406  # RC_UNABLE_TO_AUTHENTICATE


class SessionRefused(Forbidden):
    """A session cannot be set up."""

    code = "session_refused"
    handle_code = 501  # RC_SESSION_FAILED


class SessionOver(SessionRefused):
    """There is no such session, or not any more."""

    handle_code = 500  # RC_SESSION_TIMEOUT


class SessionKeyWrong(SessionRefused):
    """A message of a session was not made with its key."""

    handle_code = 502  # DO-IRP 3.0 RC_SESSION_KEY_INVALID


class SessionReplayed(SessionRefused):
    """A message of a session that was received before."""

    handle_code = 505  # RC_SESSION_MESSAGE_REJECTED


class Untrusted(Unavailable):
    """An answer is not signed, or not by whom it should be."""

    code = "untrusted"
