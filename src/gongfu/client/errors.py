"""What can go wrong, by who has to act.

ClientError
├── Invalid       the question is wrong, or asks for more than one question may
├── NotAllowed    the token is wrong, has run out, or may not do this
├── NotFound      no such thing, or none that this user may see
└── NotReachable  the node, or its store, does not answer; try again later
"""

from __future__ import annotations


class ClientError(Exception):
    """A question that was not answered. ``code`` is the node's word for it, ``remedy`` what to do."""

    def __init__(self, message: str, *, code: str = "", remedy: str = "") -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.message = message
        self.code = code
        self.remedy = remedy


class Invalid(ClientError):
    """The question is wrong, or asks for more than one question may."""


class NotAllowed(ClientError):
    """The token is wrong, has run out, or may not do this."""


class NotFound(ClientError):
    """No such thing, or none that this user may see."""


class NotReachable(ClientError):
    """The node, or its store, does not answer; try again later."""
