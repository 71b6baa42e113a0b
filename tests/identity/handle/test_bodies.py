"""Bodies of every operation: what is sent comes back, and nothing breaks a decoder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import KeyExchange, Permission, TtlType
from gongfu.identity.handle.errors import Malformed

QUICK = settings(max_examples=150, deadline=None)
u32 = st.integers(0, 2**32 - 1)
text = st.text(max_size=20)
octets = st.binary(max_size=40)
references = st.builds(wire.Reference, text, u32)
handles = st.text(min_size=1, max_size=30)
values = st.builds(
    wire.Value,
    index=u32,
    type=text,
    data=octets,
    ttl=u32,
    ttl_type=st.sampled_from(TtlType),
    timestamp=u32,
    permissions=st.integers(0, 15).map(Permission),
    references=st.lists(references, max_size=2).map(tuple),
)
setups = st.one_of(
    st.builds(wire.SessionRequest, st.just(KeyExchange.DIFFIE_HELLMAN), u32, references, st.binary(min_size=1)),
    st.builds(wire.SessionRequest, st.just(KeyExchange.SERVER), u32, references),
    st.builds(wire.SessionRequest, st.just(KeyExchange.IDENTIFIER), u32, references, st.just(b""), references),
)
answers = st.builds(wire.ChallengeAnswer, text, references, octets)
halves = st.builds(wire.SessionAnswer, st.integers(0, 65_535), octets)
PAIRS: list[tuple[st.SearchStrategy[object], Callable[..., bytes], Callable[[bytes], object]]] = [
    (
        st.builds(wire.ValuesRequest, handles, st.lists(values, max_size=3).map(tuple)),
        wire.encode_values_request,
        wire.decode_values_request,
    ),
    (
        st.builds(wire.IndexesRequest, handles, st.lists(u32, max_size=4).map(tuple)),
        wire.encode_indexes_request,
        wire.decode_indexes_request,
    ),
    (text, wire.encode_handle_request, wire.decode_handle_request),
    (st.lists(text, max_size=5).map(tuple), wire.encode_handles, wire.decode_handles),
    (octets, wire.encode_challenge, wire.decode_challenge),
    (
        st.builds(wire.ChallengeAnswer, text, references, octets),
        wire.encode_challenge_answer,
        wire.decode_challenge_answer,
    ),
    (
        st.builds(wire.VerifyRequest, references, octets, octets, octets),
        wire.encode_verify_request,
        wire.decode_verify_request,
    ),
    (setups, wire.encode_session_request, wire.decode_session_request),
    (
        st.builds(wire.SessionAnswer, st.integers(0, 65_535), octets),
        wire.encode_session_answer,
        wire.decode_session_answer,
    ),
    (octets, wire.encode_key, wire.decode_key),
    (references, wire.encode_login, wire.decode_login),
    (
        st.builds(wire.Credential, text, st.text("ABCHMSX-0123", min_size=2, max_size=12), octets, u32, text),
        wire.encode_credential,
        wire.decode_credential,
    ),
]
NAMES = [decode.__name__.removeprefix("decode_") for _, _, decode in PAIRS]


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_what_is_sent_comes_back(
    pair: tuple[st.SearchStrategy[object], Callable[..., bytes], Callable[[bytes], object]],
) -> None:
    strategy, encode, decode = pair

    @QUICK
    @given(strategy)
    def check(sent: object) -> None:
        assert decode(encode(sent)) == sent

    check()


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_octets_changed_cut_or_invented_are_read_or_refused(
    pair: tuple[st.SearchStrategy[object], Callable[..., bytes], Callable[[bytes], object]],
) -> None:
    strategy, encode, decode = pair

    @QUICK
    @given(strategy, st.data())
    def check(sent: object, data: st.DataObject) -> None:
        packet = bytearray(encode(sent) or b"\0")
        for _ in range(data.draw(st.integers(1, 4))):
            packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
        del packet[data.draw(st.integers(0, len(packet))) :]
        for broken in (bytes(packet), data.draw(st.binary(max_size=80))):
            with contextlib.suppress(Malformed):
                decode(broken)

    check()


@QUICK
@given(st.lists(st.text(max_size=40), max_size=60), st.integers(300, 2_000))
def test_a_long_list_is_cut_into_messages_that_fit(listed: list[str], room: int) -> None:
    pages = wire.pages(listed, room)
    assert [handle for page in pages for handle in page] == listed
    assert all(len(wire.encode_handles(page)) <= room for page in pages)
