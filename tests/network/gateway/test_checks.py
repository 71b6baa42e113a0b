"""What becomes of a raw value: the table in ``checks.py``, and every value there is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.kernel import readings
from gongfu.kernel.bus import MAX_PAYLOAD
from gongfu.kernel.events import EventKind
from gongfu.kernel.readings import Quality
from gongfu.network.drivers.contract import Numbers, Sample
from gongfu.network.gateway.checks import AHEAD, EARLIEST, TEXT_LIMIT, Checker, Columns
from gongfu.network.gateway.config import TagConfig

NOW = 1_795_000_000_000_000
GOOD, UNCERTAIN, BAD = map(int, Quality)
SPEED = TagConfig(series=1, name="speed", address="x", low=0, high=100, scale=0.1, offset=-1)
STATE = TagConfig(series=2, name="state", address="x", kind="text")
RUNNING = TagConfig(series=3, name="running", address="x", kind="boolean")


def one(sample: Sample) -> tuple[int, float, int, list[EventKind]]:
    columns = Columns()
    findings = Checker([SPEED, STATE, RUNNING]).check([sample], NOW, columns)
    return columns.times[0], columns.values[0], columns.qualities[0], [finding.kind for finding in findings]


def test_scale_and_offset() -> None:
    assert one(Sample(1, 500, NOW)) == (NOW, 49.0, GOOD, [])


@pytest.mark.parametrize("raw", ["500", " 5e2 "])
def test_text_that_reads_as_a_number_is_one(raw: str) -> None:
    assert one(Sample(1, raw, NOW))[1:3] == (49.0, GOOD)


@pytest.mark.parametrize("raw", [None, math.nan, math.inf, -math.inf, "", "many", "nan", "inf", "1,5", 10**400])
def test_what_is_no_number_is_nan_and_bad(raw: float | str | None) -> None:
    _, value, quality, kinds = one(Sample(1, raw, NOW))
    assert math.isnan(value)
    assert (quality, kinds) == (BAD, [])


def test_outside_the_range_is_kept_and_uncertain() -> None:
    assert one(Sample(1, 5000, NOW)) == (NOW, 499.0, UNCERTAIN, [EventKind.OUT_OF_RANGE])


def test_leaving_the_range_is_news_staying_outside_is_not() -> None:
    checker, columns = Checker([SPEED]), Columns()
    found = [len(checker.check([Sample(1, raw, NOW)], NOW, columns)) for raw in (500, 5000, 5001, 500, 5000)]
    assert found == [0, 1, 0, 0, 1]


def test_a_clock_that_is_ahead_gives_way_to_the_arrival() -> None:
    assert one(Sample(1, 500, NOW + AHEAD)) == (NOW + AHEAD, 49.0, GOOD, [])
    assert one(Sample(1, 500, NOW + AHEAD + 1)) == (NOW, 49.0, UNCERTAIN, [EventKind.CLOCK_AHEAD])
    assert one(Sample(1, 500, 2**70))[0] == NOW


def test_an_unset_clock_gives_way_but_history_is_kept() -> None:
    assert one(Sample(1, 500, EARLIEST - 1)) == (NOW, 49.0, UNCERTAIN, [EventKind.CLOCK_AHEAD])
    assert one(Sample(1, 500, EARLIEST)) == (EARLIEST, 49.0, GOOD, [])
    assert one(Sample(1, 500, 0)) == (NOW, 49.0, GOOD, [])


def test_what_the_driver_doubts_is_not_made_good() -> None:
    assert one(Sample(1, 500, NOW, Quality.BAD))[1:3] == (49.0, BAD)
    assert one(Sample(1, 5000, NOW, Quality.BAD))[2] == BAD


@pytest.mark.parametrize(("raw", "value"), [(True, 1.0), (False, 0.0), ("on", 1.0), ("False", 0.0), (1, 1.0)])
def test_booleans(raw: bool | str, value: float) -> None:
    assert one(Sample(3, raw, NOW))[1:3] == (value, GOOD)


@pytest.mark.parametrize(
    ("raw", "text", "quality"),
    [
        ("换刀", "换刀", GOOD),
        (3, "3", GOOD),
        (2.5, "2.5", GOOD),
        (True, "true", GOOD),
        (None, "", BAD),
        ("x" * 5000, "x" * TEXT_LIMIT, UNCERTAIN),
        ("\ud800", "?", GOOD),
        (10**400, "", BAD),
    ],
)
def test_texts(raw: float | str | None, text: str, quality: int) -> None:
    columns = Columns()
    Checker([STATE]).check([Sample(2, raw, NOW)], NOW, columns)
    assert [(t.text, t.quality) for t in columns.texts] == [(text, quality)]


def test_a_series_of_another_device_is_left_out_and_reported() -> None:
    columns = Columns()
    findings = Checker([SPEED]).check([Sample(99, 1, NOW)], NOW, columns)
    assert len(columns) == 0
    assert [finding.kind for finding in findings] == [EventKind.MALFORMED]


def test_large_batches_are_split_below_what_the_bus_takes() -> None:
    columns = Columns()
    checker = Checker([SPEED, STATE])
    checker.check([Sample(1, 1, NOW + n) for n in range(50_000)], NOW, columns)
    checker.check([Sample(2, "字" * TEXT_LIMIT, NOW + n) for n in range(300)], NOW, columns)
    batches = columns.batches(7, 1, NOW)
    assert all(len(readings.encode(batch)) < MAX_PAYLOAD for batch in batches)
    assert sum(map(len, batches)) == 50_300
    assert {t for batch in batches for t in batch.times.tolist()} == set(range(NOW, NOW + 50_000))


_raw = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_samples = st.builds(Sample, st.integers(1, 3), _raw, st.integers(-(2**70), 2**70), st.sampled_from(list(Quality)))


@settings(max_examples=300, deadline=None)
@given(st.lists(_samples, max_size=20))
def test_every_sample_becomes_one_honest_reading(samples: list[Sample]) -> None:
    columns = Columns()
    Checker([SPEED, STATE, RUNNING]).check(samples, NOW, columns)
    assert len(columns) == len(samples)
    for time, value, quality in zip(columns.times, columns.values, columns.qualities, strict=True):
        assert EARLIEST <= time <= NOW + AHEAD
        assert not math.isinf(value)
        assert not math.isnan(value) or quality == BAD
    for text in columns.texts:
        assert EARLIEST <= text.time <= NOW + AHEAD
    for batch in columns.batches(7, 1, NOW):
        assert len(readings.decode(readings.encode(batch))) == len(batch)


@given(
    values=st.lists(st.floats(), min_size=1, max_size=6),
    scale=st.sampled_from([1.0, 0.1, -2.0, 1e300]),
    offset=st.sampled_from([0.0, 5.0]),
    limits=st.sampled_from([(None, None), (0.0, 10.0), (None, 3.0)]),
    time=st.sampled_from([0, 5, NOW, NOW + 400_000_000]),
    kind=st.sampled_from(["number", "number", "text"]),
    deadband=st.sampled_from([0.0, 0.0, 1.0]),
)
def test_numbers_read_together_become_what_they_would_become_one_by_one(
    values: list[float],
    scale: float,
    offset: float,
    limits: tuple[float | None, float | None],
    time: int,
    kind: str,
    deadband: float,
) -> None:
    low, high = limits
    tags = [
        TagConfig(series=i, name=f"t{i}", address="", scale=scale, offset=offset, low=low, high=high)
        for i in range(len(values) - 1)
    ]
    tags.append(TagConfig(series=len(values) - 1, name="last", address="", kind=kind, deadband=deadband))
    numbers = Numbers(tuple(range(len(values))), tuple(values), time)
    together, apart = Checker(tags), Checker(tags)
    for _ in range(2):  # the second time what was remembered of the first counts
        at_once, each = Columns(), Columns()
        assert together.check([numbers], NOW, at_once) == apart.check(numbers.samples(), NOW, each)
        assert at_once.size == each.size
        for name in ("series", "times", "qualities", "texts"):
            assert getattr(at_once, name) == getattr(each, name)
        assert [value.hex() for value in at_once.values] == [value.hex() for value in each.values]


def test_a_series_the_device_does_not_have_is_found_among_numbers_too() -> None:
    into = Columns()
    found = Checker([TagConfig(series=1, name="t", address="")]).check([Numbers((1, 2), (1.0, 2.0))], NOW, into)
    assert [finding.kind for finding in found] == [EventKind.MALFORMED]
    assert into.series.tolist() == [1]
