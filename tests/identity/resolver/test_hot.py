"""Values kept in memory: as fresh as the store, and never more than there is room for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.identity.resolver.hot import MOST_CHANGES, Hot


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IdentifierStore]:
    opened = IdentifierStore(tmp_path)
    opened.home("88.118.1")
    yield opened
    opened.close()


def record(suffix: str, text: bytes) -> Record:
    return Record(parse(f"88.118.1/{suffix}"), (Value(1, "URL", text),), 1, 1)


def shown(store: IdentifierStore, hot: Hot, suffix: str) -> bytes | None:
    with store.view() as view:
        found = hot.over(view)(parse(f"88.118.1/{suffix}").key)
        assert found == view.public(parse(f"88.118.1/{suffix}").key)
    return found[1] if found else None


def test_what_changed_is_looked_up_anew_and_the_rest_is_not(store: IdentifierStore) -> None:
    hot = Hot(1_000_000)
    store.put_many([record("a", b"one"), record("b", b"two")])
    assert b"one" in (shown(store, hot, "a") or b"")
    assert b"two" in (shown(store, hot, "b") or b"")
    kept = hot._values[parse("88.118.1/b").key]
    store.put(record("A", b"other"))
    assert b"other" in (shown(store, hot, "a") or b"")
    shown(store, hot, "b")
    assert hot._values[parse("88.118.1/b").key] is kept
    store.delete(parse("88.118.1/a"))
    assert shown(store, hot, "a") is None


def test_many_changes_at_once_and_another_process_are_noticed(store: IdentifierStore, tmp_path: Path) -> None:
    hot = Hot(1_000_000)
    store.put(record("a", b"one"))
    shown(store, hot, "a")
    store.put_many([record(f"x{n}", b"x") for n in range(MOST_CHANGES)] + [record("a", b"other")])
    assert b"other" in (shown(store, hot, "a") or b"")


def test_a_prefix_taken_out_of_service_is_no_longer_answered_from_memory(store: IdentifierStore) -> None:
    hot = Hot(1_000_000)
    store.put(record("a", b"one"))
    assert shown(store, hot, "a")
    store.unhome("88.118.1")
    assert shown(store, hot, "a") is None


def test_no_more_is_kept_than_there_is_room_for_and_nothing_without(store: IdentifierStore) -> None:
    store.put_many([record(f"x{n}", b"y" * 100) for n in range(1_000)])
    hot, none = Hot(50_000), Hot(0)
    for number in range(1_000):
        assert shown(store, hot, f"x{number}")
        assert shown(store, none, f"x{number}")
        assert hot._held <= 50_000
    assert hot._held == sum(len(key) + len(values) + 300 for key, (_, values) in hot._values.items())
    assert len(hot._values) > 50
    assert not none._values
