"""Every change is in the journal, for as long as a reader needs it; copies are whole while writers work."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry import journal, records
from gongfu.identity.registry.errors import JournalTrimmed
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import Change, IdentifierStore, Limits
from gongfu.kernel.errors import Conflict


def record(suffix: str, *, data: bytes = b"x") -> Record:
    return Record(parse(f"88.118.1/{suffix}"), (Value(1, "URL", data),), 1, 1)


def read_all(store: IdentifierStore, after: int = 0, step: int = 7) -> list[Change]:
    found: list[Change] = []
    while page := store.changes(after, step):
        found += page
        after = page[-1].seq
    return found


def test_a_reader_sees_who_wrote_and_removed_what_in_order(store: IdentifierStore) -> None:
    store.put(record("a"), actor="li")
    store.put(record("a", data=b"new"), actor="wang")
    store.delete(parse("88.118.1/A"), actor="root")
    changes = store.changes(0, 10)
    assert [(change.seq, change.actor, change.key) for change in changes] == [
        (1, "li", b"88.118.1/A"),
        (2, "wang", b"88.118.1/A"),
        (3, "root", b"88.118.1/A"),
    ]
    assert changes[1].record is not None
    assert records.decode(changes[1].key, changes[1].record).text("URL") == "new"
    assert changes[2].record is None
    assert changes[0].time > 1_700_000_000
    assert store.last_change() == 3


def test_what_did_not_happen_is_not_in_the_journal(store: IdentifierStore) -> None:
    store.put(record("a"))
    with pytest.raises(Conflict):
        store.put_many([record("b"), record("a")], replace=False)
    assert not store.delete(parse("88.118.1/c"))
    assert store.put_many([]) == 0
    assert store.last_change() == 1


def test_batches_unfold_without_gap_however_they_are_read(store: IdentifierStore) -> None:
    store.advance("mirror", 0)
    store.put_many(record(f"{number:05}") for number in range(2_500))
    store.put(record("single"))
    for step in (1_000, 999, 77):
        changes = read_all(store, step=step)
        assert [change.seq for change in changes] == list(range(1, 2_502))
        assert [change.key for change in changes[:2_500]] == [b"88.118.1/%05d" % n for n in range(2_500)]
    assert [change.seq for change in store.changes(1_234, 3)] == [1_235, 1_236, 1_237]
    assert store.changes(2_501, 5) == []


def test_what_the_slowest_reader_has_not_taken_stays_and_the_rest_goes(store: IdentifierStore) -> None:
    store.advance("mirror", 0)
    store.advance("escrow", 0)
    for number in range(50):
        store.put(record(str(number)))
    store.advance("mirror", 50)
    store.advance("escrow", 20)
    for number in range(5):
        store.put(record(f"more-{number}"))
    assert [change.seq for change in read_all(store, 20)] == list(range(21, 56))
    with pytest.raises(JournalTrimmed, match="1 to"):
        store.changes(0, 1)
    assert store.cursors() == {"escrow": 20, "mirror": 50}
    assert store.cursor("nobody") == 0


def test_without_a_reader_the_journal_does_not_grow(store: IdentifierStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "KEPT", 30)
    for number in range(100):
        store.put(record(str(number)))
    assert len(store.changes(70, 100)) == 30
    with pytest.raises(JournalTrimmed):
        store.changes(60, 100)
    assert store.last_change() == 100


def test_a_reader_that_is_gone_holds_nothing_back(store: IdentifierStore) -> None:
    store.advance("gone", 0)
    store.advance("mirror", 0)
    for number in range(40):
        store.put(record(str(number)))
    store.advance("mirror", 40)
    assert len(store.changes(0, 100)) == 40
    store.forget("gone")
    for number in range(5):
        store.put(record(str(number)))
    with pytest.raises(JournalTrimmed):
        store.changes(0, 1)


def test_a_journal_that_was_read_to_its_end_keeps_counting(store: IdentifierStore) -> None:
    store.put(record("a"))
    store.advance("mirror", 1)
    assert store.last_change() == 1
    store.put(record("b"))
    assert [change.seq for change in store.changes(1, 10)] == [2]


def test_a_snapshot_taken_under_load_is_a_whole_store(store: IdentifierStore, tmp_path: Path) -> None:
    store.home("88.118.1")
    stop = threading.Event()

    def write() -> None:
        batch = 0
        while not stop.is_set():
            store.put_many(record(f"{batch}-{number}") for number in range(50))
            batch += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while store.count("88.118.1") < 200:
            pass
        store.snapshot(tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    copy = IdentifierStore(tmp_path / "copy")
    count = copy.count("88.118.1")
    assert count >= 200
    assert count % 50 == 0
    assert len(copy.scan("88.118.1", limit=10**6)) == count == copy.last_change()
    missed = read_all(store, copy.last_change(), 1_000)
    assert len(missed) == store.count("88.118.1") - count
    copy.close()
    with pytest.raises(Conflict, match="copy"):
        store.snapshot(tmp_path / "copy")


def test_quotas_are_kept_for_each_prefix(store: IdentifierStore) -> None:
    assert store.limits("88.118.1") == Limits()
    store.set_limits("88.118.abc", Limits(registrations=10_000, daily_resolutions=5))
    assert store.limits("88.118.ABC") == Limits(10_000, 5)
    store.set_limits("88.118.abc", Limits())
    assert store.limits("88.118.abc") == Limits(0, 0)
