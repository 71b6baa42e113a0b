"""From a snapshot to a home: everything is put beside it and checked, and takes its place in one step at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from gongfu.data.backup import wire
from gongfu.data.backup.collecting import Progress
from gongfu.data.backup.errors import Damaged
from gongfu.data.backup.repository import Repository
from gongfu.data.backup.sources import bus, files, identifiers, own_bus, postgres, records, server, store
from gongfu.data.backup.wire import File, Snapshot
from gongfu.kernel.errors import Conflict, Invalid, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings, load
from gongfu.kernel.supervisor import lock

STATE: Final = ".restoring"
_PARTS: Final = ".store"
_STREAMS: Final = ".bus"
_RECORDS: Final = ".records"
_SERVER: Final = ".export"
_SPARE: Final = 64 * 1024 * 1024


class _State(msgspec.Struct, frozen=True):
    """Which snapshot a half-restored folder belongs to."""

    series: str
    number: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where."""

    snapshot: Snapshot
    home: Path
    left_out: list[str]
    """Tables of the database that are not the program's, and were not restored."""


def restore(repository: Repository, number: int, home: Path, settings: Settings, progress: Progress) -> Restored:
    """Make ``home``, which must not exist or be empty, what snapshot ``number`` says (0: the newest).

    Interrupted, it goes on where it was when called again. ``settings`` say which programs to use. Raises
    :class:`Conflict` for a home in which something stands, :class:`Damaged`, :class:`Unavailable`.
    """
    _require_empty(home)
    repository.load_index()
    snapshot = repository.snapshot(number or _newest(repository))
    staging = home.with_name(f"{home.name}.restoring")
    _prepare(staging, repository, snapshot)
    with lock.hold(staging / "run" / "restore.lock"):
        _require_room(staging, snapshot)
        _write_files(repository, snapshot, staging, progress)
        progress("records", 0, 0)
        if (staging / "db.sqlite3").exists():
            records.check(staging / "db.sqlite3")
        left_out = _restore_records(snapshot, staging)
        progress("store", 0, 0)
        if snapshot.exported:
            url = load(os.environ | {"GONGFU_HOME": str(staging)}).store_url
            server.restore(url, snapshot.exported, staging / _SERVER, staging, snapshot.moment)
        if snapshot.tables:
            store.restore(staging / store.FOLDER, snapshot.tables, staging / _PARTS)
        progress("bus", 0, 0)
        _restore_bus(snapshot, settings, staging)
        for leftover in (_PARTS, _STREAMS, _RECORDS, _SERVER):
            shutil.rmtree(staging / leftover, ignore_errors=True)
        postgres.finish(staging)
        server.finish(staging)
        os.sync()
    _switch(staging, home)
    return Restored(snapshot, home, left_out)


def _newest(repository: Repository) -> int:
    present = repository.numbers()
    if not present:
        raise Invalid(
            mark("There is no whole snapshot in {place}."),
            remedy=mark("The first backup was interrupted, or this is another folder."),
            place=repository.target.address,
        )
    return present[-1]


def _require_empty(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(
            mark("{home} is not empty."),
            remedy=mark("Restore into a folder that does not exist yet: move this one away, or set GONGFU_HOME."),
            home=home,
        )
    if home.is_mount():
        raise Conflict(
            mark("{home} is a mounted disk, which cannot be replaced in one step."),
            remedy=mark("Name a folder on it."),
            home=home,
        )


def _prepare(staging: Path, repository: Repository, snapshot: Snapshot) -> None:
    """What was half-restored stays when it is the same snapshot."""
    wanted = _State(repository.head.series, snapshot.number)
    state = staging / STATE
    if staging.exists():
        try:
            same = msgspec.json.decode(state.read_bytes(), type=_State) == wanted
        except (OSError, msgspec.MsgspecError):
            same = not any(staging.iterdir())
            if not same and not state.exists():
                raise Conflict(
                    mark("{folder} is in the way."),
                    remedy=mark("Move it away: restoring needs this name for a while."),
                    folder=staging,
                ) from None
        if not same:
            shutil.rmtree(staging)
    staging.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not state.exists():
        state.write_bytes(msgspec.json.encode(wanted))


def _require_room(staging: Path, snapshot: Snapshot) -> None:
    there = sum(path.stat().st_size for path in staging.rglob("*") if path.is_file() and not path.is_symlink())
    needed = sum(file.size for file in snapshot.files) - there + _SPARE
    free = shutil.disk_usage(staging).free
    if free < needed:
        raise Unavailable(
            mark("{needed} octets are needed in {folder}, {free} are free."),
            remedy=mark("Make room, or restore elsewhere."),
            needed=needed,
            folder=staging,
            free=free,
        )


def _write_files(repository: Repository, snapshot: Snapshot, staging: Path, progress: Progress) -> None:
    known, done = sum(file.size for file in snapshot.files), 0

    def where(file: File) -> tuple[str, int]:
        place = repository.places.get(file.blobs[0]) if file.blobs else None
        return (place.pack, place.offset) if place else ("", 0)

    for file in sorted(snapshot.files, key=where):  # pack by pack: each is fetched once
        path = staging / _relative(file.path)
        if not _is_there(path, file):
            _write(repository, file, path)
        done += file.size
        progress("files", done, known)


def _relative(name: str) -> Path:
    """Where a file of a snapshot belongs; raises :class:`Damaged` for a name that leads elsewhere."""
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or ".." in parts or PurePosixPath(name).is_absolute():
        raise Damaged(mark("{path} is no path of a backup."), remedy=mark("Use another snapshot."), path=name)
    if name == records.NAME:
        return Path("db.sqlite3")
    if name == identifiers.NAME:
        return Path(name)
    tops = {
        files.PREFIX: Path(),
        store.PREFIX: Path(_PARTS),
        "bus/": Path(_STREAMS),
        postgres.PREFIX: Path(_RECORDS),
        server.PREFIX: Path(_SERVER),
    }
    for prefix, top in tops.items():
        if name.startswith(prefix):
            return top.joinpath(*parts[prefix.count("/") :])
    raise Damaged(mark("{path} is no path of a backup."), remedy=mark("Use another snapshot."), path=name)


def _is_there(path: Path, file: File) -> bool:
    """Written by a restoration that was interrupted: it has its name only when it is whole."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return bool(file.link) or (found.st_size == file.size and found.st_mtime_ns == file.modified)


def _write(repository: Repository, file: File, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if file.link:
            path.symlink_to(file.link)
            return
        draft = path.with_name(f".{secrets.token_hex(4)}.restoring")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
                for piece in repository.read_file(file):
                    out.write(piece)
            draft.chmod(file.mode)
            os.utime(draft, ns=(file.modified, file.modified))
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Unavailable(
            mark("{path} cannot be written: {reason}."),
            remedy=mark("Make room, then restore again: it goes on where it was."),
            path=path,
            reason=error.strerror or error,
        ) from error


def _restore_records(snapshot: Snapshot, staging: Path) -> list[str]:
    """Records that were in PostgreSQL go into the database that the restored settings, or the environment, name."""
    if snapshot.records is None or snapshot.records.engine != postgres.ENGINE:
        return []
    environment = os.environ | {"GONGFU_HOME": str(staging)}
    url = load(environment).database_url
    if not url:
        raise Invalid(
            mark("The records of this snapshot are of PostgreSQL, and no database is named."),
            remedy=mark("Make an empty database and name it: GONGFU_DATABASE_URL=postgresql://…"),
        )
    return postgres.restore(url, snapshot.records, staging / _RECORDS, staging, environment)


def _restore_bus(snapshot: Snapshot, settings: Settings, staging: Path) -> None:
    if not snapshot.streams:
        return

    def pieces(stream: str) -> Iterator[bytes]:
        with (staging / _STREAMS / stream).open("rb") as file:
            while piece := file.read(wire.LARGEST):
                yield piece

    shutil.rmtree(staging / "bus" / "jetstream", ignore_errors=True)
    restored = load(os.environ | {"GONGFU_HOME": str(staging)})
    if restored.bus_url:
        asyncio.run(bus.restore(restored, snapshot.streams, pieces))
        return
    with own_bus.running(settings, staging) as reachable:
        asyncio.run(bus.restore(reachable, snapshot.streams, pieces))


def _switch(staging: Path, home: Path) -> None:
    for path in (staging / "run", staging / STATE):
        shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink()
    if home.exists():
        home.rmdir()  # empty, or we would not be here
    staging.rename(home)
    folder = os.open(home.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
