"""Changes asked for together share a transaction; each is told how its own ended, after it is on disk."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import wait
from pathlib import Path

import pytest

from gongfu.identity.handle.names import Handle, parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import Conflict, Forbidden, Invalid, Unavailable


def record(suffix: str, data: bytes = b"0") -> Record:
    return Record(parse(f"88.118.1/{suffix}"), (Value(1, "N", data),), 1, 1)


def test_many_registrations_at_once_are_all_kept_in_few_transactions(store: IdentifierStore) -> None:
    before = store._environment.lmdb.info()["last_txnid"]
    done = [store.submit_put(record(str(number)), replace=False) for number in range(2_000)]
    wait(done)
    assert all(future.result().before is None for future in done)
    assert store.count("88.118.1") == 2_000 == store.last_change()
    assert store._environment.lmdb.info()["last_txnid"] - before < 500


def test_one_that_is_refused_does_not_touch_the_others(store: IdentifierStore) -> None:
    def refuse(_: Record | None, _number: int) -> Record | None:
        raise Forbidden("no")

    futures = [
        store.submit_put(record("a"), replace=False),
        store.submit_put(record("a"), replace=False),
        store.submit(parse("88.118.1/a"), refuse),
        store.submit_put(Record(parse("88.118.1/b"), (), 1, 1)),
        store.submit_put(Record(Handle("88.118.1", "x" * 600), (Value(1, "N", b""),), 1, 1)),
        store.submit_put(record("c"), replace=False),
    ]
    errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [
        type(None),
        Conflict,
        Forbidden,
        Invalid,
        Invalid,
        type(None),
    ]
    assert store.count("88.118.1") == 2


def test_changes_of_one_identifier_follow_each_other_without_loss(store: IdentifierStore) -> None:
    store.put(record("counter"))

    def more(before: Record | None, _number: int) -> Record:
        assert before is not None
        return record("counter", b"%d" % (int(before.text("N")) + 1))

    def work() -> None:
        for _ in range(50):
            store.submit(parse("88.118.1/counter"), more, actor="li").result()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.get(parse("88.118.1/counter"))
    assert found is not None
    assert found.text("N") == "400"
    assert store.count("88.118.1") == 1
    assert [change.actor for change in store.changes(398, 5)] == ["li"] * 3


def test_a_change_may_remove_and_says_what_was_there(store: IdentifierStore) -> None:
    store.put(record("a", b"7"))
    done = store.submit(parse("88.118.1/A"), lambda *_: None).result()
    assert done.after is None
    assert done.before is not None
    assert done.before.text("N") == "7"
    assert store.count("88.118.1") == 0
    assert store.submit(parse("88.118.1/A"), lambda *_: None).result().before is None
    assert store.last_change() == 2


def test_a_change_cannot_write_another_identifier(store: IdentifierStore) -> None:
    with pytest.raises(ValueError, match="another"):
        store.submit(parse("88.118.1/a"), lambda *_: record("b")).result()


async def test_a_task_waits_for_its_commit(store: IdentifierStore) -> None:
    done = await asyncio.gather(*(asyncio.wrap_future(store.submit_put(record(str(n)))) for n in range(100)))
    assert len(done) == 100
    assert store.count("88.118.1") == 100


def test_what_waits_is_committed_before_the_store_closes(tmp_path: Path) -> None:
    store = IdentifierStore(tmp_path / "identity")
    done = [store.submit_put(record(str(number))) for number in range(500)]
    store.close()
    assert all(future.result(0).before is None for future in done)
    with pytest.raises(Unavailable):
        store.submit_put(record("late"))
    again = IdentifierStore(tmp_path / "identity")
    assert again.count("88.118.1") == 500
    again.close()


def test_every_acknowledged_registration_outlives_a_kill(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
store = IdentifierStore(Path(sys.argv[1]))
def tell(number):
    return lambda done: sys.stdout.write(f"{number}\\n") and sys.stdout.flush()
n = 0
while True:
    futures = []
    for _ in range(100):
        n += 1
        futures.append(store.submit_put(Record(parse(f"88.118.1/{n}"), (Value(1, "N", b"x"),), 1, 1)))
        futures[-1].add_done_callback(tell(n))
    futures[-1].result()
"""
    path = tmp_path / "identity"
    writer = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = set()
    for line in writer.stdout:
        acknowledged.add(int(line))
        if len(acknowledged) == 1_000:
            os.kill(writer.pid, signal.SIGKILL)
            break
    acknowledged |= {int(line) for line in writer.stdout if line.endswith("\n")}
    writer.wait()
    writer.stdout.close()
    store = IdentifierStore(path)
    kept = {int(item.handle.suffix) for item in store.scan("88.118.1", limit=10**6)}
    assert acknowledged <= kept
    assert store.count("88.118.1") == len(kept) == store.last_change()
    store.close()
