"""JSON payloads: everything a device may send gives samples or a reason, never a surprise."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.network.drivers.contract import Sample
from gongfu.network.drivers.payload import WAVEFORM, Malformed, Mapping, fields
from gongfu.network.gateway.config import TagConfig

STORED = 1_795_000_000_000_000


def tags(*addresses: str) -> list[TagConfig]:
    return [TagConfig(series=number, name=f"t{number}", address=text) for number, text in enumerate(addresses, 1)]


@pytest.mark.parametrize("address", ["/spindle/speed", "spindle.speed"])
def test_pointer_and_dotted_addresses_mean_the_same(address: str) -> None:
    assert Mapping(tags(address)).samples(b'{"spindle": {"speed": 1200}}', STORED) == [Sample(1, 1200, STORED)]


def test_arrays_and_escaped_names() -> None:
    mapping = Mapping(tags("/axes/1/load", "/a~1b", "/axes/7/load"))
    payload = b'{"axes": [{"load": 1}, {"load": 2.5}], "a/b": true}'
    assert mapping.samples(payload, STORED) == [Sample(1, 2.5, STORED), Sample(2, True, STORED)]


def test_a_waveform_comes_with_or_without_its_rate_and_is_offered_as_one_tag() -> None:
    wave = [TagConfig(series=1, name="vib", address="/vib", kind="array")]
    assert Mapping(wave).samples(b'{"vib": [1, 2.5, -3]}', STORED) == [Sample(1, [1.0, 2.5, -3.0], STORED)]
    rated = b'{"vib": {"rate": 25600, "values": [1, 2]}}'
    assert Mapping(wave).samples(rated, STORED) == [Sample(1, [1.0, 2.0], STORED, rate=25600.0)]
    for strange in (b'{"vib": {"rate": -1, "values": "x"}}', b'{"vib": {}}', b'{"vib": [1, "x"]}'):
        assert Mapping(wave).samples(strange, STORED) == [Sample(1, None, STORED)]
    long, short = list(range(WAVEFORM)), [1, 2]
    offered = fields(msgspec.json.encode({"vib": {"rate": 1, "values": long}, "axes": short}))
    assert [(one.address, one.kind) for one in offered] == [
        ("/vib/rate", "number"),
        ("/vib/values", "array"),
        ("/axes/0", "number"),
        ("/axes/1", "number"),
    ]


def test_a_bare_number_is_the_tag_without_address() -> None:
    assert Mapping(tags("")).samples(b"21.5", STORED) == [Sample(1, 21.5, STORED)]


def test_a_batch_keeps_the_times_of_its_elements() -> None:
    mapping = Mapping(tags("/v"), "/ts", "ms")
    payload = b'[{"v": 1, "ts": 1795000000001}, {"v": 2, "ts": 1795000000002}]'
    assert [(s.value, s.time) for s in mapping.samples(payload, STORED)] == [
        (1, 1795000000001000),
        (2, 1795000000002000),
    ]


def test_elements_without_time_stay_apart_and_are_the_same_when_delivered_again() -> None:
    mapping = Mapping(tags("/v"))
    first = mapping.samples(b'[{"v": 1}, {"v": 2}]', STORED)
    assert [s.time for s in first] == [STORED, STORED + 1]
    assert mapping.samples(b'[{"v": 1}, {"v": 2}]', STORED) == first


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("iso", b'"2026-11-18T11:06:40.5Z"'),
        ("iso", b'"2026-11-18T19:06:40.5+08:00"'),
        ("s", b"1795000000.5"),
        ("ms", b"1795000000500"),
        ("us", b"1795000000500000"),
        ("auto", b'"2026-11-18T19:06:40.5+08:00"'),
        ("auto", b"1795000000.5"),
        ("auto", b'"1795000000500"'),
        ("auto", b"1795000000500000"),
        ("auto", b"1795000000500000000"),
    ],
)
def test_source_times_in_every_unit(unit: str, text: bytes) -> None:
    when = int(datetime(2026, 11, 18, 11, 6, 40, 500_000, UTC).timestamp() * 1_000_000)
    [sample] = Mapping(tags("/v"), "t", unit).samples(b'{"v": 1, "t": %s}' % text, STORED)
    assert sample.time == when


def test_what_is_no_value_is_bad_and_what_is_absent_is_nothing() -> None:
    mapping = Mapping(tags("/a", "/b", "/c"))
    assert mapping.samples(b'{"a": null, "b": {"x": 1}}', STORED) == [Sample(1, None, STORED), Sample(2, None, STORED)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"v": 1', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"v":' * 5000 + b"1" + b"}" * 5000, "not JSON"),
        (b'{"v": NaN, "t": 1795000000}', "not JSON"),
        (b"17", "bare number"),
        (b"[1, 2]", "Element 0 of the payload is a number"),
        (b'{"v": 1}', "no source time"),
        (b'{"v": 1, "t": "yesterday"}', "cannot be read"),
        (b'{"v": 1, "t": {"a": 1}}', "cannot be read"),
        (b'{"v": 1, "t": true}', "cannot be read"),
        (b'{"v": 1, "t": 1e300}', "cannot be read"),
        (b'{"v": 1, "t": 99999999999999999999999999}', "cannot be read"),
    ],
)
def test_what_cannot_be_read_has_a_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        Mapping(tags("/v"), "/t").samples(payload, STORED)


def test_a_number_of_hundreds_of_digits_is_a_value_or_a_reason() -> None:
    try:
        [sample] = Mapping(tags("/v")).samples(b'{"v": ' + b"9" * 400 + b"}", STORED)
    except Malformed:
        return
    assert isinstance(sample.value, int | float)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["v", "t", "a", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_json, st.sampled_from(["", "/t"]), st.sampled_from(["auto", "iso", "s", "ms", "us"]))
def test_any_json_gives_samples_or_a_reason(document: object, time: str, unit: str) -> None:
    _read(msgspec.json.encode(document), time, unit)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from(["", "/t"]))
def test_any_bytes_give_samples_or_a_reason(payload: bytes, time: str) -> None:
    _read(payload, time, "auto")


def _read(payload: bytes, time: str, unit: str) -> None:
    try:
        samples = Mapping(tags("/v", "/a/v", "", "a.0"), time, unit).samples(payload, STORED)
    except Malformed:
        return
    for sample in samples:
        numbers = sample.value if isinstance(sample.value, list) else []
        assert all(isinstance(number, float) for number in numbers)
        assert sample.value is None or isinstance(sample.value, bool | int | float | str | list)
        assert isinstance(sample.time, int)
        assert not isinstance(sample.value, float) or math.isfinite(sample.value)
