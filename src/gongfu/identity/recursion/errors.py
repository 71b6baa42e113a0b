"""Why a resolution did not come to its end; every message names the hop.

Unavailable
├── Unreachable   nobody who should know answers
├── Lame          who should know answers something else
└── Loop          the way leads back to where it was, or on for ever
"""

from __future__ import annotations

from gongfu.kernel.errors import Unavailable


class Unreachable(Unavailable):
    """No server of a site answers."""

    code = "unreachable"


class Lame(Unavailable):
    """A server that is said to serve a prefix does not, or answers what nobody asked."""

    code = "lame"
    handle_code = 2  # RC_ERROR: asking again will not help


class Loop(Unavailable):
    """Delegations, referrals or aliases lead in a circle or too deep."""

    code = "loop"
    handle_code = 6  # RC_RECURSION_LIMIT, RFC 3652 §2.2.2.2
