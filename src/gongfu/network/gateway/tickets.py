"""Tickets for writing: whoever decides over commands signs one, and the gateway writes nothing without it.

A ticket allows one write of one value to one address of one device, for some seconds, once. It is
``<expires>.<nonce>.<HMAC-SHA256>`` with a secret that only Gongfu's own processes on this machine can read.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

from gongfu.kernel.errors import Forbidden
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.network.gateway.asking import Write
from gongfu.network.gateway.config import DeviceConfig

SECONDS = 30
"""How long a ticket is good; the clocks of control plane and gateway may differ by that much less the way."""
_REMEMBERED = 10_000

Guard = Callable[[Write, DeviceConfig], None]


def key(home: Path) -> bytes:
    """The secret that signs tickets of this node."""
    return secret(home, "write-tickets").encode()


def issue(
    signing: bytes, device: int, address: str, value: float | bool | str, clock: Callable[[], float] = time.time
) -> str:
    """A ticket to write the raw ``value`` to ``address`` of ``device`` once, from now on."""
    head = f"{int(clock()) + SECONDS}.{secrets.token_hex(8)}"
    return f"{head}.{_code(signing, head, device, address, value)}"


def guard(signing: bytes, clock: Callable[[], float] = time.time) -> Guard:
    """What the gateway's desk asks before it writes. For one thread."""
    used: OrderedDict[str, float] = OrderedDict()

    def check(asked: Write, device: DeviceConfig) -> None:
        head, _, code = asked.ticket.rpartition(".")
        expires, _, nonce = head.partition(".")
        now = clock()
        while used and (len(used) > _REMEMBERED or next(iter(used.values())) < now):
            used.popitem(last=False)
        right = _code(signing, head, device.device, asked.tag.address, asked.value)
        if not hmac.compare_digest(code.encode(errors="replace"), right.encode()):
            raise _refused(device, mark("Nothing was written to {device}: this value was not permitted."))
        if not now <= int(expires) <= now + 2 * SECONDS:
            late = mark("Nothing was written to {device}: the permission is over, or the clocks differ.")
            raise _refused(device, late)
        if nonce in used:
            raise _refused(device, mark("Nothing was written to {device}: the permission was used before."))
        used[nonce] = int(expires)

    return check


def _code(signing: bytes, head: str, device: int, address: str, value: float | bool | str) -> str:
    said = json.dumps([head, device, address, type(value).__name__, value], ensure_ascii=True)
    return hmac.digest(signing, said.encode(), "sha256").hex()


def _refused(device: DeviceConfig, message: str) -> Forbidden:
    return Forbidden(
        message,
        remedy=mark("Write through the commands of the device, which ask for permission, limits and a reason."),
        device=device.name,
    )
