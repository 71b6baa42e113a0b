"""The kinds, by name, and what is entered for each."""

from __future__ import annotations

from types import ModuleType
from typing import Final
from urllib.parse import parse_qs, urlsplit, urlunsplit

from gongfu.data.alarms.outlets import dingtalk, email, feishu, posting, webhook, wecom
from gongfu.data.alarms.outlets.letter import Letter, Target
from gongfu.kernel.errors import Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings

ROBOTS: Final[dict[str, ModuleType]] = {"webhook": webhook, "dingtalk": dingtalk, "wecom": wecom, "feishu": feishu}
"""Modules with ``request(letter, target, now)`` and ``problem(reply)``."""


def split(kind: str, address: str) -> tuple[str, str]:
    """Address without its token, and the token: people paste what the chat program shows. Raises :class:`Invalid`."""
    if kind == "email":
        return ", ".join(email.receivers_of(address)), ""
    module = ROBOTS[kind]
    address = address.strip() or module.ADDRESS
    posting.check_address(address)
    parts = urlsplit(address)
    if kind in ("dingtalk", "wecom"):
        token = parse_qs(parts.query).get(module.TOKEN_IN_QUERY, [""])[0]
        return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")), token
    if kind == "feishu":
        folder, _, token = parts.path.rstrip("/").rpartition("/hook/")
        if token:
            return urlunsplit((parts.scheme, parts.netloc, f"{folder}/hook", "", "")), token
    return address, ""


def send(kind: str, letter: Letter, target: Target, settings: Settings, now: float) -> None:
    """Tell it; raises a :class:`gongfu.kernel.errors.GongfuError` that never names a secret."""
    if kind == "email":
        email.send(letter, target.address, settings)
        return
    module = ROBOTS.get(kind)
    if module is None:
        raise Invalid(mark("There is no outlet of kind {kind}."), kind=kind[:20])
    reply = posting.post(module.request(letter, target, now), settings.outlet_networks)
    if reason := module.problem(reply):
        for secret in (target.token, target.secret):
            if secret:
                reason = reason.replace(secret, "***")
        raise Unavailable(mark("The message was not taken: {reason}."), reason=reason)
