"""A mirror ends as its leader is, whatever was killed on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from gongfu.identity.handle.names import Handle
from gongfu.identity.handle.wire import Value
from gongfu.identity.mirror import wire
from gongfu.identity.mirror.follower import lag
from gongfu.identity.registry import records
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore, open_store

from .conftest import Pair

pytestmark = pytest.mark.node
PREFIXES = ("88.118.1", "88.118.2", "88.118.3")


def record(prefix: str, number: int, version: int) -> Record:
    values = (
        Value(1, "URL", f"https://example.com/{number}/{version}".encode()),
        Value(2, "NAME", f"件{number}".encode()),
    )
    return Record(Handle(prefix, f"part-{number:06d}"), values, 1, version)


def whole(store: IdentifierStore) -> dict[bytes, bytes]:
    """Every record by its key."""
    found: dict[bytes, bytes] = {}
    for prefix in store.populated():
        after = None
        while part := store.scan(prefix, after=after, limit=2000):
            found |= {item.handle.key: records.encode(item) for item in part}
            after = part[-1].handle
    return found


def eventually(check: Callable[[], bool], pair: Pair, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, pair.logs()
        time.sleep(0.2)


def caught_up(leader: IdentifierStore, follower: IdentifierStore) -> bool:
    place = wire.place(follower.place("leader"))
    return place.whole and place.seq == leader.last_change() and place.leader == place.seq


def compare(leader: IdentifierStore, follower: IdentifierStore) -> None:
    theirs, ours = whole(leader), whole(follower)
    assert ours.keys() == theirs.keys()
    assert ours == theirs
    assert [follower.count(prefix) for prefix in PREFIXES] == [leader.count(prefix) for prefix in PREFIXES]
    assert follower.prefixes() == leader.prefixes()
    assert set(follower.copied().values()) == {"leader"}


def test_after_kills_at_random_points_during_20000_changes_the_copy_is_the_same_and_nothing_doubled(pair: Pair) -> None:
    chance = random.Random(118)
    leader, follower = open_store(pair.leader_home), open_store(pair.follower_home)
    for prefix in PREFIXES:
        leader.home(prefix)
    pair.leader.start()
    pair.follower.start()
    made = 0
    next_kill = chance.randint(500, 3000)
    while made < 20_000:
        prefix, size = chance.choice(PREFIXES), chance.choice((1, 20, 400))
        if chance.random() < 0.15:
            leader.delete(Handle(prefix, f"part-{chance.randrange(3000):06d}"))
        else:
            numbers = chance.sample(range(3000), size)
            leader.put_many([record(prefix, number, made) for number in numbers], actor="test")
        made = leader.last_change()
        if made >= next_kill:
            next_kill = made + chance.randint(500, 3000)
            side = chance.choice((pair.leader, pair.follower))
            time.sleep(chance.random())
            side.kill()
            side.start()
    eventually(lambda: caught_up(leader, follower), pair)
    compare(leader, follower)
    # What was written here stands in the follower's own journal: at most as often as at the leader.
    eventually(lambda: lag(follower, "leader").changes == 0, pair)
    assert lag(follower, "leader").seconds == 0


def test_a_follower_that_is_too_far_behind_for_the_stream_begins_with_a_snapshot(pair: Pair) -> None:
    leader, follower = open_store(pair.leader_home), open_store(pair.follower_home)
    leader.home("88.118.1")
    leader.put_many([record("88.118.1", number, 1) for number in range(2500)])
    pair.leader.start()  # what was there before it published is in no stream
    pair.follower.start()
    eventually(lambda: caught_up(leader, follower), pair)
    pair.follower.kill()
    leader.home("88.118.2")
    leader.put_many([record("88.118.2", number, 1) for number in range(1500)])
    for number in range(100):
        leader.delete(Handle("88.118.1", f"part-{number:06d}"))
    eventually(lambda: leader.cursor("bus") == leader.last_change(), pair)
    pair.leader.kill()
    pair.bus.stop()  # and the bus lost its stream
    import shutil

    shutil.rmtree(pair.leader_home / "bus" / "jetstream")
    pair.bus.start()
    pair.follower.start()
    pair.leader.start()
    eventually(lambda: caught_up(leader, follower), pair)
    assert whole(follower) == whole(leader)
    assert follower.prefixes() == ["88.118.1", "88.118.2"]
    leader.unhome("88.118.2")
    eventually(lambda: follower.prefixes() == ["88.118.1"], pair)


def test_a_copy_says_how_far_it_is_behind_while_the_leader_is_away(pair: Pair) -> None:
    leader, follower = open_store(pair.leader_home), open_store(pair.follower_home)
    leader.home("88.118.1")
    leader.put(record("88.118.1", 1, 1))
    pair.leader.start()
    pair.follower.start()
    eventually(lambda: caught_up(leader, follower), pair)
    pair.leader.kill()
    later = lag(follower, "leader", now=time.time() + 3600)
    assert 3590 <= later.seconds <= 3620
    assert later.whole
    assert not later.heard
