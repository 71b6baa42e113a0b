"""A program of somebody's own: JSON, signed.

``X-Gongfu-Signature: sha256=<hex>`` is HMAC-SHA256 with the outlet's secret over the time in ``X-Gongfu-Timestamp``
(seconds), a full stop and the body, so that neither can be changed nor sent again later.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from gongfu.data.alarms.outlets.letter import Letter, Reply, Request, Target

ADDRESS = ""
TOKEN_IN_QUERY = ""


def sign(secret: str, seconds: int, body: bytes) -> str:
    """Signature for the header."""
    return "sha256=" + hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()


def request(letter: Letter, target: Target, now: float) -> Request:
    """``now`` in seconds since 1970. A token goes as ``Authorization: Bearer``."""
    body = msgspec.json.encode({"title": letter.title, "alarms": letter.facts, "url": letter.url})
    headers = {"X-Gongfu-Timestamp": str(int(now))}
    if target.secret:
        headers["X-Gongfu-Signature"] = sign(target.secret, int(now), body)
    if target.token:
        headers["Authorization"] = f"Bearer {target.token}"
    return Request(target.address, body, headers)


def problem(reply: Reply) -> str:
    """Why it was not taken, empty when it was."""
    return "" if 200 <= reply.status < 300 else f"HTTP {reply.status}"
