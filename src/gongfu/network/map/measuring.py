"""From single probes to latency, jitter and loss, and from these to a grade. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum

import msgspec

SHARE = 16
"""The gain of the jitter estimate, RFC 3550 §6.4.1."""
SLOW_MS = 200.0
"""A poll of once a second that takes longer than this, both ways together, misses moments sooner or later."""
LOSSY, LOST = 0.02, 0.5
"""Shares of lost probes or cycles from which a link is doubtful, and from which it does not work."""


class Grade(StrEnum):
    """Quality of a link. The console draws each as a shape and a colour."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    BAD = "bad"
    UNKNOWN = "unknown"


class Summary(msgspec.Struct, frozen=True):
    """Some probes together. Milliseconds, None when no probe was answered; ``loss`` from 0 to 1."""

    sent: int
    lost: int
    median: float | None
    p95: float | None
    jitter: float

    @property
    def loss(self) -> float:
        """Share of lost probes; 0 when none was sent."""
        return self.lost / self.sent if self.sent else 0.0


def summary(times: Sequence[float | None], jitter: float = 0.0) -> Summary:
    """Of round-trip ``times`` in the order sent; ``jitter`` is the estimate so far, which goes on."""
    answered = sorted(time for time in times if time is not None)
    before: float | None = None
    for time in times:
        if time is not None:
            if before is not None:
                jitter = smoothed(jitter, before, time)
            before = time
    return Summary(len(times), len(times) - len(answered), quantile(answered, 0.5), quantile(answered, 0.95), jitter)


def smoothed(jitter: float, before: float, now: float) -> float:
    """``J = J + (|D(i-1,i)| - J) / 16``, RFC 3550 §6.4.1, with round trips in place of one-way transit times."""
    return jitter + (abs(now - before) - jitter) / SHARE


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """By linear interpolation between the neighbours (Hyndman & Fan 1996, type 7); None of nothing."""
    if not ordered:
        return None
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def grade(*, online: bool | None, loss: float | None = None, p95: float | None = None) -> Grade:
    """How good a link is: ``online`` None where nobody says; ``loss`` from 0 to 1; ``p95`` in milliseconds."""
    if online is False or (loss is not None and loss >= LOST):
        return Grade.BAD
    if (loss is not None and loss >= LOSSY) or (p95 is not None and p95 >= SLOW_MS):
        return Grade.UNCERTAIN
    return Grade.GOOD if online or loss is not None or p95 is not None else Grade.UNKNOWN


def worst(grades: Sequence[Grade]) -> Grade:
    """The worst of what is known."""
    order = (Grade.BAD, Grade.UNCERTAIN, Grade.GOOD)
    return next((one for one in order if one in grades), Grade.UNKNOWN)
