"""Files dropped into a real folder: each row once, and what the gateway is told otherwise."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from gongfu.network.drivers.contract import BadConfiguration, DeviceUnavailable, Refusal
from gongfu.network.drivers.files import driver, folder
from gongfu.network.drivers.files.simulator import FileSimulator
from gongfu.network.drivers.surroundings import Surroundings, provide
from gongfu.network.gateway.config import DeviceConfig, TagConfig

START = 1_700_000_000
TAG = TagConfig(series=1, name="x", address="x")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root" / "acme").mkdir(parents=True)
    provide(Surroundings(positions=tmp_path / "positions.sqlite3", roots=(tmp_path / "root",)))
    return tmp_path / "root"


@pytest.fixture
def inbox(root: Path) -> FileSimulator:
    return FileSimulator(root / "acme" / "in")


def device(*tags: TagConfig, **options: object) -> DeviceConfig:
    return DeviceConfig(
        device=1,
        org=1,
        org_code="acme",
        name="tester",
        driver="files",
        options={"folder": "in", "time": "t", "steady": 0, "zone": "UTC", **options},  # type: ignore[dict-item]
        interval=0.02,
        tags=list(tags or (TAG,)),
    )


def rows(first: int, count: int) -> str:
    return "".join(f"{START + n},{n}\n" for n in range(first, first + count))


def values(recorder, series: int = 1) -> list[object]:
    return [sample.value for sample in recorder.of(series)]


async def settled(recorder, count: int) -> None:
    """Until ``count`` samples are there, and a little longer, to see whether more come."""
    await recorder.until(lambda: len(recorder.samples) >= count, 20)
    await asyncio.sleep(0.1)


async def test_each_row_of_each_file_arrives_once_with_its_time_also_after_a_restart(recorder, running, inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 3))
    for count in (3, 5, 5):
        async with running(driver, device(), recorder):
            await settled(recorder, count)
        inbox.drop("b.csv", "t,x\n" + rows(3, 2))
    assert values(recorder) == [0, 1, 2, 3, 4]
    assert recorder.samples[4].time == (START + 4) * 1_000_000
    assert recorder.complaints == []


async def test_a_file_whose_rows_the_bus_did_not_take_is_read_again(recorder, running, inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 3))
    take = recorder.emit_acknowledged

    async def fail(samples) -> None:
        raise BrokenPipeError("the bus is away")

    recorder.emit_acknowledged = fail
    with pytest.raises(BrokenPipeError):
        await driver.run(device(after="delete"), recorder)
    assert (inbox.folder / "a.csv").exists()
    recorder.emit_acknowledged = take
    async with running(driver, device(after="delete"), recorder):
        await recorder.until(lambda: not (inbox.folder / "a.csv").exists())
    assert values(recorder) == [0, 1, 2]


async def test_a_file_is_left_alone_until_it_no_longer_changes(recorder, running, inbox) -> None:
    inbox.append("a.csv", "t,x\n")
    async with running(driver, device(steady=1.5), recorder):
        for n in range(10):
            inbox.append("a.csv", rows(n, 1))
            await asyncio.sleep(0.03)
        inbox.append("a.csv", f"{START + 10},10")  # without an end of line
        await settled(recorder, 11)
    assert len(recorder.batches) == 1
    assert values(recorder) == list(range(11))


async def test_a_file_with_marker_is_read_when_the_marker_is_there(recorder, running, inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 2))
    async with running(driver, device(ready="marker", after="move"), recorder):
        await asyncio.sleep(0.1)
        assert recorder.samples == []
        (inbox.folder / "a.csv.done").touch()
        await recorder.until((inbox.folder / "done" / "a.csv.done").exists)
    assert sorted(path.name for path in inbox.folder.iterdir()) == ["done"]
    assert values(recorder) == [0, 1]


async def test_moved_files_do_not_overwrite_each_other(recorder, running, inbox) -> None:
    async with running(driver, device(after="move"), recorder):
        for n in range(3):
            inbox.drop("a.csv", "t,x\n" + rows(n, 1))
            await recorder.until(lambda: len(recorder.samples) > n and not (inbox.folder / "a.csv").exists())  # noqa: B023
    assert sorted(path.name for path in (inbox.folder / "done").iterdir()) == ["a.csv", "a.csv.1", "a.csv.2"]


async def test_a_growing_file_is_read_by_whole_lines_and_through_rotations(recorder, running, inbox) -> None:
    options = {"ready": "tail", "pattern": "log.csv", "header": False, "columns": "t,x"}
    written = 0
    for life in range(3):
        async with running(driver, device(**options), recorder):
            for _ in range(20):
                line = rows(written, 1)
                inbox.append("log.csv", line[:7])
                await asyncio.sleep(0.005)
                inbox.append("log.csv", line[7:])
                written += 1
                if written % 15 == 0:
                    await settled(recorder, written)
                    inbox.append("log.csv", rows(written, 1))  # nobody has seen this one when it is renamed
                    written += 1
                    inbox.rotate("log.csv")
            await settled(recorder, written if life != 1 else 0)
        inbox.append("log.csv", rows(written, 1))
        inbox.rotate("log.csv")
        written += 1
    async with running(driver, device(**options), recorder):
        await settled(recorder, written)
    assert values(recorder) == list(range(written))
    assert recorder.complaints == []


async def test_a_file_that_is_written_anew_is_read_anew(recorder, running, inbox) -> None:
    async with running(driver, device(ready="tail"), recorder):
        inbox.append("a.csv", "t,x\n" + rows(0, 50))
        await settled(recorder, 50)
        (inbox.folder / "a.csv").write_text("t,x\n" + rows(100, 3))  # shorter, the same file
        await settled(recorder, 53)
        (inbox.folder / "a.csv").write_text("x,t\n" + "".join(f"{n},{START + n}\n" for n in range(200, 300)))  # longer
        await settled(recorder, 153)
    assert values(recorder) == [*range(50), *range(100, 103), *range(200, 300)]


async def test_a_renamed_file_is_not_read_again(recorder, running, inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 3))
    async with running(driver, device(), recorder):
        await settled(recorder, 3)
        (inbox.folder / "a.csv").rename(inbox.folder / "b.csv")
        inbox.drop("a.csv", "t,x\n" + rows(3, 3))
        await settled(recorder, 6)
    assert values(recorder) == list(range(6))


async def test_rows_without_a_time_stay_apart_and_come_with_the_same_time_again(recorder, running, inbox) -> None:
    path = inbox.drop("a.csv", "x\n1\n2\n3\n")
    os.utime(path, (START, START))
    async with running(driver, device(time=""), recorder):
        await settled(recorder, 3)
    assert [sample.time for sample in recorder.samples] == [START * 1_000_000 + line for line in (2, 3, 4)]


async def test_bad_rows_are_reported_and_the_rest_is_kept(recorder, running, inbox) -> None:
    text = f"t,x\n{START},1\nyesterday,2\n{START + 2}\n{START + 3},abc\n{START + 4},\n"
    inbox.drop("a.csv", text.encode() + b"\xff\xfe\xff,9\n" + b'"open,6\n' + rows(7, 1).encode() + b"y" * 300_000)
    inbox.drop("b.csv", "when,x\n1,2\n")
    inbox.drop("c.csv", "t,y\n" + rows(20, 1))
    inbox.drop("d.csv", b"\x00\x01\x02" * 100)
    inbox.drop("e.csv", "t,x\n" + rows(30, 1))
    async with running(driver, device(after="delete"), recorder):
        await settled(recorder, 4)
    assert values(recorder) == [1, None, 7, 30]
    said = "\n".join(recorder.complaints)
    for words in (
        "a.csv: Line 3: 'yesterday' in the column t is not a time",
        "a.csv: Line 4 has 1 cells instead of 2",
        "a.csv: Line 7 is not text in utf-8",
        "b.csv: There is no column t for the time; there are when, x",
        "c.csv: there is no column x for x",
    ):
        assert words in said
    assert sorted(path.name for path in inbox.folder.iterdir()) == ["b.csv", "d.csv"]


async def test_tall_tables_decimal_commas_foreign_times_and_fixed_text(recorder, running, inbox) -> None:
    tags = [TagConfig(series=n, name=name, address=f"value@tag={name}") for n, name in enumerate(("a", "b"))]
    inbox.drop(
        "a.txt", "a report\n\nwhen\ttag\tvalue\n22.11.2023 14:33:44\ta\t1.234,5\n22.11.2023 14:33:45\tb\t-7,25\n"
    )
    options = {"delimiter": "\\t", "decimal": ",", "skip": 2, "time": "when", "time_format": "%d.%m.%Y %H:%M:%S"}
    async with running(driver, device(*tags, pattern="*.txt", **options, zone="Asia/Shanghai"), recorder):
        await settled(recorder, 2)
    assert [(s.series, s.value, s.time // 1_000_000) for s in recorder.samples] == [
        (0, 1234.5, 1_700_634_824),
        (1, -7.25, 1_700_634_825),
    ]
    recorder.batches.clear()
    inbox.drop("f.dat", f"{START}  run 12.5\n{START + 1}  stop 3\n")
    tags = [TagConfig(series=1, name="s", address="s", kind="text"), TagConfig(series=2, name="v", address="v")]
    options = {"format": "fixed", "columns": "t:1-10, s:12-16, v:17-30", "pattern": "*.dat"}
    async with running(driver, device(*tags, **options), recorder):
        await settled(recorder, 4)
    assert [s.value for s in recorder.samples] == ["run", 12.5, "stop", 3]


async def test_json_lines_and_parquet(recorder, running, inbox) -> None:
    inbox.drop("a.jsonl", b'{"t": %d, "d": {"x": 1}}\nbroken\n\n{"t": %d, "d": {"x": 2}}' % (START, START + 1))
    tag = TagConfig(series=1, name="x", address="/d/x")
    async with running(driver, device(tag, format="jsonl", pattern="*.jsonl", time="/t"), recorder):
        await settled(recorder, 2)
    assert values(recorder) == [1, 2]
    assert len(recorder.complaints) == 1
    recorder.batches.clear()
    count = 25_000
    table = pyarrow.table({"t": [START + n for n in range(count)], "x": [float(n) for n in range(count)]})
    parquet.write_table(table, inbox.folder / "p.parquet", row_group_size=15_000)
    inbox.drop("q.parquet", b"PAR1 rubbish PAR1")
    for _ in range(2):
        async with running(driver, device(format="parquet", pattern="*.parquet"), recorder):
            await settled(recorder, count)
    assert values(recorder) == [float(n) for n in range(count)]
    assert any("q.parquet: The file is not Parquet" in complaint for complaint in recorder.complaints)


async def test_a_large_file_is_read_in_parts_and_goes_on_where_it_stopped(recorder, running, inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 120_000))
    async with running(driver, device(), recorder):
        await recorder.until(lambda: recorder.batches)
    first = len(recorder.batches)
    assert 0 < len(recorder.samples) < 120_000
    async with running(driver, device(), recorder):
        await recorder.until(lambda: recorder.samples[-1].value == 119_999, 20)
        await asyncio.sleep(0.1)
    again = recorder.batches[first]
    # Cut between the acknowledgement and the note of it, that part comes again with the times it had; nothing else.
    if again == recorder.batches[first - 1]:
        del recorder.batches[first]
    assert values(recorder) == list(range(120_000))


async def test_files_of_others_cannot_be_reached(recorder, running, inbox, root, tmp_path) -> None:
    (root / "rival").mkdir()
    (root / "rival" / "s.csv").write_text("t,x\n" + rows(0, 1))
    (root / "acme" / "out").symlink_to(root / "rival")
    for path in ("../rival", "/etc", str(root / "rival"), "out", "in/../../rival", str(tmp_path), "a\x00b"):
        with pytest.raises(BadConfiguration, match="outside the folder of your organisation"):
            await driver.run(device(folder=path), recorder)
    (inbox.folder / "link.csv").symlink_to(root / "rival" / "s.csv")
    os.mkfifo(inbox.folder / "pipe.csv")
    inbox.drop("a.csv", "t,x\n" + rows(5, 1))
    async with running(driver, device(), recorder):
        await settled(recorder, 1)
    assert values(recorder) == [5]
    assert recorder.complaints == ["link.csv: links are not followed"]
    provide(Surroundings())
    with pytest.raises(BadConfiguration, match="may not read files"):
        await driver.run(device(), recorder)


async def test_a_folder_that_is_not_there_is_unavailable_and_read_when_it_is(recorder, running, inbox) -> None:
    with pytest.raises(DeviceUnavailable, match="The folder later cannot be read: No such file"):
        await driver.run(device(folder="later"), recorder)
    FileSimulator(inbox.folder.parent / "later").drop("a.csv", "t,x\n" + rows(0, 1))
    async with running(driver, device(folder="later"), recorder):
        await settled(recorder, 1)


async def test_a_share_that_hangs_is_unavailable_in_time_and_blocks_nobody(
    recorder, running, inbox, monkeypatch
) -> None:
    import threading

    release = threading.Event()
    monkeypatch.setattr(folder.Folder, "list", lambda *_: release.wait(30))
    with pytest.raises(DeviceUnavailable, match="did not answer within"):
        await asyncio.wait_for(driver.run(device(timeout=0.1), recorder), 10)
    release.set()


async def test_a_full_disk_is_told_and_nothing_is_lost(recorder, running, inbox, monkeypatch) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 2))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(folder.Folder, "move", full)
        async with running(driver, device(after="move"), recorder):
            await recorder.until(lambda: recorder.complaints)
            await settled(recorder, 2)
    assert recorder.complaints == ["a.csv is read, but cannot be put away: No space left on device"]
    async with running(driver, device(after="move"), recorder):
        await recorder.until((inbox.folder / "done" / "a.csv").exists)
    assert values(recorder) == [0, 1]


async def test_positions_that_cannot_be_stored_make_the_device_unavailable(recorder, inbox, root, tmp_path) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 2))
    (tmp_path / "file").touch()
    provide(Surroundings(positions=tmp_path / "file" / "p.sqlite3", roots=(root,)))
    with pytest.raises(DeviceUnavailable, match="How far the device was read cannot be stored"):
        await driver.run(device(), recorder)


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "utf-16"},
        {"encoding": "nothing"},
        {"delimiter": ""},
        {"delimiter": ";;"},
        {"pattern": "../*"},
        {"move_to": ".."},
        {"header": False},
        {"format": "fixed", "columns": "a:9-1"},
        {"ready": "tail", "after": "delete"},
        {"zone": "Mars"},
        {"time_format": "%Q"},
    ],
)
async def test_options_that_cannot_work_are_refused(recorder, inbox, options: dict[str, object]) -> None:
    with pytest.raises(BadConfiguration):
        await asyncio.wait_for(driver.run(device(**options), recorder), 5)


async def test_a_session_shows_columns_and_the_last_values(inbox) -> None:
    inbox.drop("a.csv", "t,x\n" + rows(0, 90_000))
    async with driver.open_session(device()) as session:
        assert [(p.address, p.folder) for p in await session.browse("")] == [("a.csv", True)]
        assert [p.address for p in await session.browse("a.csv")] == ["t", "x"]
        assert [s.value for s in await session.read([TAG, TagConfig(series=2, name="y", address="y")])] == [
            89_999,
            None,
        ]
        with pytest.raises(Refusal):
            await session.write(TAG, 1)
