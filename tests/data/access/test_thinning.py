"""A thinned line looks like the whole one: against the published algorithm written the slow way."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.data.access.thinning import lttb, thinned


def slow(times: list[float], values: list[float], points: int) -> list[int]:
    """Largest-Triangle-Three-Buckets as Steinarsson's thesis, §4.2, tells it, one point at a time."""
    count = len(times)
    if count <= points:
        return list(range(count))
    every = (count - 2) / (points - 2)
    kept, chosen = 0, [0]
    for bucket in range(points - 2):
        begin, end = math.floor(bucket * every) + 1, math.floor((bucket + 1) * every) + 1
        last = count if bucket == points - 3 else math.floor((bucket + 2) * every) + 1
        after = range(end, last)
        mean_t = sum(times[i] for i in after) / len(after)
        mean_v = sum(values[i] for i in after) / len(after)
        best, kept_next = -1.0, begin
        for i in range(begin, end):
            area = abs(
                (times[kept] - mean_t) * (values[i] - values[kept]) - (times[kept] - times[i]) * (mean_v - values[kept])
            )
            if area > best:
                best, kept_next = area, i
        kept = kept_next
        chosen.append(kept)
    return [*chosen, count - 1]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=200), st.integers(3, 60))
def test_the_same_points_are_kept_as_the_slow_way_keeps(values: list[int], points: int) -> None:
    times = np.arange(len(values), dtype=np.float64)
    numbers = np.array(values, np.float64)
    fast, plain = lttb(times, numbers, points), slow(times.tolist(), numbers.tolist(), points)
    assert len(fast) == len(plain) == min(points, len(values))
    # Sums in another order may decide a tie differently; then the points kept are as good.
    if fast.tolist() != plain:
        assert fast[0] == plain[0]
        assert fast[-1] == plain[-1]
        assert (np.diff(fast) > 0).all()


def test_a_spike_in_a_long_quiet_line_stays() -> None:
    values = np.zeros(100_000)
    values[61_803] = 5.0
    kept = thinned(np.arange(100_000) * 1_000_000, values, 300)
    assert len(kept) == 300
    assert 61_803 in kept


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), min_size=1, max_size=300),
    st.integers(3, 50),
)
def test_gaps_stay_and_times_ascend(values: list[float], points: int) -> None:
    numbers = np.array(values)
    kept = thinned(np.arange(len(values)) * 1_000_000, numbers, points)
    assert (np.diff(kept) > 0).all()
    gaps = np.flatnonzero(np.isnan(numbers))
    assert set(gaps.tolist()) <= set(kept.tolist())
    pieces = np.split(numbers, gaps)
    assert len(kept) <= points + 4 * len(pieces) + 3
    finite = np.flatnonzero(np.isfinite(numbers))
    if len(finite):
        assert finite[0] in kept
        assert finite[-1] in kept
