"""Arrays that drivers hand over become array readings."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gongfu.kernel.readings import ARRAY_LIMIT, decode, encode
from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.payload import Mapping
from gongfu.network.drivers.repeats import Repeats
from gongfu.network.gateway.checks import Checker, Columns
from gongfu.network.gateway.config import TagConfig

NOW = 1_795_000_000_000_000
TAG = TagConfig(series=7, name="vibration", address="/v", kind="array", scale=0.5)


def test_an_array_in_a_payload_is_scaled_and_crosses_the_bus() -> None:
    samples = Mapping([TAG]).samples(b'{"v": [1, 2.5, 4]}', NOW)
    columns = Columns()
    assert Checker([TAG]).check(samples, NOW, columns) == []
    (message,) = [one for one in columns.batches(1, 2, NOW) if one.arrays]
    (one,) = decode(encode(message)).arrays
    assert (one.series, one.time, one.quality, one.values.tolist()) == (7, NOW, 0, [0.5, 1.25, 2.0])


def test_what_is_no_array_of_numbers_is_bad() -> None:
    columns = Columns()
    values: list[float | str | list[float] | None] = [[float("nan")], 3.0, "x", None, [0.0] * (ARRAY_LIMIT + 5)]
    Checker([TAG]).check([Sample(7, value) for value in values], NOW, columns)
    assert [one.quality for one in columns.arrays] == [2, 2, 2, 2, 1]
    assert len(columns.arrays[-1].values) == ARRAY_LIMIT


def test_an_array_for_a_number_is_a_bad_number_and_no_crash() -> None:
    columns = Columns()
    samples = [Sample(7, [1.0, 2.0], NOW)]
    assert Repeats().fresh(samples) == samples
    Checker([TagConfig(series=7, name="x", address="")]).check(samples, NOW, columns)
    assert list(columns.qualities) == [2]


@given(st.lists(st.lists(st.floats(width=64), max_size=9), max_size=5), st.floats(allow_nan=False))
def test_every_array_fits_messages_that_are_read_again(arrays: list[list[float]], rate: float) -> None:
    columns = Columns()
    Checker([TAG]).check([Sample(7, one, NOW, rate=rate) for one in arrays], NOW, columns)
    found = [one for message in columns.batches(1, 2, NOW) for one in decode(encode(message)).arrays]
    assert len(found) == len(arrays)
    for one, given_ in zip(found, arrays, strict=True):
        assert np.array_equal(one.values, np.array(given_, np.float64) * 0.5, equal_nan=True)
