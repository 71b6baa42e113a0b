"""Follow a path on somebody's behalf, within bounds: each one makes other nodes work."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque

from gongfu.identity.hierarchy.errors import TooManyPaths
from gongfu.identity.recursion import paths
from gongfu.identity.recursion.paths import Path
from gongfu.kernel.accounts.models import User
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import settings

PER_MINUTE = 30
"""Paths of one user."""
AT_ONCE = 4
"""Paths of everybody: each may hold a thread of the console for ten seconds."""
_USERS = 10_000

_lock = threading.Lock()
_recent: OrderedDict[int, deque[float]] = OrderedDict()
_free = threading.BoundedSemaphore(AT_ONCE)


def path_of(user: User, handle: str) -> Path:
    """How ``handle`` is reached now; its ``error`` says why it was not.

    Raises :class:`BadHandle`, :class:`TooManyPaths`, and :class:`Unavailable` when the recursive resolver is silent.
    """
    _count(user.pk)
    if not _free.acquire(timeout=1):
        raise TooManyPaths(mark("Too many paths are being followed."), remedy=mark("Try again in a few seconds."))
    try:
        return paths.path(handle.strip(), settings())
    finally:
        _free.release()


def asked() -> str:
    """Who tells the paths: the address of the recursive resolver, empty when they are followed from here."""
    return str(paths.recursive_of(settings()) or "")


def _count(user: int) -> None:
    now = time.monotonic()
    with _lock:
        times = _recent.setdefault(user, deque())
        _recent.move_to_end(user)
        while times and times[0] < now - 60:
            times.popleft()
        if len(times) >= PER_MINUTE:
            raise TooManyPaths(
                mark("That were {count} paths within a minute."),
                remedy=mark("Wait {seconds} seconds, then try again."),
                count=PER_MINUTE,
                seconds=int(times[0] + 60 - now) + 1,
            )
        times.append(now)
        while len(_recent) > _USERS:
            _recent.popitem(last=False)
