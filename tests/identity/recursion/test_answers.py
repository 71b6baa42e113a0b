"""The recursive node as a peer sees it, octet by octet."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import OpCode, OpFlag, ResponseCode
from gongfu.identity.handle.errors import Malformed
from gongfu.identity.handle.wire import Reference, Value
from gongfu.identity.recursion import endpoints, forwarding, trace
from gongfu.identity.recursion.answers import NoAnswer, RecursiveAnswerer
from gongfu.identity.recursion.cache import Cache
from gongfu.identity.recursion.forwarding import Asker
from gongfu.kernel.errors import Invalid

from .net import Net, hierarchy, key, url


def ask(
    net: Net,
    handle: str = "88.118.1/A",
    *types: str,
    flags: OpFlag = OpFlag.RECURSIVE,
    opcode: OpCode = OpCode.RESOLVE,
    recursion: int = 0,
    credential: bytes = b"",
    stream: bool = True,
) -> wire.Message:
    body = wire.encode_resolve_request(wire.ResolveRequest(handle, types=types))
    payload = wire.encode_payload(wire.Header(opcode, flags=flags, recursion=recursion), body, credential)
    answerer = RecursiveAnswerer(net.recursor, "192.0.2.99:3641")
    answer = asyncio.run(answerer.answer(wire.Envelope(7, len(payload)), payload, "198.51.100.4", stream=stream))
    return wire.decode_payload(*answer)


def values(message: wire.Message) -> tuple[Value, ...]:
    response = wire.decode_response(message)
    assert isinstance(response, wire.ResolveResponse)
    return response.values


def test_an_answer_is_never_authoritative_and_holds_what_was_asked_for() -> None:
    net = hierarchy(**{"88.118.1/B": (url(), Value(2, "NAME", b"Mill"))})
    answer = ask(net, "88.118.1/b", "name")
    assert values(answer) == (Value(2, "NAME", b"Mill"),)
    assert not answer.header.flags & OpFlag.AUTHORITATIVE
    assert ask(net, "88.118.1/B", "NOTHING").header.response == ResponseCode.VALUES_NOT_FOUND


def test_the_alias_itself_is_told_to_who_asks_for_it() -> None:
    net = hierarchy(**{"88.118.1/OLD": (Value(1, "HS_ALIAS", b"88.118.1/A"),)})
    assert values(ask(net, "88.118.1/OLD")) == (url(),)
    assert values(ask(net, "88.118.1/OLD", "HS_ALIAS"))[0].data == b"88.118.1/A"


def test_the_path_is_told_over_tcp_only() -> None:
    net = hierarchy()
    told = values(ask(net, "88.118.1/A", trace.TRACE_TYPE))
    path = trace.decode(told[0].data)
    assert path.resolver == "192.0.2.99:3641"
    assert len(path.hops) == 3
    over_udp = ask(net, "88.118.1/A", trace.TRACE_TYPE, stream=False)
    assert trace.TRACE_TYPE.encode() not in over_udp.body


def test_other_operations_and_encryption_are_refused() -> None:
    assert ask(hierarchy(), opcode=OpCode.CREATE).header.response == ResponseCode.OPERATION_DENIED
    encrypted = ask(hierarchy(), flags=OpFlag.RECURSIVE | OpFlag.ENCRYPT)
    assert encrypted.header.response == ResponseCode.NO_SESSION_KEY


def test_who_asks_reaches_the_authority_with_flag_4_and_stays_the_first_asker() -> None:
    net = hierarchy()
    flags = OpFlag.RECURSIVE | OpFlag.FORWARD_IDENTITY
    ask(net, flags=flags, credential=forwarding.encode(Asker("spoofed", Reference("0.NA/88.118.7", 300))))
    asker = forwarding.decode(net.queries[-1].credential)
    assert asker == Asker("198.51.100.4", Reference("0.NA/88.118.7", 300))
    ask(net, "88.118.1/B", flags=flags, recursion=1, credential=net.queries[-1].credential)
    assert forwarding.decode(net.queries[-1].credential) == asker
    ask(net, "88.118.1/C")
    assert net.queries[-1].credential == b""


def test_too_many_recursive_nodes_on_the_way_get_code_6() -> None:
    assert ask(hierarchy(), recursion=10).header.response == ResponseCode.RECURSION_LIMIT


@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_in_gets_an_answer_or_silence(payload: bytes, head: bool) -> None:
    if head:
        payload = wire.HEADER.pack(1, 0, int(OpFlag.RECURSIVE), 0, 0, 0, 0, max(0, len(payload) - 4)) + payload
    answerer = RecursiveAnswerer(hierarchy().recursor)
    with contextlib.suppress(NoAnswer):
        asyncio.run(answerer.answer(wire.Envelope(7, len(payload)), payload, "198.51.100.4", stream=True))


@given(st.binary(max_size=120))
def test_a_credential_of_others_is_malformed_and_nothing_worse(data: bytes) -> None:
    forwarding.signer(data)
    with contextlib.suppress(Malformed):
        forwarding.decode(data)


@pytest.mark.parametrize("text", ["192.0.2.7:2641", "[2001:db8::7]:2641", "resolver.example:2641"])
def test_an_address_reads_as_it_is_written(text: str) -> None:
    assert str(endpoints.parse(text)) == text


@pytest.mark.parametrize("text", ["", "192.0.2.7:0", "192.0.2.7:99999", "2001:db8::7", "a b", "x:"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        endpoints.parse(text)


def test_the_cache_stays_within_its_memory_and_keeps_what_is_used() -> None:
    cache = Cache(60_000)
    for number in range(1000):
        handle = f"88.118.1/{number}"
        cache.put(key(handle), handle, ResponseCode.SUCCESS, (url(),), server="s", service="")
        cache.lookup(key("88.118.1/0"))
        assert cache.size <= 60_000
    assert cache.lookup(key("88.118.1/0")) is not None
    assert cache.lookup(key("88.118.1/500")) is None
    assert cache.size == sum(entry.size for entry in cache._entries.values())


def test_an_answer_lives_as_long_as_its_shortest_value_and_a_day_at_most() -> None:
    from gongfu.identity.handle.codes import TtlType
    from gongfu.identity.recursion.cache import time_to_live

    assert time_to_live((url(ttl=100), url(ttl=50)), 0) == 50
    assert time_to_live((url(ttl=10**9),), 0) == 86_400
    assert time_to_live((Value(1, "URL", b"", 1_000, TtlType.ABSOLUTE),), 940) == 60
    assert time_to_live((Value(1, "URL", b"", 1_000, TtlType.ABSOLUTE),), 2_000) == 0
