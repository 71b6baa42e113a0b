"""Which questions may be asked of the store, and what a chart needs of the answer. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark

MAX_POINTS: Final = 20_000
"""Points of one series a chart may ask for; more than any screen is wide."""
MIN_POINTS: Final = 10
MAX_SERIES: Final = 10_000
"""Series one question may name."""
LONGEST: Final = timedelta(days=3660)
MAX_EVENTS: Final = 1000
_GAP_SPACINGS: Final = 5
_GAP_BUCKETS: Final = 2
_STEPS: Final = (86_400, 3600, 600, 60, 1)
_MINUTE: Final = 60_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """``moment`` (with a time zone) as microseconds since 1970 UTC, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def check_range(start: datetime, end: datetime) -> tuple[int, int]:
    """Both ends in microseconds; raises :class:`Invalid` for a naive, reversed, endless or impossible range."""
    if start.tzinfo is None or end.tzinfo is None:
        raise Invalid(mark("A time needs a time zone."), remedy=mark("Write it like 2026-11-20T14:05:00+08:00."))
    if start >= end:
        raise Invalid(
            mark("The range begins at {start}, not before its end {end}."),
            remedy=mark("Give an earlier beginning."),
            start=start.isoformat(),
            end=end.isoformat(),
        )
    if start < _EPOCH or end > _END or end - start > LONGEST:
        raise Invalid(
            mark("The range from {start} to {end} is too long."),
            remedy=mark("Ask for ten years at most, between 1970 and 2200."),
            start=start.isoformat(),
            end=end.isoformat(),
        )
    return microseconds(start), microseconds(end)


def check_points(points: int) -> int:
    """``points`` within what a chart may ask for; raises :class:`Invalid`."""
    if not MIN_POINTS <= points <= MAX_POINTS:
        raise Invalid(
            mark("{points} points cannot be drawn."),
            remedy=mark("Ask for {low} to {high}."),
            points=points,
            low=MIN_POINTS,
            high=MAX_POINTS,
        )
    return points


def check_series(series: Sequence[int]) -> list[int]:
    """Distinct ids in order; raises :class:`Invalid` for too many or an impossible one."""
    distinct = sorted(set(series))
    if len(distinct) > MAX_SERIES:
        raise Invalid(mark("{count} tags are too many for one question."), count=len(distinct))
    if distinct and not 0 <= distinct[0] <= distinct[-1] < 1 << 32:
        raise Invalid(mark("There is no tag {tag}."), tag=distinct[0] if distinct[0] < 0 else distinct[-1])
    return distinct


def bucket_width(start: int, end: int, points: int) -> int:
    """Width in microseconds of the buckets from each of which the least and the greatest value are drawn."""
    return max(1, -((start - end) // max(1, points // 2)))


def whole(start: int, end: int, step: int) -> tuple[int, int]:
    """Beginning and end (seconds) of the whole buckets of ``step`` seconds within a range in seconds; equal: none."""
    first, last = -(-start // step) * step, end // step * step
    return (first, last) if first < last else (start, start)


def month_began(now: int) -> int:
    """Beginning of the month (UTC) of ``now``, microseconds: what is younger is never in a file."""
    moment = _EPOCH + timedelta(microseconds=now)
    return microseconds(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0))


def rollup_step(width: int, *, fine: bool) -> int:
    """Seconds of the coarsest roll-up that a chart with buckets of ``width`` (microseconds) can be drawn from.

    0: none is fine enough, the readings themselves are read. ``fine``: roll-ups of a second exist.
    """
    return next((step for step in _STEPS if step * 1_000_000 <= width and (step > 1 or fine)), 0)


def rolled_until(start: int, end: int, pending: int | None, now: int) -> int:
    """Where a chart changes from roll-ups to readings (microseconds): from there on roll-ups may lack something.

    ``pending`` is the beginning (seconds) of what is not rolled up yet; None when nothing waits.
    """
    known = (now // _MINUTE - 1) * _MINUTE
    if pending is not None:
        known = min(known, pending * 1_000_000)
    return max(start, min(known, end))


def gap_threshold(spacing: float, width: int) -> int:
    """Silence longer than this (microseconds) is a gap and not drawn as a line.

    ``spacing`` is the usual distance between readings, ``width`` that of a bucket (0: nothing was left out).
    """
    return int(max(_GAP_SPACINGS * spacing, _GAP_BUCKETS * width, 1))


def breaks(times: NDArray[np.int64], threshold: int) -> NDArray[np.int64]:
    """Indices after which the line is interrupted, for ascending ``times``."""
    return np.flatnonzero(np.diff(times) > threshold)


def usual_spacing(times: NDArray[np.int64]) -> float:
    """Median distance of ascending ``times``, microseconds; 0 for fewer than two."""
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0
