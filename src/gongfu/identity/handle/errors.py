"""What is wrong with bytes or names of the Handle protocol.

Invalid
└── Malformed        bytes that are no message of this protocol (RC_PROTOCOL_ERROR)
    └── BadHandle    the message is well formed, the identifier in it is not (RC_INVALID_HANDLE)
"""

from __future__ import annotations

from gongfu.kernel.errors import Invalid


class Malformed(Invalid):
    """Bytes that are no message of this protocol."""

    code = "malformed"
    handle_code = 4  # RC_PROTOCOL_ERROR, RFC 3652 §2.2.2.2


class BadHandle(Malformed):
    """An identifier that nobody can have registered."""

    code = "bad_handle"
    handle_code = 102  # RC_INVALID_HANDLE
