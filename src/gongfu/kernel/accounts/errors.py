"""What accounts refuse."""

from __future__ import annotations

from gongfu.kernel.errors import Forbidden, Unavailable


class SignInRefused(Forbidden):
    """User name and password do not fit, or the account may not sign in. Never says which."""

    code = "sign_in_refused"
    http_status = 401


class TooManyAttempts(Unavailable):
    """Too many failed sign-ins of this user from this address."""

    code = "too_many_attempts"
    http_status = 429
