"""Sparkplug B payloads as other programs write them, and as nobody should."""

from __future__ import annotations

import base64
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.network.drivers.sparkplug.wire import (
    DataType,
    Malformed,
    Metric,
    Payload,
    decode_payload,
    encode_payload,
    typed,
)

# Written by Google's Go protobuf from the official .proto; base64 strings NBIRTH_V1, NDATA_V1 and NDEATH_V1 in
# https://github.com/united-manufacturing-hub/benthos-umh sparkplug_plugin/test_vectors.go
# commit 02c17144fdf6df35ec7698418ac0b0ac163f59fd (Apache-2.0).
NBIRTH = base64.b64decode(
    "CNLig7n6MhINCgViZFNlcRABIAhYWBIcChROb2RlIENvbnRyb2wvUmViaXJ0aBACIAtwABIaCgtUZW1wZXJhdHVyZRBkIAppAAAAAACANUAYAA=="
)
NDATA = base64.b64decode("CNLig7n6MhINEGQgCmkAAAAAAIA2QBgB")
NDEATH = base64.b64decode("CNLig7n6MhINCgViZFNlcRAAIAhYABgA")


def test_birth_of_another_program_is_read_and_written_alike() -> None:
    payload = decode_payload(NBIRTH)
    assert payload == Payload(
        timestamp=1750855643474,
        seq=0,
        metrics=[
            Metric(name="bdSeq", alias=1, datatype=DataType.UINT64, value=88),
            Metric(name="Node Control/Rebirth", alias=2, datatype=DataType.BOOLEAN, value=False),
            Metric(name="Temperature", alias=100, datatype=DataType.DOUBLE, value=21.5),
        ],
    )
    assert encode_payload(payload) == NBIRTH


def test_data_by_alias_of_another_program() -> None:
    payload = decode_payload(NDATA)
    assert (payload.seq, payload.metrics) == (1, [Metric(alias=100, datatype=DataType.DOUBLE, value=22.5)])
    assert encode_payload(payload) == NDATA


def test_death_of_another_program() -> None:
    assert decode_payload(NDEATH).metrics == [Metric(name="bdSeq", alias=0, datatype=DataType.UINT64, value=0)]


@pytest.mark.parametrize(
    ("carried", "datatype", "meant"),
    [
        (0xFFFFFFFD, DataType.INT8, -3),  # sign-extended to 32 bits, as Eclipse Tahu does
        (0xFD, DataType.INT8, -3),  # in 8 bits
        (0xFFFF8000, DataType.INT16, -32768),
        (0x80000000, DataType.INT32, -(2**31)),
        (2**64 - 1, DataType.INT32, -1),  # in long_value
        (2**64 - 5, DataType.INT64, -5),
        (255, DataType.UINT8, 255),
        (2**32 - 1, DataType.UINT32, 2**32 - 1),
        (1, DataType.BOOLEAN, True),
    ],
)
def test_signed_integers_travel_unsigned(carried: int, datatype: DataType, meant: int) -> None:
    assert typed(carried, datatype) == meant


def test_quality_null_and_historical_survive() -> None:
    metrics = [
        Metric(name="a", datatype=DataType.INT8, value=0xFFFFFFFD, quality=192, is_historical=True, timestamp=5),
        Metric(name="b", datatype=DataType.DOUBLE, is_null=True),
        Metric(name="c", datatype=DataType.STRING, value="换刀"),
    ]
    sent = [*metrics]
    sent[0] = Metric(name="a", datatype=DataType.INT8, value=-3, quality=192, is_historical=True, timestamp=5)
    assert decode_payload(encode_payload(Payload(metrics=sent))).metrics == metrics


def test_a_value_outside_its_datatype_is_refused() -> None:
    with pytest.raises(Malformed, match="does not fit"):
        encode_payload(Payload(metrics=[Metric(name="a", datatype=DataType.UINT8, value=256)]))


def test_fields_we_do_not_know_are_skipped() -> None:
    # A metric with metadata (field 8), a data set (field 17) and an unknown field 200.
    metric = b"\x0a\x01m" + b"\x42\x02\x08\x01" + b"\x8a\x01\x02\x08\x01" + b"\xc0\x0c\x01"
    assert decode_payload(b"\x12" + bytes([len(metric)]) + metric).metrics == [Metric(name="m")]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        payload = decode_payload(data)
    except Malformed:
        return
    assert isinstance(payload.metrics, list)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(NBIRTH) - 1), st.integers(0, 255))
def test_a_damaged_birth_is_read_or_refused(position: int, byte: int) -> None:
    damaged = NBIRTH[:position] + bytes([byte]) + NBIRTH[position + 1 :]
    try:
        decode_payload(damaged)
    except Malformed:
        return


_integers = st.sampled_from(
    [
        (DataType.INT8, -128, 127),
        (DataType.INT16, -(2**15), 2**15 - 1),
        (DataType.INT32, -(2**31), 2**31 - 1),
        (DataType.INT64, -(2**63), 2**63 - 1),
        (DataType.UINT8, 0, 255),
        (DataType.UINT16, 0, 2**16 - 1),
        (DataType.UINT32, 0, 2**32 - 1),
        (DataType.UINT64, 0, 2**64 - 1),
    ]
).flatmap(lambda kind: st.tuples(st.just(kind[0]), st.integers(kind[1], kind[2])))
_values = st.one_of(
    _integers,
    st.tuples(st.just(DataType.DOUBLE), st.floats()),
    st.tuples(st.just(DataType.FLOAT), st.floats(width=32)),
    st.tuples(st.just(DataType.BOOLEAN), st.booleans()),
    st.tuples(st.just(DataType.STRING), st.text(st.characters(exclude_categories=["Cs"]))),
)


@settings(max_examples=200, deadline=None)
@given(_values)
def test_every_value_comes_back(pair: tuple[DataType, bool | int | float | str]) -> None:
    datatype, value = pair
    [metric] = decode_payload(
        encode_payload(Payload(metrics=[Metric(name="m", datatype=datatype, value=value)]))
    ).metrics
    back = typed(metric.value, datatype)
    assert back == value or (isinstance(value, float) and math.isnan(value) and math.isnan(float(back or 0)))
