"""What a node says of prefixes that are served elsewhere."""

from __future__ import annotations

import pytest

from gongfu.identity.handle import site, wire
from gongfu.identity.handle.codes import OpFlag, Permission, ResponseCode
from gongfu.identity.handle.names import Handle, parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Counters, Transport, shared

THERE = Value(1, site.HS_SITE, site.encode(site.single("192.0.2.3")))


@pytest.fixture
def answerer(store: IdentifierStore) -> Answerer:
    store.home("88.118")
    store.home("88.118.2")
    store.put(Record(parse("88.118.2/A"), (Value(1, "URL", b"http://a.test/"),), 1, 1))
    store.put(Record(Handle("0.NA", "88.118.1"), (THERE,), 1, 1))
    store.put(Record(Handle("0.NA", "88.118.2"), (Value(100, "HS_ADMIN", b"x"),), 1, 1))
    return Answerer(store, Counters(shared(1)), Transport.UDP)


def ask(answerer: Answerer, handle: str, *types: str) -> wire.Message:
    envelope, payload = wire.resolve_message(wire.ResolveRequest(handle, types=types), 1)
    answer = b"".join(answerer.message(envelope, payload))
    return wire.decode_payload(wire.decode_envelope(answer), answer[20:])


@pytest.mark.parametrize("handle", ["88.118.1/A", "88.118.1/a", "88.118.1.7/A"])
def test_an_identifier_below_a_delegated_prefix_is_referred_to_where_it_is_served(
    answerer: Answerer, handle: str
) -> None:
    answer = ask(answerer, handle)
    assert answer.header.response == ResponseCode.SERVICE_REFERRAL
    assert not answer.header.flags & OpFlag.AUTHORITATIVE
    assert site.decode_referral(answer.body) == site.Referral("0.NA/88.118.1", (THERE,))


def test_the_prefix_handle_itself_is_answered_with_authority(answerer: Answerer) -> None:
    answer = ask(answerer, "0.na/88.118.1", "HS_SITE")
    assert answer.header.response == ResponseCode.SUCCESS
    assert answer.header.flags & OpFlag.AUTHORITATIVE
    assert wire.decode_response(answer) == wire.ResolveResponse("0.na/88.118.1", (THERE,))
    assert ask(answerer, "0.NA/88.118.1", "URL").header.response == ResponseCode.VALUES_NOT_FOUND


def test_a_prefix_handle_below_a_delegated_prefix_is_referred_with_303(answerer: Answerer) -> None:
    answer = ask(answerer, "0.NA/88.118.1.7")
    assert answer.header.response == ResponseCode.PREFIX_REFERRAL
    assert site.decode_referral(answer.body).values == (THERE,)


def test_a_prefix_that_is_not_allotted_does_not_exist_and_a_foreign_one_is_not_ours(answerer: Answerer) -> None:
    assert ask(answerer, "0.NA/88.118.3").header.response == ResponseCode.HANDLE_NOT_FOUND
    assert ask(answerer, "0.NA/88.119").header.response == ResponseCode.NOT_RESPONSIBLE
    assert ask(answerer, "0.NA/10").header.response == ResponseCode.NOT_RESPONSIBLE
    assert ask(answerer, "88.118.3/A").header.response == ResponseCode.NOT_RESPONSIBLE


def test_a_prefix_that_stays_here_is_answered_here(answerer: Answerer) -> None:
    assert ask(answerer, "88.118.2/A").header.response == ResponseCode.SUCCESS


def test_a_delegation_that_is_hidden_refers_nobody(answerer: Answerer, store: IdentifierStore) -> None:
    hidden = Value(1, site.HS_SITE, THERE.data, permissions=Permission.ADMIN_READ)
    store.put(Record(Handle("0.NA", "88.118.1"), (hidden,), 1, 1))
    assert ask(answerer, "88.118.1/A").header.response == ResponseCode.NOT_RESPONSIBLE
