"""What day and hour it is; tests put another one in its place."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone


def now() -> dt.datetime:
    """This moment."""
    return timezone.now()


def today() -> dt.date:
    """Today where the node stands."""
    return timezone.localtime(now()).date()
