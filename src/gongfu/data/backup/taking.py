"""One consistent snapshot of a node, while it works.

The order makes it consistent. *Who claims to have passed something on is copied before whoever it was passed to; what
refers to something is fixed before what it refers to*:

1. what daemons noted for themselves (how far a file was read, what was counted),
2. the bus: MQTT messages that were promised, readings, events, everything else; copied to its end,
3. at one moment, while no record is written: records, identifiers, telemetry store; their moment is fixed in this
   order, then they are copied in peace,
4. a telemetry store on a server of its own, which is asked month by month: it has no moment, and after the bus it needs
   none,
5. settings, secrets and uploaded files.

A reading that was acknowledged before 1 was in the bus when 2 began, or the recorder had confirmed it: then it was in
the store before 3. One that is in both is stored twice after a restore and counts once, because the store's keys name
observations. What comes after 1 may be in the snapshot or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gongfu.data.backup import wire
from gongfu.data.backup.collecting import Collector, Progress
from gongfu.data.backup.errors import Busy, Damaged
from gongfu.data.backup.repository import Repository, mark_name
from gongfu.data.backup.sources import bus, files, identifiers, own_bus, server, store
from gongfu.data.backup.sources.identifiers import IdentifierCopy
from gongfu.data.backup.sources.postgres import PostgresRecords
from gongfu.data.backup.sources.records import Records
from gongfu.data.backup.targets.opening import inside
from gongfu.data.backup.wire import Mark, RecordsCopy, Snapshot, StreamCopy, TableCopy
from gongfu.data.backup.writing import Writer
from gongfu.identity.registry.store import FOLDER, open_store
from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import lock

STAGING: Final = ("run", "backup")


def take(settings: Settings, repository: Repository, progress: Progress) -> Mark:
    """Add a snapshot of the node to ``repository``; what it has already is not written again.

    Raises :class:`Busy` when another backup runs, :class:`Unavailable` when a part of the node or the target fails;
    then the repository is as it was, and what was written is used by the next one.
    """
    with alone(settings), _running(settings) as running:
        repository.load_index()
        before = _latest(repository)
        present = repository.numbers()
        number = present[-1] + 1 if present else 1
        previous = wire.digest(repository.target.get(mark_name(present[-1]))) if present else ""
        writer = Writer(repository, number)
        try:
            collector = Collector(repository, writer, before, progress)
            snapshot = _collect(settings, collector, number, inside(repository.target.address, settings.home), running)
            return writer.finish(snapshot, previous)
        except BaseException:
            writer.abandon()
            raise


def _collect(settings: Settings, collector: Collector, number: int, outside: set[Path], running: bool) -> Snapshot:
    home, moment = settings.home, time.time_ns()
    staging = home.joinpath(*STAGING)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    try:
        _copy_files(collector, home, files.noted(home, outside), staging)
        streams = _copy_bus(settings, collector, running)
        kept, changes, tables = _copy_stores(settings, collector, staging, running)
        exported = server.copy(settings.store_url, collector) if settings.store_url else []
        _copy_files(collector, home, files.others(home, outside), staging)
        collector.expect("packs", 0)
        return Snapshot(
            number=number,
            moment=moment,
            ended=time.time_ns(),
            node=settings.node,
            version=importlib.metadata.version("gongfu"),
            files=collector.files(),
            tables=tables,
            exported=exported,
            streams=streams,
            records=kept,
            changes=changes,
            notes=collector.notes,
        )
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _copy_files(collector: Collector, home: Path, paths: list[Path], staging: Path) -> None:
    collector.expect("files", sum(path.lstat().st_size for path in paths if path.is_file()))
    files.copy(collector, home, paths, staging)


def _copy_bus(settings: Settings, collector: Collector, running: bool) -> list[StreamCopy]:
    if running or settings.bus_url:
        return asyncio.run(bus.copy(settings, collector))
    if not (settings.home / "bus" / "jetstream").exists():
        return []
    with own_bus.running(settings, settings.home) as reachable:
        return asyncio.run(bus.copy(reachable, collector))


def _copy_stores(
    settings: Settings, collector: Collector, staging: Path, running: bool
) -> tuple[RecordsCopy | None, int, list[TableCopy]]:
    people = PostgresRecords(settings.database_url) if settings.database_url else Records(settings.home / "db.sqlite3")
    with contextlib.ExitStack() as stack:
        stack.callback(people.close)
        registered = open_store(settings.home)
        with people.held():
            copied = IdentifierCopy(registered)
            stack.callback(copied.close)
            changes = registered.last_change()
            stack.callback(store.thaw, settings)
            store.hold_files(settings.home, staging)
            frozen = store.freeze(settings, running=running)
            store.hold_files(settings.home, staging)
        kept = people.copy(collector, staging)
        collector.expect("identifiers", (settings.home / FOLDER / "data.mdb").stat().st_size)
        collector.add_pieces(copied.pieces(), identifiers.NAME)
        tables = store.copy(collector, frozen)
        for path in sorted((staging / store.FOLDER).rglob("*")):
            collector.add(path, files.PREFIX + path.relative_to(staging).as_posix())
        return kept, changes, tables


def _latest(repository: Repository) -> Snapshot | None:
    try:
        return repository.latest()
    except Damaged:
        return None  # then everything is read again; verify tells people


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold off other backups of this node; raises :class:`Busy`."""
    try:
        with lock.hold(settings.path("run", "backup.lock")):
            yield
    except Conflict as error:
        if "pid" not in error.values:
            raise
        raise Busy(
            mark("A backup of this node is at work already (pid {pid})."),
            remedy=mark("Wait until it has ended."),
            pid=error.values["pid"],
        ) from error


@contextlib.contextmanager
def _running(settings: Settings) -> Iterator[bool]:
    """Whether the node runs; if not, it cannot be started while the block runs."""
    if any(_listens(port) for port in (settings.supervisor_port, settings.store_port)):
        yield True
        return
    with lock.hold(settings.path("run", "supervisor.lock")):
        yield False


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
