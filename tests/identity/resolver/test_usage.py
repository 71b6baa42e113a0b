"""Resolutions counted by prefix, kept over restarts, refused when the day is spent."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gongfu.identity.handle import wire
from gongfu.identity.handle.codes import ResponseCode
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver import usage
from gongfu.identity.resolver.answers import Answerer
from gongfu.identity.resolver.counters import Collected, Counters, Transport, shared, tables

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_all_workers_are_added_up_and_today_and_total_survive_a_restart(tmp_path: Path) -> None:
    memory = shared(3)
    for worker in range(3):
        for _ in range(worker + 1):
            Counters(memory, worker).prefix(b"88.118.1")
    Counters(memory, 0).prefix(b"88.118.2")
    book = usage.Book(memory, tables(memory))
    first = book.add_up(NOON)
    assert first.today == {"88.118.1": 6, "88.118.2": 1}
    usage.write(tmp_path, first)
    fresh = shared(1)
    Counters(fresh).prefix(b"88.118.1")
    again = usage.Book(fresh, tables(fresh), usage.read(tmp_path)).add_up(NOON + dt.timedelta(minutes=1))
    assert again.today == {"88.118.1": 7, "88.118.2": 1}
    assert again.total["88.118.1"] == 7


def test_a_new_day_begins_at_midnight_of_the_node_and_the_total_goes_on() -> None:
    memory = shared(1)
    count = Counters(memory).prefix
    book = usage.Book(memory, tables(memory))
    count(b"88.118.1")
    assert book.add_up(NOON.replace(hour=23, minute=59)).today == {"88.118.1": 1}
    count(b"88.118.1")
    later = book.add_up(NOON.replace(day=21, hour=0, minute=1))
    assert (later.day, later.today, later.total) == ("2026-11-21", {"88.118.1": 1}, {"88.118.1": 2})
    assert later.rate["88.118.1"] == pytest.approx(1 / 120)


def test_a_worker_that_was_started_again_goes_on_in_its_rows() -> None:
    memory = shared(1)
    Counters(memory).prefix(b"88.118.1")
    Counters(memory).prefix(b"88.118.1")
    assert usage.Book(memory, tables(memory)).add_up(NOON).today == {"88.118.1": 2}


def test_more_prefixes_than_there_is_room_for_are_counted_together() -> None:
    memory = shared(1)
    count = Counters(memory).prefix
    for number in range(usage.SLOTS + 50):
        count(b"88.118.%d" % number)
    count(b"88.118." + b"x" * 60)
    found = usage.Book(memory, tables(memory)).add_up(NOON).today
    assert len(found) == usage.SLOTS
    assert found["*"] == 52  # one row is the common one itself


def test_counting_prefixes_does_not_disturb_the_counters_of_requests() -> None:
    memory = shared(2)
    for worker in range(2):
        counters = Counters(memory, worker)
        counters.answered(Transport.UDP, ResponseCode.SUCCESS)
        for number in range(100):
            counters.prefix(b"88.118.%d" % number)
    [family] = Collected(memory).collect()
    sums = {tuple(sample.labels.values()): sample.value for sample in family.samples}
    assert sums["udp", "success"] == 2
    assert sum(sums.values()) == 2


@given(
    st.dictionaries(st.text(max_size=5), st.integers(0, 10)), st.dictionaries(st.text(max_size=5), st.integers(0, 10))
)
def test_a_day_is_spent_exactly_when_the_limit_is_reached(today: dict[str, int], limits: dict[str, int]) -> None:
    found = usage.spent(usage.Usage(0, "2026-11-20", today), limits)
    for name, number in today.items():
        limit = limits.get(name, 0)
        assert (name in found) == (name != "*" and limit > 0 and number >= limit)


def test_a_file_that_cannot_be_read_is_no_file(tmp_path: Path) -> None:
    assert usage.read(tmp_path) is None
    for octets in (b"", b"{", b'{"at": "x"}', b"\xff"):
        (tmp_path / usage.FILE).write_bytes(octets)
        assert usage.read(tmp_path) is None


def test_whoever_resolves_beyond_the_days_quota_is_answered_603_until_the_next_day(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.put(Record(parse("88.118.1/A"), (Value(1, "URL", b"http://a.test/"),), 1, 1))
    memory = shared(1)
    answerer = Answerer(store, Counters(memory), Transport.UDP)
    book = usage.Book(memory, tables(memory))

    def asked() -> int:
        envelope, payload = wire.resolve_message(wire.ResolveRequest("88.118.1/A"), 7)
        [answer] = answerer.datagram(wire.encode_envelope(envelope) + payload, ("192.0.2.1", 1000))
        message = wire.decode_payload(wire.decode_envelope(answer), answer[wire.ENVELOPE.size :])
        return message.header.response

    assert [asked() for _ in range(3)] == [ResponseCode.SUCCESS] * 3
    book.mark(usage.spent(book.add_up(NOON), {"88.118.1": 3}))
    assert [asked(), asked()] == [ResponseCode.DAILY_LIMIT] * 2
    midnight = book.add_up(NOON.replace(day=21, hour=0))
    book.mark(usage.spent(midnight, {"88.118.1": 3}))
    assert asked() == ResponseCode.SUCCESS
    assert midnight.total == {"88.118.1": 3}, "what was refused is not counted"
