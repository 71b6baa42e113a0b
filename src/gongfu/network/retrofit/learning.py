"""Thresholds from history: which levels a reading keeps to, and how well they are told apart. Pure.

The method is Otsu's (N. Otsu, "A threshold selection method from gray-level histograms", IEEE Trans. SMC 9, 1979):
the thresholds that leave the least variance within the classes. Readings are first compressed by asinh, for idle and
off lie close together beside a load that swings widely. Three classes are taken when each boundary lies in a valley,
else two, else nothing is learnt.
"""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from gongfu.kernel.errors import Invalid
from gongfu.kernel.i18n import mark
from gongfu.network.retrofit.recipes import State, Threshold

LEAST = 60
"""Readings below which nothing is learnt."""
_BINS = 96
_LEAST_SHARE = 0.01
"""A class of fewer readings is an accident and no state."""
_VALLEY_OF_THREE, _VALLEY_OF_TWO = 0.6, 0.4
_MARGIN = 0.3
"""A threshold keeps away from both levels by this share of their distance, however quiet one of them is."""
_BAND = 0.12
"""Half of the hysteresis, as a share of the distance between two levels."""
_NEAR_NOTHING = 0.1
"""Two levels, the lower below this share of the upper: the machine is off there, else it idles."""
_DWELLS = (2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0)
_PER_HOUR = 60.0
"""State changes an hour that are still plausible."""


class Learnt(msgspec.Struct, frozen=True):
    """What a history told. ``levels`` are the means of the classes, in the reading's unit, lowest first."""

    idle: Threshold | None
    run: Threshold
    below: State
    levels: tuple[float, ...]
    shares: tuple[float, ...]
    """Share of the readings in each class."""
    sure: float
    """0 to 1, from the depth of the valleys and the noise of the levels; see :func:`learn`."""
    dwell: float
    """Seconds, the shortest that leaves at most one change a minute."""


def learn(values: NDArray[np.float64], times: NDArray[np.int64] | None = None) -> Learnt:
    """Thresholds for readings ``values``; with their ``times`` (microseconds) also the dwell.

    ``sure`` is the least over the boundaries of valley depth (1 - density at the boundary / density of the lower
    peak beside it) times the share of a normal distribution that the noise leaves on its own side.
    Raises :class:`Invalid` when there are too few readings, or no two levels can be told apart.
    """
    keep = np.isfinite(values)
    values = values[keep]
    if len(values) < LEAST:
        raise Invalid(
            mark("{count} readings are too few to learn from; {least} are needed."),
            remedy=mark("Wait until more came in, or enter the thresholds."),
            count=len(values),
            least=LEAST,
        )
    unit = 0.05 * float(np.quantile(np.abs(values), 0.99))
    if unit <= 0:
        raise _one_level()
    squeezed = np.arcsinh(values / unit)
    for classes, least in ((3, _VALLEY_OF_THREE), (2, _VALLEY_OF_TWO)):
        found = _divide(squeezed, classes)
        if found is not None and min(found.shares) >= _LEAST_SHARE and min(found.valleys) >= least:
            return _told(found, unit, values, None if times is None else times[keep])
    raise _one_level()


def _one_level() -> Invalid:
    return Invalid(
        mark("No two levels can be told apart in this history."),
        remedy=mark("Take a stretch in which the machine stood and ran, or enter the thresholds."),
    )


class _Division(msgspec.Struct, frozen=True):
    means: tuple[float, ...]
    shares: tuple[float, ...]
    spreads: tuple[float, ...]
    valleys: tuple[float, ...]
    bounds: tuple[float, ...]


def _divide(values: NDArray[np.float64], classes: int) -> _Division | None:
    """Otsu's thresholds for two or three classes, each put between its neighbours by their noise."""
    low, high = float(values.min()), float(values.max())
    if not high > low:
        return None
    counts, edges = np.histogram(values, _BINS, (low, high))
    cuts = _otsu(counts.astype(float), classes)
    parts = np.split(np.sort(values), np.searchsorted(np.sort(values), [edges[cut] for cut in cuts]))
    if any(len(part) == 0 for part in parts):
        return None
    means = tuple(float(part.mean()) for part in parts)
    width = (high - low) / _BINS
    spreads = tuple(max(float(part.std()), width / 4) for part in parts)
    bounds = tuple(
        a + (b - a) * min(max(left / (left + right), _MARGIN), 1 - _MARGIN)
        for (a, left), (b, right) in pairwise(zip(means, spreads, strict=True))
    )
    smooth = np.convolve(counts, [0.25, 0.5, 0.25], "same")
    valleys = []
    for number, bound in enumerate(bounds):
        peaks = []
        for side in (number, number + 1):
            begin = int(np.clip((means[side] - 2 * spreads[side] - low) / width, 0, _BINS - 1))
            end = int(np.clip((means[side] + 2 * spreads[side] - low) / width, begin, _BINS - 1))
            peaks.append(float(smooth[begin : end + 1].max()))
        at = int(np.clip((bound - low) / width, 0, _BINS - 1))
        valleys.append(max(0.0, 1.0 - float(smooth[max(0, at - 1) : at + 2].mean()) / max(min(peaks), 1e-9)))
    return _Division(means, tuple(len(part) / len(values) for part in parts), spreads, tuple(valleys), bounds)


def _otsu(counts: NDArray[np.float64], classes: int) -> tuple[int, ...]:
    """Bins before which to cut, so that the variance between the classes is greatest."""
    weight = np.concatenate([[0.0], np.cumsum(counts)])
    moment = np.concatenate([[0.0], np.cumsum(counts * np.arange(len(counts)))])
    begin, end = np.meshgrid(np.arange(len(weight)), np.arange(len(weight)), indexing="ij")
    inside = weight[end] - weight[begin]
    gain = np.where(
        (end > begin) & (inside > 0), (moment[end] - moment[begin]) ** 2 / np.where(inside > 0, inside, 1), -np.inf
    )
    if classes == 2:
        return (int(np.argmax(gain[0, :] + gain[:, -1])),)
    both = gain[0, :, None] + gain + gain[None, :, -1]
    first, second = np.unravel_index(int(np.argmax(both)), both.shape)
    return int(first), int(second)


def _told(found: _Division, unit: float, values: NDArray[np.float64], times: NDArray[np.int64] | None) -> Learnt:
    thresholds, sure = [], 1.0
    for number, bound in enumerate(found.bounds):
        gap = found.means[number + 1] - found.means[number]
        distance = gap / (found.spreads[number] + found.spreads[number + 1])
        sure = min(sure, found.valleys[number] * math.erf(distance / math.sqrt(2)))
        fall, rise = (unit * math.sinh(bound + side * _BAND * gap) for side in (-1, 1))
        thresholds.append(Threshold(float(f"{fall:.4g}"), float(f"{rise:.4g}")))
    levels = tuple(unit * math.sinh(mean) for mean in found.means)
    below = State.OFF if abs(levels[0]) < _NEAR_NOTHING * abs(levels[-1]) else State.IDLE
    return Learnt(
        idle=thresholds[0] if len(thresholds) == 2 else None,
        run=thresholds[-1],
        below=below,
        levels=levels,
        shares=found.shares,
        sure=round(sure, 3),
        dwell=_dwell(values, times, thresholds[-1]) if times is not None else 3.0,
    )


def _dwell(values: NDArray[np.float64], times: NDArray[np.int64], run: Threshold) -> float:
    """The shortest dwell after which the machine does not seem to start or stop more than once a minute."""
    running = values > (run.fall + run.rise) / 2
    starts = np.concatenate([[0], np.flatnonzero(np.diff(running)) + 1])
    lengths = np.diff(np.append(times[starts], times[-1])) / 1e6
    hours = max(float(times[-1] - times[0]) / 3.6e9, 1 / 60)
    for dwell in _DWELLS:
        if np.count_nonzero(lengths >= dwell) / hours <= _PER_HOUR:
            return dwell
    return _DWELLS[-1]
