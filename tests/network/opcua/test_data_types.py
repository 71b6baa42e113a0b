"""Values made to fit a data type, and events as text, whatever comes."""

from __future__ import annotations

import json
import math

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import variant_from_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from gongfu.network.drivers.opcua.data_types import FLOATS, INTEGERS, Unfit, kind_of, plain, variant
from gongfu.network.drivers.opcua.events import read_event

V = ua.VariantType
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3),
)
TYPES = st.sampled_from([*INTEGERS, *FLOATS, V.Boolean, V.String, V.LocalizedText, V.DateTime, V.Guid, None])


@given(JSON, TYPES, st.booleans())
def test_what_fits_crosses_the_wire_and_what_does_not_is_said(
    value: object, builtin: ua.VariantType, array: bool
) -> None:
    try:
        made = variant(value, builtin, array=array)  # type: ignore[arg-type]
    except Unfit:
        return
    back = variant_from_binary(ua.utils.Buffer(variant_to_binary(made)))
    assert back.VariantType is builtin
    if not array and isinstance(value, bool | int) and builtin in INTEGERS:
        assert back.Value == value
    json.dumps(plain(back.Value), allow_nan=False)


@pytest.mark.parametrize(
    ("builtin", "value"),
    [
        (V.Byte, 256), (V.Byte, -1), (V.SByte, 128), (V.UInt32, 2**32), (V.Int64, 2**63), (V.Int32, 1.5),
        (V.Int32, math.inf), (V.Int32, "1"), (V.Float, 1e39), (V.Boolean, 2), (V.String, 1), (V.DateTime, "yesterday"),
        (V.Guid, "x"), (None, 1),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(builtin: ua.VariantType, value: object) -> None:
    with pytest.raises(Unfit):
        variant(value, builtin)  # type: ignore[arg-type]


def test_kinds_of_tags() -> None:
    assert [kind_of(it) for it in (V.UInt16, V.Float, V.Boolean, V.DateTime, V.ExtensionObject, None)] == [
        "number", "number", "boolean", "text", "", "",
    ]  # fmt: skip


FIELDS = st.lists(
    st.one_of(
        st.none(),
        st.integers(),
        st.text(max_size=20),
        st.datetimes(),
        st.booleans(),
        st.builds(ua.LocalizedText, st.text(max_size=20)),
        st.builds(ua.NodeId, st.integers(0, 3000)),
    ).map(lambda value: ua.Variant(value) if value is not None else ua.Variant()),
    max_size=12,
)


@given(FIELDS)
def test_no_event_breaks_the_reader(fields: list[ua.Variant]) -> None:
    sample = read_event(3, fields)
    assert sample is None or isinstance(json.loads(str(sample.value)), dict)
