"""What can go wrong with edge nodes, beyond the five classes of the kernel."""

from __future__ import annotations

from gongfu.kernel.errors import Forbidden, Unavailable


class JoinRefused(Forbidden):
    """The token is wrong, used, or too old. Never says which, nor whose it was."""

    code = "join_refused"
    http_status = 403


class TooManyJoins(Unavailable):
    """Too many wrong tokens from one address."""

    code = "too_many_attempts"
    http_status = 429
