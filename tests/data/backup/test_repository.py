"""A repository: what goes in comes out, once, and whatever is changed, missing or torn is noticed."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gongfu.data.backup import checking, keeping, repository, wire
from gongfu.data.backup.collecting import Collector
from gongfu.data.backup.errors import Damaged, WrongKey
from gongfu.data.backup.keeping import Policy
from gongfu.data.backup.repository import Repository
from gongfu.data.backup.restoring import _relative
from gongfu.data.backup.targets.folder import Folder
from gongfu.data.backup.wire import Mark, Snapshot
from gongfu.data.backup.writing import Writer
from gongfu.identity.escrow import recovery
from gongfu.kernel.errors import Conflict, Forbidden, GongfuError, Invalid, NotFound, Unavailable

KEY = b"k" * 32


def quiet(*_: object) -> None:
    """Told of progress."""


class Rig:
    """A repository in a folder, written by one node."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.target = Folder(base / "backups")
        opened, self.text = repository.found(self.target, node="a", owner="me", data_key=KEY)
        opened.close()
        self.source = base / "source"
        self.source.mkdir()

    def open(self) -> Repository:
        opened = repository.open_own(self.target, owner="me", data_key=KEY)
        opened.load_index()
        return opened

    def file(self, name: str, content: bytes, *, old: bool = True) -> None:
        path = self.source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if old:  # long ago, so that it may be trusted not to change within a tick
            os.utime(path, (1_700_000_000, 1_700_000_000))

    def take(self, moment: int | None = None) -> Mark:
        opened = self.open()
        numbers = opened.numbers()
        writer = Writer(opened, (numbers[-1] if numbers else 0) + 1)
        try:
            collector = Collector(opened, writer, opened.latest(), quiet)
            for path in sorted(self.source.rglob("*")):
                if path.is_file():
                    collector.add(path, f"files/{path.relative_to(self.source).as_posix()}")
            snapshot = Snapshot(
                number=(numbers[-1] if numbers else 0) + 1,
                moment=moment or time.time_ns(),
                ended=time.time_ns(),
                node="a",
                version="1",
                files=collector.files(),
            )
            last = self.target.get(repository.mark_name(numbers[-1])) if numbers else b""
            return writer.finish(snapshot, wire.digest(last) if last else "")
        except BaseException:
            writer.abandon()
            raise

    def read(self, number: int) -> dict[str, bytes]:
        opened = self.open()
        return {file.path: b"".join(opened.read_file(file)) for file in opened.snapshot(number).files}

    def packs(self) -> list[Path]:
        return sorted(path for path in (self.base / "backups" / "packs").rglob("*") if path.is_file())


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_every_file_comes_back_octet_by_octet(rig: Rig) -> None:
    contents = {
        "empty": b"",
        "small": b"abc",
        "text": b"gongfu " * 100_000,
        "large": secrets.token_bytes(wire.LARGEST + 17),
        "deep/er/名字": "内容".encode(),
    }
    for name, content in contents.items():
        rig.file(name, content)
    made = rig.take()
    assert rig.read(1) == {f"files/{name}": content for name, content in contents.items()}
    assert made.octets == sum(map(len, contents.values()))
    stored = b"".join(path.read_bytes() for path in rig.packs())
    assert b"gongfu gongfu" not in stored  # compressed and encrypted


def test_what_did_not_change_is_not_written_again(rig: Rig) -> None:
    rig.file("a", secrets.token_bytes(300_000))
    rig.file("b", secrets.token_bytes(300_000))
    first = rig.take()
    rig.file("b", secrets.token_bytes(1000), old=False)
    rig.file("copy of a", (rig.source / "a").read_bytes())
    second = rig.take()
    assert first.added > 600_000
    assert second.added < 5_000
    assert set(rig.read(2)) == {"files/a", "files/b", "files/copy of a"}
    assert len(rig.read(1)["files/b"]) == 300_000


def test_a_file_that_kept_its_length_and_its_time_within_one_tick_is_read_again(rig: Rig) -> None:
    rig.file("a", b"one", old=False)
    rig.take()
    found = (rig.source / "a").stat()
    with (rig.source / "a").open("r+b") as file:
        file.write(b"two")
    os.utime(rig.source / "a", ns=(found.st_atime_ns, found.st_mtime_ns))
    rig.take()
    assert rig.read(2) == {"files/a": b"two"}


def test_only_the_recovery_text_opens_it_elsewhere(rig: Rig) -> None:
    rig.file("a", b"secret")
    rig.take()
    opened, data_key = repository.open_with(rig.target, recovery.read(rig.text))
    assert data_key == KEY
    assert opened.latest() is not None
    _, other = recovery.generate()
    with pytest.raises(WrongKey, match="does not open the backups"):
        repository.open_with(rig.target, recovery.read(other))
    with pytest.raises(Forbidden, match="are those of node a"):
        repository.open_own(rig.target, owner="another", data_key=KEY)
    with pytest.raises(Conflict):
        repository.found(rig.target, node="b", owner="b", data_key=KEY)
    with pytest.raises(NotFound, match="no backups in"):
        repository.read_head(Folder(rig.base / "nothing"))


def flip(path: Path) -> None:
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.write_bytes(octets)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink], ids=["bit", "torn", "gone"])
def test_a_damaged_pack_is_named_and_written_anew_by_the_next_backup(rig: Rig, damage: Callable[[Path], None]) -> None:
    rig.file("a", secrets.token_bytes(50_000))
    rig.take()
    pack = rig.packs()[0]
    damage(pack)
    with pytest.raises(Damaged, match=r"Pack [0-9a-f]{64} is missing or was changed"):
        rig.read(1)
    opened = rig.open()
    verdict = checking.verify(opened, quiet)
    assert not verdict.good
    assert verdict.damaged_packs == [pack.name]
    assert list(verdict.damaged_snapshots) == [1]
    assert "files/a" in verdict.damaged_snapshots[1]
    keeping.disown(opened, set(verdict.damaged_packs))
    rig.take()
    assert len(rig.read(2)["files/a"]) == 50_000
    keeping.prune(rig.open(), Policy(1, 0))
    assert checking.verify(rig.open(), quiet, deep=True).good


@pytest.mark.parametrize("part", ["snapshots/000000001.json", "snapshots/000000001.body"])
def test_a_changed_list_of_files_is_noticed(rig: Rig, part: str) -> None:
    rig.file("a", b"content")
    rig.take()
    flip(rig.base / "backups" / part)
    with pytest.raises(Damaged):
        rig.open().snapshot(1)
    assert list(checking.verify(rig.open(), quiet).damaged_snapshots) == [1]


def test_a_snapshot_put_in_the_place_of_another_is_noticed(rig: Rig) -> None:
    for n in range(3):
        rig.file("a", bytes([n]), old=False)
        rig.take()
    folder = rig.base / "backups" / "snapshots"
    for kind in ("json", "body"):
        (folder / f"000000002.{kind}").write_bytes((folder / f"000000001.{kind}").read_bytes())
    with pytest.raises(Damaged, match="snapshot 2"):
        rig.open().snapshot(2)
    assert set(checking.verify(rig.open(), quiet).damaged_snapshots) == {2, 3}


def test_a_backup_that_was_cut_off_leaves_no_snapshot_and_the_next_uses_what_is_there(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gongfu.data.backup.writing.PACK_OCTETS", 100_000)
    monkeypatch.setattr("gongfu.data.backup.writing.INDEX_EVERY", 1)
    for n in range(8):
        rig.file(f"{n}", secrets.token_bytes(120_000))
    opened = rig.open()
    writer = Writer(opened, 1)
    collector = Collector(opened, writer, None, quiet)
    for n in range(6):
        collector.add(rig.source / str(n), f"files/{n}")
    collector.files()  # six packs are written; then the process is killed: nothing below runs
    assert rig.open().numbers() == []
    made = rig.take()
    assert made.added < 350_000
    assert len(rig.read(1)) == 8
    writer.abandon()


def test_a_full_disk_fails_the_backup_and_keeps_the_last_one(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.file("a", b"good")
    rig.take()
    real = os.fsync

    def full(handle: int) -> None:
        if os.fstat(handle).st_size > 5_000:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    rig.file("b", secrets.token_bytes(100_000))
    with pytest.raises(Unavailable, match="no room left"):
        rig.take()
    monkeypatch.undo()
    assert rig.open().numbers() == [1]
    assert rig.read(1) == {"files/a": b"good"}
    assert not list((rig.base / "backups").rglob(".*"))
    rig.take()
    assert checking.verify(rig.open(), quiet, deep=True).good


def test_a_file_that_grows_while_it_is_read_is_taken_and_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.file("log", b"x" * 10)
    opened = rig.open()
    writer = Writer(opened, 1)
    collector = Collector(opened, writer, None, quiet)
    real = writer.add

    def add(plain: bytes) -> object:
        with (rig.source / "log").open("ab") as file:
            file.write(b"y")
        return real(plain)

    monkeypatch.setattr(writer, "add", add)
    collector.add(rig.source / "log", "files/log")
    (file,) = collector.files()
    writer.abandon()
    assert collector.notes == ["files/log"]
    assert file.size == 12


def test_memory_on_the_way_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gongfu.data.backup.writing.IN_FLIGHT", 1000)
    gate = threading.Event()
    real = wire.seal
    monkeypatch.setattr(wire, "seal", lambda *a: (gate.wait(10), real(*a))[1])
    writer = Writer(rig.open(), 1)
    added: list[int] = []

    def work() -> None:
        for n in range(5):
            writer.add(bytes([n]) * 400)
            added.append(n)

    thread = threading.Thread(target=work)
    thread.start()
    deadline = time.monotonic() + 5
    while len(added) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert added == [0, 1]  # the third would be beyond the bound
    gate.set()
    thread.join(10)
    assert len(added) == 5
    writer.abandon()


def mark_of(number: int, day: int) -> Mark:
    moment = (1_760_000_000 + day * 86_400) * 10**9
    return Mark(
        number=number, moment=moment, ended=moment, version="1", files=0, octets=0, added=0, body="0" * 64, previous=""
    )


def test_the_newest_stay_and_one_of_each_day() -> None:
    marks = [mark_of(n, n // 4) for n in range(1, 41)]
    assert keeping.kept(marks, Policy(3, 4)) == {40, 39, 38, 35, 31}
    assert keeping.kept(marks, Policy(1, 0)) == {40}
    assert keeping.kept(marks, Policy(0, 0)) == {40}  # never the last one


def test_a_clock_that_was_set_back_makes_no_snapshot_older() -> None:
    marks = [mark_of(1, 10), mark_of(2, 11), mark_of(3, 2)]
    assert 3 in keeping.kept(marks, Policy(1, 0))
    assert keeping.age(mark_of(1, 10), now_ns=0) == 0.0


def test_pruning_removes_what_only_old_snapshots_needed(rig: Rig) -> None:
    for _ in range(5):
        rig.file("changing", secrets.token_bytes(50_000), old=False)
        rig.file("kept", b"kept" * 1000)
        rig.take()
    done = keeping.prune(rig.open(), Policy(2, 0))
    assert done.snapshots == [1, 2, 3]
    assert done.packs == 2  # the first also has what is kept
    assert rig.open().numbers() == [4, 5]
    assert checking.verify(rig.open(), quiet, deep=True).good
    rig.file("changing", b"new")
    rig.take()
    assert rig.read(6)["files/kept"] == b"kept" * 1000


def test_pruning_that_is_killed_at_any_step_leaves_a_good_repository(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    for step in range(12):
        rig = Rig(tmp_path / str(step) if (tmp_path / str(step)).mkdir() is None else tmp_path)
        for _ in range(3):
            rig.file("changing", secrets.token_bytes(2_000), old=False)
            rig.take()
        opened = rig.open()
        left = step
        real_put, real_delete = rig.target.put, rig.target.delete

        def counted(call: Callable[..., None]) -> Callable[..., None]:
            def work(*args: object, **named: object) -> None:
                nonlocal left
                if left == 0:
                    raise Killed
                left -= 1
                call(*args, **named)

            return work

        rig.target.put, rig.target.delete = counted(real_put), counted(real_delete)  # type: ignore[method-assign]
        try:
            keeping.prune(opened, Policy(1, 0))
        except Killed:
            pass
        finally:
            rig.target.put, rig.target.delete = real_put, real_delete  # type: ignore[method-assign]
        rig.take()
        assert checking.verify(rig.open(), quiet, deep=True).good, step


@given(st.binary(max_size=300))
@hypothesis_settings(max_examples=150, deadline=None)
def test_octets_of_anybody_are_refused_not_believed(octets: bytes) -> None:
    keys = wire.derive(KEY, "0" * 16)
    for call in (
        lambda: wire.unseal(keys, octets, b"x"),
        lambda: wire.decode(keys, octets, "index/1", wire.Index),
        lambda: wire.read_mark(keys, octets, 1),
        lambda: wire.read_head(octets),
    ):
        with pytest.raises(GongfuError):
            call()


@given(st.binary(max_size=5000))
@hypothesis_settings(max_examples=50, deadline=None)
def test_what_is_sealed_opens_only_in_its_place(plain: bytes) -> None:
    keys = wire.derive(KEY, "0" * 16)
    sealed = wire.seal(keys, plain, b"here")
    assert wire.unseal(keys, sealed, b"here") == plain
    with pytest.raises(Damaged):
        wire.unseal(keys, sealed, b"there")


@pytest.mark.parametrize("name", ["files/../../etc/passwd", "/etc/passwd", "files", "other/x", "store/../x"])
def test_no_path_of_a_backup_leads_out_of_the_new_home(name: str) -> None:
    with pytest.raises(Damaged):
        _relative(name)


def test_unknown_formats_are_named() -> None:
    with pytest.raises(Invalid, match="newer program"):
        wire.read_head(b'{"format":2,"series":"0000000000000000","node":"a","owner":"b","recipients":[]}')
