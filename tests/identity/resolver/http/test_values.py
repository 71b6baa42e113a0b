"""Values in JSON, keys as JSON Web Keys."""

from __future__ import annotations

import contextlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle import keys, wire
from gongfu.identity.handle.admin_record import PUBKEY
from gongfu.identity.handle.codes import Permission, TtlType
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.resolver.http import answers, key_json, values
from gongfu.kernel.errors import GongfuError

numbers = st.integers(0, 2**32 - 1)
text = st.text(max_size=20)
stored = st.builds(
    Value,
    st.integers(0, 2**31 - 1),
    st.one_of(st.sampled_from(["URL", "HS_ADMIN", "HS_VLIST", "HS_PUBKEY", "HS_SITE", "HS_SECKEY"]), text),
    st.one_of(st.binary(max_size=60), text.map(str.encode)),
    numbers,
    st.sampled_from(TtlType),
    st.just(0),
    st.integers(0, 15).map(Permission),
    st.lists(st.builds(Reference, text, numbers), max_size=3).map(tuple),
)


@given(st.lists(stored, max_size=4))
def test_what_is_written_is_read(found: list[Value]) -> None:
    assert values.from_json(b'{"values":' + values.to_json(found) + b"}") == tuple(found)


usual = st.builds(Value, st.integers(1, 2**31 - 1), st.sampled_from(["URL", "名"]), text.map(str.encode), numbers)


@given(st.lists(st.one_of(usual, stored), max_size=4))
def test_the_short_way_says_what_the_long_way_says(found: list[Value]) -> None:
    octets = wire.encode_values(found)
    short = answers._plain_values(len(found), octets[4:])
    assert short in (None, values.to_json(found))
    if found and all(value.permissions == values.USUAL and value.type in ("URL", "名") for value in found):
        plain = all(value.ttl_type is TtlType.RELATIVE and not value.references for value in found)
        assert (short is not None) or not plain or not _text(found)


def _text(found: list[Value]) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        return all(value.data.decode() is not None for value in found)
    return False


@given(st.binary(max_size=100))
def test_any_octets_are_values_or_refused(octets: bytes) -> None:
    for body in (octets, b"[" + octets + b"]", b'{"index":1,"type":"A","data":' + octets + b"}"):
        with contextlib.suppress(GongfuError):
            values.from_json(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner)
)


@given(st.sampled_from(["string", "base64", "hex", "admin", "vlist", "site", "key", "?"]), JSON)
def test_any_data_is_octets_or_refused(kind: str, data: object) -> None:
    body = json.dumps([{"index": 1, "type": "A", "data": {"format": kind, "value": data}}]).encode()
    with contextlib.suppress(GongfuError):
        assert values.from_json(body)[0].index == 1


@pytest.mark.parametrize("algorithm", [item for item in keys.Algorithm if item is not keys.Algorithm.DSA])
def test_every_kind_of_key_is_shown_as_json_and_read_back(algorithm: keys.Algorithm) -> None:
    octets = keys.generate(algorithm).public.encode()
    assert key_json.from_json(key_json.to_json(octets)) == octets
    shown = values.shown(Value(1, PUBKEY, octets))
    assert shown.data.format == "key"


def test_the_key_of_rfc_8037_is_read() -> None:
    # RFC 8037 appendix A.2
    jwk = b'{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    assert json.loads(key_json.to_json(key_json.from_json(jwk))) == json.loads(jwk)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "n", "e", "x", "y", "p", "q", "g"]),
        st.sampled_from(["RSA", "EC", "OKP", "DSA", "P-256", "SM2", "Ed25519", "AQAB", "", "!"]) | text,
    )
)
def test_any_key_is_read_or_refused(jwk: dict[str, str]) -> None:
    with contextlib.suppress(GongfuError, msgspec.DecodeError):
        key_json.from_json(json.dumps(jwk).encode())
