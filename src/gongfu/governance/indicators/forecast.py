"""Where a figure will stand at its deadline, with uncertainty. Pure; the same points give the same answer.

Months of the last two years count. Whole numbers that grow by few a month are taken as a Poisson process whose rate is
itself uncertain (gamma–Poisson, Jeffreys' prior: months in which nothing came do not prove that nothing will). Anything
else is drawn from its own months: first resampled as a whole (how well is the pace known?), then month by month (how
much does it vary?). What is assumed, and said so: the coming months resemble these; what is planned is not known.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec
import numpy as np

DRAWS: Final = 2000
FEWEST: Final = 4
"""Months without which no forecast is made: three steps."""
LOOKS_BACK: Final = 24
FEW: Final = 10.0
"""Steps of fewer than this a month, on average, are counted as single arrivals."""


class Point(msgspec.Struct, frozen=True):
    """A figure as it stood at the end of a month, or on the day it was last taken. ``month``: its first day."""

    month: dt.date
    value: float


class Forecast(msgspec.Struct, frozen=True):
    """At the deadline: low and high are the 10th and 90th percentile, so that 80 % lie between them."""

    low: float
    middle: float
    high: float
    chance: float
    """Share of the draws that reach the goal, 0–1."""
    pace: float
    """Theil–Sen slope: the median step a month."""
    months: int
    """Months from the last point to the deadline."""
    path: tuple[tuple[float, float, float], ...]
    """Low, middle, high after each of these months."""


def months_between(first: dt.date, last: dt.date) -> int:
    """Whole months from the month of ``first`` to that of ``last``; negative when it lies before."""
    return (last.year - first.year) * 12 + last.month - first.month


def theil_sen(points: tuple[Point, ...]) -> float:
    """Median of all slopes between two points, a month; 0.0 for fewer than two. One wild month does not move it."""
    if len(points) < 2:
        return 0.0
    at = np.array([months_between(points[0].month, one.month) for one in points], dtype=float)
    values = np.array([one.value for one in points])
    first, second = np.triu_indices(len(points), 1)
    return float(np.median((values[second] - values[first]) / (at[second] - at[first])))


@lru_cache(4096)
def forecast(points: tuple[Point, ...], deadline: dt.date, goal: float, at_most: bool = False) -> Forecast | None:
    """The outlook of ``points`` (one a month at most, oldest first); None with fewer than :data:`FEWEST`.

    ``at_most``: the goal is met by staying at or below it. With the deadline in the last point's month or before it,
    nothing is left to happen and the last value is the answer.
    """
    points = points[-LOOKS_BACK - 1 :]
    if len(points) < FEWEST:
        return None
    last = points[-1].value
    ahead = months_between(points[-1].month, deadline)
    pace = theil_sen(points)
    if ahead <= 0:
        met = last <= goal if at_most else last >= goal
        return Forecast(last, last, last, float(met), pace, 0, ())
    paths = last + np.cumsum(_steps(points, min(ahead, 600)), axis=1)
    low, middle, high = np.percentile(paths, (10, 50, 90), axis=0)
    reached = paths[:, -1] <= goal if at_most else paths[:, -1] >= goal
    path = tuple((float(a), float(b), float(c)) for a, b, c in zip(low, middle, high, strict=True))
    return Forecast(*path[-1], float(reached.mean()), pace, ahead, path)


def _steps(points: tuple[Point, ...], ahead: int) -> np.ndarray:
    """Draws of the coming months, shape (:data:`DRAWS`, ``ahead``).

    What is reported each quarter varies from quarter to quarter: then whole quarters are drawn, not thirds of them.
    """
    generator = np.random.default_rng(20211231)  # fixed: a page that is loaded again says the same
    gaps = np.array([max(1, months_between(before.month, after.month)) for before, after in pairwise(points)])
    steps = np.array([after.value - before.value for before, after in pairwise(points)])
    total, months = float(steps.sum()), int(gaps.sum())
    if bool(np.all(steps >= 0)) and abs(total - round(total)) < 1e-6 and total / months < FEW:
        rates = generator.gamma(total + 0.5, 1 / months, DRAWS)
        return np.asarray(generator.poisson(rates[:, None], (DRAWS, ahead)), dtype=float)
    block = int(np.median(gaps))
    pace = steps / gaps
    resampled = generator.choice(pace, (DRAWS, len(pace)))
    picked = generator.integers(0, len(pace), (DRAWS, -(-ahead // block)))
    return np.repeat(np.take_along_axis(resampled, picked, axis=1), block, axis=1)[:, :ahead]
