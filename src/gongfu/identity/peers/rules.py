"""Rules of the channel: clocks, attempts, pairing codes. Pure."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
from urllib.parse import urlsplit

import msgspec

from gongfu.identity.peers import jws
from gongfu.identity.peers.errors import ClockSkew
from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

TOLERANCE = 300
"""Seconds by which two clocks may differ; a nonce is remembered for twice as long."""
CODE_LIFETIME = dt.timedelta(hours=24)
LONGEST_PAUSE = 600.0
"""Seconds between two attempts to reach a node that stays away."""
_CODE = "gongfu-pair-"
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]+")


class PairingCode(msgspec.Struct, frozen=True, array_like=True):
    """What the operator above gives to the operator below, by a way of their own."""

    url: str
    key: bytes
    """The upper node's Ed25519 key: pinned below without ever having crossed the network."""
    invitation: str
    secret: bytes


def write_code(code: PairingCode) -> str:
    """As one word to copy."""
    return _CODE + jws.encode64(msgspec.msgpack.encode(code))


def read_code(text: str) -> PairingCode:
    """Raises :class:`Invalid`."""
    try:
        if not text.strip().startswith(_CODE):
            raise ValueError("beginning")
        code = msgspec.msgpack.decode(jws.decode64(text.strip().removeprefix(_CODE)), type=PairingCode)
        if len(code.key) != 32 or len(code.secret) != 32:
            raise ValueError("length")
    except (ValueError, msgspec.MsgspecError) as error:
        raise Invalid(
            mark("This is not a pairing code."),
            remedy=mark("Copy the whole code that the node above has shown; it begins with {beginning}."),
            beginning=_CODE,
        ) from error
    return msgspec.structs.replace(code, url=check_url(code.url))


def proof(digest: bytes, above: str, below: str) -> str:
    """Shows that ``below`` holds the code, without sending it; ``digest`` is that of the code's secret."""
    return hmac.new(digest, f"gongfu pairing\n{above}\n{below}".encode(), hashlib.sha256).hexdigest()


def digest(secret: bytes) -> bytes:
    """What the inviting node keeps of the secret."""
    return hashlib.sha256(secret).digest()


def check_url(text: str) -> str:
    """The address of a node, without a trailing slash; raises :class:`Invalid`."""
    reason = ""
    try:
        parts = urlsplit(text.strip())
        parts.port  # noqa: B018 - raises ValueError
        if parts.scheme not in ("http", "https"):
            reason = mark("it does not begin with https:// or http://")
        elif not parts.hostname or not _HOST.fullmatch(parts.netloc) or parts.query or parts.fragment:
            reason = mark("only a host, a port and a path may stand in it")
    except ValueError:
        reason = mark("its host or port cannot be read")
    if reason:
        raise Invalid(
            mark("{url} is not the address of a node: {reason}."),
            remedy=mark("Enter it as people open its console, such as https://node.example.com."),
            url=text[:200],
            reason=reason,
        )
    return text.strip().rstrip("/")


def check_clock(signed: int, now: int, peer: str) -> None:
    """Raises :class:`ClockSkew` naming both clocks when they differ by more than :data:`TOLERANCE`."""
    if abs(signed - now) > TOLERANCE:
        raise ClockSkew(
            mark(
                "The clock of {peer} said {theirs}, the clock of this node says {ours}: they differ by {difference} s."
            ),
            remedy=mark("Set both by a time server; {tolerance} s are tolerated."),
            peer=peer,
            theirs=clock(signed),
            ours=clock(now),
            difference=abs(signed - now),
            tolerance=TOLERANCE,
        )


def clock(seconds: int) -> str:
    """A moment as both nodes write it: UTC, ISO 8601."""
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat().replace("+00:00", "Z")
    except (OverflowError, ValueError, OSError):
        return str(seconds)


def pause(failures: int, share: float) -> float:
    """Seconds to wait after so many failures in a row; ``share`` in 0…1 spreads nodes that failed together."""
    return float(min(LONGEST_PAUSE, 2.0 ** min(failures, 20)) * (0.75 + share / 2))
