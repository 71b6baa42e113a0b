"""Fewer points for a screen, by Largest-Triangle-Three-Buckets. Pure; times ascend, NaN interrupts a line.

LTTB keeps the first and the last point and, of each bucket between, the one that spans the largest triangle with the
point kept before and the mean of the bucket after: the shape stays, at a fixed number of points.
Source: S. Steinarsson, Downsampling Time Series for Visual Representation, University of Iceland, 2013, §4.2.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

LEAST: Final = 3
"""Fewer points than this have no bucket between the first and the last."""


def lttb(times: NDArray[np.float64], values: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Indices of ``points`` (≥3) of the finite ``values``; all of them when there are no more."""
    count = len(times)
    if count <= points or points < LEAST:
        return np.arange(count if count <= points else 0, dtype=np.int64)
    edges = np.floor(np.arange(points - 1) * (count - 2) / (points - 2)).astype(np.int64) + 1
    begins, ends = edges[:-1], edges[1:]
    # The mean of the bucket after; after the last bucket stands the last point alone.
    sums_t, sums_v = np.concatenate(([0.0], np.cumsum(times))), np.concatenate(([0.0], np.cumsum(values)))
    after = np.append(ends[1:], count)
    mean_t = (sums_t[after] - sums_t[ends]) / (after - ends)
    mean_v = (sums_v[after] - sums_v[ends]) / (after - ends)
    chosen = np.empty(points, np.int64)
    chosen[0], chosen[-1] = 0, count - 1
    kept = 0
    for bucket in range(points - 2):
        part = slice(int(begins[bucket]), int(ends[bucket]))
        area = np.abs(
            (times[kept] - mean_t[bucket]) * (values[part] - values[kept])
            - (times[kept] - times[part]) * (mean_v[bucket] - values[kept])
        )
        kept = part.start + int(np.argmax(area))
        chosen[bucket + 1] = kept
    return chosen


def thinned(times: NDArray[np.int64], values: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Indices of about ``points`` points: every stretch between gaps keeps its share and its two ends.

    A NaN is a gap and stays, one for each gap; so a line with more gaps than ``points`` keeps more.
    """
    if len(times) <= points:
        return np.arange(len(times), dtype=np.int64)
    # Small numbers keep the areas exact: microseconds since 1970 squared do not fit 53 bits.
    near = (times - times[0]).astype(np.float64) / 1e6
    gaps = np.flatnonzero(~np.isfinite(values))
    begins = np.concatenate(([0], gaps + 1))
    ends = np.concatenate((gaps, [len(times)]))
    kept: list[NDArray[np.int64]] = []
    budget = max(LEAST, points - len(gaps))
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        if end > begin:
            share = max(LEAST, round(budget * (end - begin) / max(1, len(times) - len(gaps))))
            # A mean near zero keeps small changes on a large offset visible to the areas.
            part = values[begin:end] - values[begin]
            kept.append(begin + lttb(near[begin:end], part, share))
        if end < len(times) and (not kept or kept[-1][-1] != end):
            kept.append(np.array([end], np.int64))
    return np.concatenate(kept) if kept else np.array([], np.int64)
