"""Pure rules about devices: keys, identifiers, and the life of a device.

No Django, no I/O.
"""

from __future__ import annotations

import re
from enum import StrEnum

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

COMPUTED = "computed:"
"""Address of a tag whose values ``gongfu streams`` computes: the gateway does not hear of it."""
KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")


class LifeState(StrEnum):
    """Life of a device: 计划 → 在用 ⇄ 停用 → 报废."""

    PLANNED = "planned"
    IN_SERVICE = "in_service"
    SUSPENDED = "suspended"
    RETIRED = "retired"


def check_key(key: str) -> str:
    """``key`` if it can name a device in topics and identifiers; raises :class:`Invalid` if not."""
    if not KEY.fullmatch(key):
        raise Invalid(
            mark("{key} cannot be a device key."),
            remedy=mark("Use 1 to 64 Latin letters, digits, dashes and underscores, a letter or digit at both ends."),
            key=repr(key[:80]),
        )
    return key


def identifier(prefix: str, key: str) -> str:
    """Handle of a device: ``<enterprise prefix>/<key>``."""
    return f"{prefix}/{check_key(key)}"
