"""Messages between the two nodes of a filing: JSON ↔ structs. Pure.

A message is the body of a signed POST to :data:`PATH`; the answer is a :class:`Receipt`. Sending a message again is
safe: its ``id`` is remembered and the first receipt is given again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from gongfu.identity.filing.rules import FROM_ABOVE, FROM_BELOW, Kind
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

PATH = "/api/v1/identity/filing/messages"
Short = Annotated[str, Meta(max_length=200)]
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class PrefixSubject(msgspec.Struct, frozen=True, kw_only=True, tag="prefix"):
    """A prefix and who holds it, as they were when the version was made."""

    prefix: Annotated[str, Meta(min_length=1, max_length=64)]
    level: Short
    state: Short
    organisation: Short
    credit_code: Short = ""
    resolver: Short = ""
    """Where it is resolved, host:port."""
    registered: int = 0
    """Identifiers under it."""
    contact: Short = ""
    phone: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    @property
    def name(self) -> str:
        """What the filing is about, in one word."""
        return self.prefix


class EnterpriseSubject(msgspec.Struct, frozen=True, kw_only=True, tag="enterprise"):
    """An enterprise and the prefixes it holds."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    organisation: Short
    organisation_en: Short = ""
    kind: Short = ""
    credit_code: Short = ""
    prefixes: Annotated[list[Short], Meta(max_length=1000)] = []
    contact: Short = ""
    phone: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""

    @property
    def name(self) -> str:
        """What the filing is about, in one word."""
        return self.code


Subject = PrefixSubject | EnterpriseSubject


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step, told by the node that took it."""

    id: Id
    kind: Kind
    filing: Id
    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    time: Annotated[int, Meta(ge=0, le=2**40)]
    """Unix seconds by the sender's clock."""
    by: Short = ""
    """Who took the step there."""
    subject: Subject | None = None
    reason: Annotated[str, Meta(max_length=2000)] = ""
    number: Annotated[str, Meta(max_length=64)] = ""


class Outcome(StrEnum):
    """What the receiving node made of a message."""

    DONE = "done"
    LATE = "late"
    """It came after a step that excludes it, and changed nothing."""
    REFUSED = "refused"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a message, also to one that was sent again."""

    outcome: Outcome
    state: Short = ""
    """Of the filing there, afterwards."""
    error: Annotated[str, Meta(max_length=2000)] = ""
    """Why it was refused, as :func:`gongfu.kernel.errors.packed` writes it."""


_encoder = msgspec.json.Encoder()
_messages = msgspec.json.Decoder(Message)
_receipts = msgspec.json.Decoder(Receipt)


def encode(what: Message | Receipt) -> bytes:
    """As JSON."""
    return _encoder.encode(what)


def decode(octets: bytes) -> Message:
    """Raises :class:`Invalid` for what is no message, or one that misses what its kind needs."""
    try:
        message = _messages.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(error) from error
    carries = message.kind in (Kind.SUBMIT, Kind.CORRECT)
    missing = (
        "subject"
        if carries and message.subject is None
        else "number"
        if message.kind is Kind.ACCEPT and not message.number
        else "reason"
        if message.kind in (Kind.RETURN, Kind.REJECT) and not message.reason
        else ""
    )
    if missing:
        raise _unreadable(f"{message.kind.value} without {missing}")
    if "\0" in octets.decode() or b"\\u0000" in octets:
        raise _unreadable("NUL")
    return message


def decode_receipt(octets: bytes) -> Receipt:
    """Raises :class:`Invalid`."""
    try:
        return _receipts.decode(octets)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(error) from error


def encode_subject(what: Subject) -> bytes:
    """As JSON, with its kind."""
    return _encoder.encode(what)


def subject(octets: bytes) -> Subject:
    """The subject of a stored version."""
    return msgspec.json.decode(octets, type=Subject)  # type: ignore[no-any-return]


def may_send(kind: Kind, *, below: bool) -> bool:
    """Whether a node that stands below (else above) the receiver may send it."""
    return kind in (FROM_BELOW if below else FROM_ABOVE)


def _unreadable(reason: object) -> Invalid:
    return Invalid(
        mark("The message cannot be read: {reason}."),
        remedy=mark("Send what the node version of the receiver knows."),
        reason=reason,
    )
