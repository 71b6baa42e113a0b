"""Checking a password, slower with every failure."""

from __future__ import annotations

import datetime as dt
import hashlib

from django.contrib.auth import authenticate
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from gongfu.kernel.accounts.errors import SignInRefused, TooManyAttempts
from gongfu.kernel.accounts.models import SignInThrottle, User
from gongfu.kernel.i18n import mark

FREE_FAILURES = 5
"""Wrong passwords of one user from one address before waiting begins."""
FREE_FAILURES_ADDRESS = 50
"""Wrong passwords from one address, whatever the user: a list of names tried with one password."""
LONGEST_WAIT = dt.timedelta(minutes=15)
FORGET_AFTER = dt.timedelta(hours=1)


def check(request: HttpRequest, username: str, password: str) -> User:
    """The user, if the password fits; the second factor and the session are the caller's.

    Raises :class:`SignInRefused`, or :class:`TooManyAttempts` while one has to wait.
    """
    username = username[:64].encode("utf-8", "replace").decode().replace("\0", "")
    address = str(request.META.get("REMOTE_ADDR", ""))
    keys = {_key(username.lower(), address): FREE_FAILURES, _key("", address): FREE_FAILURES_ADDRESS}
    seconds = max(_wait(key, free) for key, free in keys.items())
    if seconds > 0:
        raise TooManyAttempts(
            mark("Too many wrong passwords."),
            remedy=mark("Wait {seconds} seconds, then try again."),
            seconds=seconds,
        )
    user = authenticate(request, username=username, password=password[:1024].encode("utf-8", "replace").decode())
    if not isinstance(user, User):
        for key in keys:
            _count(key)
        raise SignInRefused(
            mark("User name and password do not fit together."), remedy=mark("Check both; mind capitals.")
        )
    SignInThrottle.objects.filter(key=_key(username.lower(), address)).delete()
    return user


def _wait(key: str, free: int) -> int:
    """Seconds until the next attempt is heard: 30 after the first failure too many, then doubling."""
    found = SignInThrottle.objects.filter(key=key).first()
    if found is None or found.failures < free:
        return 0
    pause = min(dt.timedelta(seconds=30 * 2 ** min(found.failures - free, 10)), LONGEST_WAIT)
    return int((found.last_at + pause - timezone.now()).total_seconds())


def _count(key: str) -> None:
    now = timezone.now()
    SignInThrottle.objects.filter(key=key, last_at__lt=now - FORGET_AFTER).delete()
    found, new = SignInThrottle.objects.get_or_create(key=key, defaults={"failures": 1, "last_at": now})
    if not new:
        SignInThrottle.objects.filter(pk=found.pk).update(failures=F("failures") + 1, last_at=now)


def _key(username: str, address: str) -> str:
    return hashlib.sha256(f"{username}\n{address}".encode("utf-8", "replace")).hexdigest()
