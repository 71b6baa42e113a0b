"""The drill itself: load, backups, disaster, restoration, count."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gongfu.data.backup.drill.load import Acknowledged, Load
from gongfu.data.backup.drill.node import DrillNode
from gongfu.kernel.store import StoreClient

_CATCH_UP: Final = 60.0
_SHOWN: Final = 20

Tell = Callable[[str], None]


class Counted(msgspec.Struct, frozen=True):
    """One kind of thing. ``before`` were acknowledged before the moment of the last backup, ``lost`` of them are not
    there; ``after`` came between that and the disaster, ``gone`` of them are not there: what an RPO means."""

    kind: str
    before: int
    lost: int
    after: int
    gone: int


class Took(msgspec.Struct, frozen=True):
    """One backup of the drill."""

    number: int
    octets: int
    added: int
    took_s: float


class Outcome(msgspec.Struct, frozen=True):
    """What the drill found. Seconds."""

    rpo_s: float
    """Age of the last backup when the node was destroyed."""
    rto_s: float
    """From the command to restore to the moment when every process was ready and every count was right."""
    restore_s: float
    start_s: float
    counted: list[Counted]
    doubled: int
    """Readings that are in the store twice."""
    backups: list[Took]
    killed: int
    missing: list[str]

    @property
    def good(self) -> bool:
        """Whether everything acknowledged before the last backup is there, once."""
        return not any(one.lost for one in self.counted) and not self.doubled


def drill(folder: Path | None, seconds: float, place: str, tell: Tell) -> Outcome:
    """Run it below ``folder`` (default: the system's for temporary files), ``seconds`` of load before each backup."""
    base = Path(tempfile.mkdtemp(prefix="gongfu-drill-", dir=folder))
    node = DrillNode(base / "home")
    try:
        return _drill(node, base, seconds, place or str(base / "backups"), tell)
    finally:
        node.stop()
        shutil.rmtree(base, ignore_errors=True)


def _drill(node: DrillNode, base: Path, seconds: float, place: str, tell: Tell) -> Outcome:
    node.home.mkdir(mode=0o700)
    tell("start")
    node.start()
    load = Load(node)
    load.enter()
    load.start()
    try:
        backups, moment = _back_up(node, base, place, seconds, tell)
        time.sleep(seconds / 2)
        tell("destroy")
        destroyed = time.time_ns()
        killed = node.kill()
    finally:
        load.stop()
    shutil.rmtree(node.home)
    tell("restore")
    began = time.monotonic()
    node.run("restore", place, "--recovery-file", str(base / "recovery.txt"), "--json")
    restored = time.monotonic()
    node.start()
    started = time.monotonic()
    tell("count")
    before = [one for one in load.promised if one.at <= moment]
    after = [one for one in load.promised if one.at > moment]
    missing, doubled = _missing(load, before, after)
    done = time.monotonic()
    kinds = sorted({one.kind for one in load.promised})
    return Outcome(
        rpo_s=round((destroyed - moment) / 1e9, 2),
        rto_s=round(done - began, 2),
        restore_s=round(restored - began, 2),
        start_s=round(started - restored, 2),
        counted=[_counted(kind, before, after, missing) for kind in kinds],
        doubled=doubled,
        backups=backups,
        killed=killed,
        missing=sorted(missing & {_key(one) for one in before})[:_SHOWN],
    )


def _back_up(node: DrillNode, base: Path, place: str, seconds: float, tell: Tell) -> tuple[list[Took], int]:
    """A full backup and two increments under load; returns them, and the moment of the last."""
    backups = []
    for turn in range(3):
        time.sleep(seconds)
        tell("backup")
        extra = ("--recovery-file", str(base / "recovery.txt")) if turn == 0 else ()
        printed = node.run("backup", place, "--json", *extra)
        backups.append(msgspec.json.decode(printed, type=Took))
    listed = msgspec.json.decode(node.run("backup", "list", place, "--json"), type=list[_Listed])
    return backups, listed[-1].moment


class _Listed(msgspec.Struct, frozen=True):
    number: int
    moment: int


def _missing(load: Load, before: list[Acknowledged], after: list[Acknowledged]) -> tuple[set[str], int]:
    """Keys of what is not there once the recorder has caught up, and how many readings are there twice."""
    written = {line.replace(" ", ":", 1) for line in load.missing_written([*before, *after])}
    wanted = {_key(one) for one in before if one.kind == "reading"}
    store = StoreClient(load.node.settings)
    try:
        deadline = time.monotonic() + _CATCH_UP
        while True:
            rows = store.query_arrow(
                "SELECT series, toUnixTimestamp64Micro(ts) AS at, count() AS copies FROM readings FINAL"
                " WHERE series IN {series:Array(UInt32)} GROUP BY series, ts",
                {"series": list(load.series.values())},
                orgs=[load.organisation],
                limit_seconds=30,
            )
            devices = {series: device for device, series in load.series.items()}
            there = {
                f"reading:{devices[series]}:{at}"
                for series, at in zip(rows["series"].to_pylist(), rows["at"].to_pylist(), strict=True)
            }
            doubled = sum(1 for copies in rows["copies"].to_pylist() if copies > 1)
            if wanted <= there or time.monotonic() > deadline:
                break
            time.sleep(0.3)
    finally:
        store.close()
    readings = {_key(one) for one in (*before, *after) if one.kind == "reading"}
    return written | (readings - there), doubled


def _counted(kind: str, before: list[Acknowledged], after: list[Acknowledged], missing: set[str]) -> Counted:
    early = [one for one in before if one.kind == kind]
    late = [one for one in after if one.kind == kind]
    return Counted(
        kind,
        len(early),
        sum(1 for one in early if _key(one) in missing),
        len(late),
        sum(1 for one in late if _key(one) in missing),
    )


def _key(one: Acknowledged) -> str:
    return f"{one.kind}:{one.name}"
