"""Pure rules about edge nodes: tokens, and how long silence is no absence. No Django, no I/O."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import secrets

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.edge import contract

CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
PREFIX = "edge_"
"""Scanners of leaked secrets recognise a prefix."""
VALID_FOR = dt.timedelta(hours=1)
SILENT_AFTER = dt.timedelta(seconds=3 * contract.STATE_EVERY)
"""An edge node that says nothing for so long is offline."""


def check_code(code: str, node: str) -> str:
    """``code`` if it can name an edge of the node named ``node``; raises :class:`Invalid`."""
    contract.check_code(code, node)
    if not CODE.fullmatch(code):
        raise Invalid(
            mark("{code} cannot be the code of an edge node."),
            remedy=mark("Use up to 40 lower-case letters, digits and dashes, a letter or digit at both ends."),
            code=repr(code[:60]),
        )
    return code


def new_token() -> str:
    """The text of a token: 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """By which a token is found; it is random, so that one SHA-256 without salt is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def ticket_name(code: str, generation: int) -> str:
    """What the key that signs for an edge is made from: after it has joined anew, the old key is worthless."""
    return f"{code}:{generation}"


def is_silent(last_seen: dt.datetime | None, now: dt.datetime) -> bool:
    """Whether it has said nothing for so long that it counts as away."""
    return last_seen is None or now - last_seen > SILENT_AFTER


def command(url: str, token: str) -> str:
    """What somebody types on the small machine."""
    return f"gongfu edge join {url} --token {token}"
