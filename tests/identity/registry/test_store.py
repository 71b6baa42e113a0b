"""Identifiers are kept, found, counted, and survive a full disk and a killed writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore, open_store
from gongfu.kernel.errors import Conflict, Invalid, Unavailable


def record(handle: str, *, data: bytes = b"x", at: int = 1) -> Record:
    return Record(parse(handle), (Value(1, "URL", data),), at, at)


def written(store: IdentifierStore, *handles: str) -> None:
    store.put_many(record(handle) for handle in handles)


def listed(found: list[Record]) -> list[str]:
    return [str(item.handle) for item in found]


def test_an_identifier_is_found_under_any_case_and_shown_as_registered(store: IdentifierStore) -> None:
    assert store.put(record("88.118.1/Cnc-01"))
    found = store.get(parse("88.118.1/CNC-01"))
    assert found is not None
    assert str(found.handle) == "88.118.1/Cnc-01"


def test_an_identifier_nobody_registered_is_none(store: IdentifierStore) -> None:
    assert store.get(parse("88.118.1/x")) is None
    assert store.lookup(b"88.118.1/" + b"X" * 2000) == (False, None)


def test_registering_twice_is_a_conflict_and_replacing_is_not_new(store: IdentifierStore) -> None:
    written(store, "88.118.1/a")
    with pytest.raises(Conflict, match=r"88\.118\.1/A"):
        store.put(record("88.118.1/A"), replace=False)
    assert not store.put(record("88.118.1/A", data=b"new"))
    assert store.get(parse("88.118.1/a")).text("URL") == "new"  # type: ignore[union-attr]
    assert store.count("88.118.1") == 1


def test_a_batch_with_one_conflict_registers_nothing(store: IdentifierStore) -> None:
    written(store, "88.118.1/b")
    with pytest.raises(Conflict):
        store.put_many([record("88.118.1/a"), record("88.118.1/b"), record("88.118.1/c")], replace=False)
    assert listed(store.scan("88.118.1")) == ["88.118.1/b"]
    assert store.count("88.118.1") == 1


def test_a_list_stays_within_its_prefix_and_pages_without_gap_or_repetition(store: IdentifierStore) -> None:
    mine = [f"88.118.1/{number:03}" for number in range(25)]
    written(store, *mine, "88.118.10/000", "88.118.2/000", "88.118/000")
    seen: list[str] = []
    after = None
    while page := store.scan("88.118.1", after=after, limit=10):
        seen += listed(page)
        after = page[-1].handle
    assert seen == mine
    assert store.count("88.118.1") == 25


def test_a_list_can_be_narrowed_to_how_the_suffix_starts(store: IdentifierStore) -> None:
    written(store, "88.118.1/CNC-01", "88.118.1/cnc-02", "88.118.1/ROB-01")
    assert listed(store.scan("88.118.1", starting="cnc")) == ["88.118.1/CNC-01", "88.118.1/cnc-02"]
    assert listed(store.scan("88.118.1", starting="CNC", after=parse("88.118.1/cnc-01"))) == ["88.118.1/cnc-02"]
    assert store.scan("88.118.1", starting="Z") == []


def test_a_removed_identifier_is_gone_and_no_longer_counted(store: IdentifierStore) -> None:
    written(store, "88.118.1/a", "88.118.1/b")
    assert store.delete(parse("88.118.1/A"))
    assert not store.delete(parse("88.118.1/A"))
    assert listed(store.scan("88.118.1")) == ["88.118.1/b"]
    assert store.count("88.118.1") == 1


def test_prefixes_are_homed_and_let_go(store: IdentifierStore) -> None:
    store.home("88.118.1")
    store.home("88.118.Abc")
    assert store.prefixes() == ["88.118.1", "88.118.Abc"]
    assert store.lookup(b"88.118.ABC/X") == (True, None)
    store.unhome("88.118.1")
    assert store.prefixes() == ["88.118.Abc"]


@pytest.mark.parametrize(
    "values",
    [
        (),
        (Value(0, "URL", b""),),
        (Value(1, "URL", b""), Value(1, "N", b"")),
        (Value(1, "", b""),),
        (Value(1, "URL", bytes(262_144)),),
        (Value(2**32, "URL", b""),),
        (Value(1, "URL", b"", ttl=-1),),
        tuple(Value(index, "N", b"") for index in range(1, 2_050)),
    ],
)
def test_values_that_no_answer_could_carry_are_refused(store: IdentifierStore, values: tuple[Value, ...]) -> None:
    with pytest.raises(Invalid):
        store.put(Record(parse("88.118.1/a"), values, 1, 1))
    assert store.count("88.118.1") == 0


def test_the_store_grows_when_its_map_is_full(tmp_path: Path) -> None:
    store = IdentifierStore(tmp_path / "small", map_size=2**20)
    for number in range(40):
        store.put(record(f"88.118.1/{number}", data=bytes(100_000)))
    assert store.count("88.118.1") == 40
    store.close()


def test_a_store_that_may_not_grow_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongfu.identity.registry.environment.LARGEST_MAP", 2**20)
    store = IdentifierStore(tmp_path / "small", map_size=2**20)
    written(store, "88.118.1/kept")
    batch = [record(f"88.118.1/{number}", data=bytes(100_000)) for number in range(40)]
    with pytest.raises(Unavailable, match="room"):
        store.put_many(batch)
    assert store.count("88.118.1") == 1
    assert store.get(parse("88.118.1/kept")) is not None
    store.close()


HEAD = """
import sys
from pathlib import Path
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore
from gongfu.kernel.errors import Unavailable
store = IdentifierStore(Path(sys.argv[1]))
def put(n, size=10): store.put(Record(parse(f"88.118.1/{n}"), (Value(1, "URL", bytes(size)),), 1, 1))
"""


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", HEAD + code, path]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)


def test_a_full_disk_is_reported_and_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    # The kernel's limit on the size of a file stands in for the disk's end.
    result = run(
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, resource.RLIM_INFINITY))\n"
        "done = 0\n"
        "try:\n"
        "    while True:\n"
        "        put(done, 100_000); done += 1\n"
        "except Unavailable as error:\n"
        "    print(done, error)\n",
        tmp_path / "identity",
    )
    assert result.returncode == 0, result.stderr
    done, said = result.stdout.split(" ", 1)
    assert "room" in said
    assert int(done) > 5
    store = IdentifierStore(tmp_path / "identity")
    assert store.count("88.118.1") == int(done) == len(store.scan("88.118.1"))
    store.put(record("88.118.1/afterwards"))
    store.close()


def test_a_killed_writer_leaves_only_whole_batches_and_every_acknowledged_one(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    code = (
        "n = 0\n"
        "while True:\n"
        "    store.put_many(Record(parse(f'88.118.1/{n}-{i}'), (Value(1, 'URL', b'x'),), 1, 1) for i in range(50))\n"
        "    n += 1\n"
        "    print(n, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", HEAD + code, path], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = 0
    for line in writer.stdout:
        acknowledged = int(line)
        if acknowledged == 20:
            os.kill(writer.pid, signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout)])
    writer.wait()
    writer.stdout.close()
    store = IdentifierStore(path)
    kept = store.count("88.118.1")
    assert kept == len(store.scan("88.118.1", limit=10**6))
    assert kept % 50 == 0
    assert kept >= acknowledged * 50
    store.close()


def test_another_process_sees_what_was_written_even_after_the_store_grew(tmp_path: Path) -> None:
    path = tmp_path / "identity"
    reader = IdentifierStore(path, map_size=2**20)
    result = run("for n in range(30): put(n, 100_000)\n", path)
    assert result.returncode == 0, result.stderr
    assert reader.count("88.118.1") == 30
    assert len(reader.scan("88.118.1", limit=50)) == 30
    reader.close()


def test_threads_read_while_the_store_grows(tmp_path: Path) -> None:
    store = IdentifierStore(tmp_path / "identity", map_size=2**20)
    written(store, "88.118.1/first")
    ended = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not ended.wait(0.0005):
            found = store.get(parse("88.118.1/first"))
            if found is None or found.text("URL") != "x":
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(40):
        store.put(record(f"88.118.1/{number}", data=bytes(100_000)))
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong
    store.close()


def test_a_process_has_one_store_however_often_it_asks(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert open_store(tmp_path) is store
    store.close()
    again = open_store(tmp_path)
    assert again is not store
    again.close()


def test_a_store_that_cannot_be_opened_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("not a directory")
    with pytest.raises(Unavailable, match=r"identity.*write there"):
        IdentifierStore(tmp_path / "identity")
