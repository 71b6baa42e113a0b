"""Which readings of a tag with a dead-band or an interval of its own are kept."""

from __future__ import annotations

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Sample
from gongfu.network.gateway.checks import Checker, Columns
from gongfu.network.gateway.config import TagConfig

NOW = 1_795_000_000_000_000
TAG = TagConfig(series=1, name="t", address="x", deadband=0.5, silence=10)


def kept(tag: TagConfig, *samples: tuple[float, float | str | None]) -> list[float]:
    """Seconds of the readings that stay, of samples (second, value)."""
    columns = Columns()
    Checker([tag]).check([Sample(1, value, NOW + int(at * 1e6)) for at, value in samples], NOW, columns)
    times = columns.times.tolist() or [text.time for text in columns.texts]
    return [(time - NOW) / 1e6 for time in times]


def but(**changed: float | bool | str | None) -> TagConfig:
    return msgspec.structs.replace(TAG, **changed)


def test_a_value_that_hardly_moves_is_left_out_and_counts_from_the_one_kept() -> None:
    assert kept(TAG, (0, 20), (1, 20.4), (2, 20.5), (3, 20.6), (4, 20.2), (5, 20.0)) == [0, 3, 5]


def test_a_frozen_value_still_reports() -> None:
    assert kept(TAG, *((second, 20) for second in range(25))) == [0, 10, 20]


def test_percent_is_of_the_range_or_else_of_the_value() -> None:
    samples = ((0, 100.0), (1, 103.0), (2, 106.0))
    assert kept(but(deadband=5, percent=True, low=0, high=200), *samples) == [0]
    assert kept(but(deadband=5, percent=True), *samples) == [0, 2]


def test_a_change_of_quality_is_always_kept() -> None:
    assert kept(but(high=20.2), (0, 20), (1, 20.3), (2, 20.1), (3, None), (4, None), (5, 20.1)) == [0, 1, 2, 3, 5]


def test_a_late_reading_is_kept() -> None:
    assert kept(TAG, (10, 20), (5, 20)) == [10, 5]


def test_a_tag_with_a_longer_interval_is_kept_less_often() -> None:
    slow = but(deadband=0, interval=5)
    assert kept(slow, *((second + 0.01 * (second % 2), second) for second in range(12))) == [0, 5.01, 10]
    assert kept(but(deadband=0, interval=5, kind="text"), (0, "a"), (1, "a"), (2, "b"), (8, "b")) == [0, 2, 8]


def test_without_both_everything_is_kept() -> None:
    assert kept(but(deadband=0), *((second, 20) for second in range(5))) == [0, 1, 2, 3, 4]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60), st.floats(0, 100), st.booleans())
def test_what_is_left_out_was_never_further_than_the_band_nor_longer_ago_than_the_silence(
    values: list[float], band: float, percent: bool
) -> None:
    tag = but(deadband=band, percent=percent)
    at = kept(tag, *enumerate(values))
    last = 0
    for second, raw in enumerate(values):
        if second in at:
            last = second
            continue
        assert second - last < 10
        if math.isfinite(raw):
            reach = abs(values[last]) * band / 100 if percent else band
            assert abs(raw - values[last]) <= reach
    assert not values or at[0] == 0


def test_the_quality_kept_is_that_of_the_reading() -> None:
    columns = Columns()
    Checker([TAG]).check([Sample(1, 20, NOW), Sample(1, 20, NOW + 1, Quality.BAD)], NOW, columns)
    assert columns.qualities.tolist() == [0, 2]
