"""A node that does not run: backed up, restored, and everything that can go wrong on the way back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gongfu.data.backup import restoring, work
from gongfu.data.backup.drill.node import _free_block
from gongfu.data.backup.errors import Busy, WrongKey
from gongfu.data.telemetry import schema
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.identity.escrow import recovery
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import IdentifierStore, open_store
from gongfu.kernel.errors import Conflict, NotFound, Unavailable
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import lock

ROWS = 1000


def quiet(*_: object) -> None:
    """Told of progress."""


class Place:
    """A node's home with one of everything, and backups of it."""

    def __init__(self, base: Path) -> None:
        self.base, self.home, self.copies = base, base / "home", str(base / "copies")
        first = _free_block(4)
        self.settings = Settings(
            home=self.home, supervisor_port=first, store_port=first + 1, bus_port=first + 2, language="en"
        )
        self.home.mkdir()
        database = sqlite3.connect(self.home / "db.sqlite3")
        database.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);"
            "INSERT INTO django_migrations VALUES (1, 'accounts', '0001_initial');"
            "CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('王工');"
        )
        database.close()
        (self.home / "files").mkdir()
        (self.home / "files" / "manual.pdf").write_bytes(os.urandom(300_000))
        (self.home / "files" / "latest").symlink_to("manual.pdf")
        (self.home / "gongfu.toml").write_text('node = "plant"\n')
        (self.home / "telemetry" / "cold").mkdir(parents=True)
        (self.home / "telemetry" / "cold" / "2026-01.parquet").write_bytes(b"PAR1")
        (self.home / "log").mkdir()
        (self.home / "log" / "web.log").write_text("not in it")
        store = open_store(self.home)
        store.put(Record(parse("88.1.2/A"), (Value(1, "URL", b"https://example.com"),), registered=1, modified=1))
        engine = EmbeddedEngine(self.home / "telemetry")
        schema.migrate(engine)
        engine.execute(
            "INSERT INTO readings (org, series, ts, value, quality, arrived) SELECT 1, 1,"
            f" toDateTime64('2026-03-01 00:00:00', 6, 'UTC') + number, number, 0, now() FROM numbers({ROWS})"
        )
        engine.close()
        self.text = work.begin(self.settings, self.copies)
        work.back_up(self.settings, self.copies, quiet)

    def restore(self, name: str, *, text: str = "") -> restoring.Restored:
        return work.restore(self.settings, self.copies, text or self.text, 0, self.base / name, quiet)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("node"))
    yield made
    open_store(made.home).close()


def check(home: Path) -> None:
    """Everything of :class:`Place` stands in ``home``."""
    assert sqlite3.connect(home / "db.sqlite3").execute("SELECT name FROM people").fetchall() == [("王工",)]
    assert (home / "files" / "latest").resolve() == (home / "files" / "manual.pdf").resolve()
    assert (home / "files" / "manual.pdf").stat().st_size == 300_000
    assert (home / "telemetry" / "cold" / "2026-01.parquet").read_bytes() == b"PAR1"
    assert not (home / "log").exists()
    store = IdentifierStore(home / "identity")
    found = store.get(parse("88.1.2/a"))
    store.close()
    assert found is not None
    engine = EmbeddedEngine(home / "telemetry")
    schema.migrate(engine)  # as the recorder does when it starts
    counted = engine.scalar("SELECT count() FROM readings FINAL")
    version = engine.scalar("SELECT max(version) FROM schema")
    engine.close()
    assert (counted, version) == (str(ROWS), str(schema.VERSION))
    assert not home.with_name(f"{home.name}.restoring").exists()


def test_everything_is_back(place: Place) -> None:
    place.restore("whole")
    check(place.base / "whole")


def test_a_home_in_which_something_stands_is_left_alone(place: Place) -> None:
    (place.base / "full").mkdir()
    (place.base / "full" / "db.sqlite3").write_bytes(b"mine")
    with pytest.raises(Conflict, match="is not empty"):
        place.restore("full")
    assert (place.base / "full" / "db.sqlite3").read_bytes() == b"mine"


def test_the_wrong_text_is_noticed_before_anything_is_written(place: Place) -> None:
    _, other = recovery.generate()
    with pytest.raises(WrongKey, match="does not open the backups"):
        place.restore("wrong", text=other)
    with pytest.raises(WrongKey, match="mistyped"):
        place.restore("wrong", text=place.text[:-1] + ("A" if place.text[-1] != "A" else "B"))
    assert not [path for path in place.base.iterdir() if path.name.startswith("wrong")]


def test_a_disk_without_room_is_noticed_before_anything_is_written(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_SPARE", 1 << 60)
    with pytest.raises(Unavailable, match="octets are needed"):
        place.restore("tight")
    assert not (place.base / "tight").exists()


def test_killed_in_the_middle_it_goes_on_when_called_again(place: Place) -> None:
    (place.base / "text").write_text(place.text)
    stopping = (
        "import os, signal, sys\n"
        "from gongfu.data.backup import restoring\n"
        "real, seen = restoring._write, []\n"
        "def write(*a):\n"
        "    real(*a); seen.append(1)\n"
        "    if len(seen) == 4: os.kill(os.getpid(), signal.SIGKILL)\n"
        "restoring._write = write\n"
        "sys.argv = ['gongfu', 'restore', *sys.argv[1:]]\n"
        "from gongfu.cli import main\n"
        "main()\n"
    )
    arguments = [place.copies, "--into", str(place.base / "killed"), "--recovery-file", str(place.base / "text")]
    environment = os.environ | {"GONGFU_HOME": str(place.base / "killed"), "GONGFU_LANGUAGE": "en"}
    done = subprocess.run([sys.executable, "-c", stopping, *arguments], env=environment, check=False, timeout=100)
    assert done.returncode == -signal.SIGKILL
    assert not (place.base / "killed").exists()
    partial = place.base / "killed.restoring"
    written = {path: path.stat().st_ino for path in partial.rglob("*") if path.is_file() and path.name[0] != "."}
    assert len(written) >= 3
    place.restore("killed")
    kept = [path for path in written if (place.base / "killed" / path.relative_to(partial)).exists()]
    assert kept
    assert all((place.base / "killed" / path.relative_to(partial)).stat().st_ino == written[path] for path in kept)
    check(place.base / "killed")


def test_two_backups_at_once_are_refused(place: Place) -> None:
    with lock.hold(place.home / "run" / "backup.lock"), pytest.raises(Busy, match="at work already"):
        work.back_up(place.settings, place.copies, quiet)


def test_records_written_during_the_backup_wait_and_nothing_is_torn(place: Place) -> None:
    database = sqlite3.connect(place.home / "db.sqlite3", timeout=20, isolation_level=None, check_same_thread=False)
    database.execute("CREATE TABLE IF NOT EXISTS pairs (a INTEGER, b INTEGER)")
    stop = threading.Event()

    def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO pairs (a) VALUES (?)", (n,))
            database.execute("UPDATE pairs SET b = a WHERE a = ?", (n,))
            database.execute("COMMIT")
            time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        made = work.back_up(place.settings, place.copies, quiet)
    finally:
        stop.set()
        thread.join()
    database.close()
    assert made.number >= 2
    place.restore("pairs")
    rows = sqlite3.connect(place.base / "pairs" / "db.sqlite3").execute("SELECT a, b FROM pairs").fetchall()
    assert all(a == b for a, b in rows)
    check(place.base / "pairs")


def test_a_folder_without_a_node_is_no_node(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no node"):
        work.back_up(Settings(home=tmp_path), str(tmp_path / "copies"), quiet)
