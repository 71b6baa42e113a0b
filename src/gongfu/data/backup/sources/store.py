"""The telemetry store: parts never change once written, so hard links of all of them are a copy.

The recorder owns the database, so it is asked to freeze it between two inserts. Parts that were in the last snapshot
are not read again: their files have the same name, size, time and inode.
"""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

import msgspec

from gongfu.data.backup.collecting import Collector
from gongfu.data.backup.wire import TableCopy
from gongfu.data.telemetry.store import freezing
from gongfu.data.telemetry.store.embedded import EmbeddedEngine
from gongfu.data.telemetry.store.freezing import Frozen
from gongfu.data.telemetry.store.http import USER
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import Settings

PREFIX: Final = "store/"
FOLDER: Final = "telemetry"
_PATIENCE: Final = 120


def freeze(settings: Settings, *, running: bool) -> list[Frozen]:
    """One moment of the store; :func:`thaw` lets go of it. Raises :class:`Unavailable`."""
    if settings.store_url:
        return []
    if not running:
        engine = EmbeddedEngine(settings.home / FOLDER)
        try:
            return freezing.freeze(engine)
        finally:
            engine.close()
    password = secret(settings.home, "store-internal")
    credentials = base64.b64encode(f"{USER}:{password}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{settings.store_port}{freezing.PATH}",
        method="POST",
        headers={"Authorization": f"Basic {credentials}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            return msgspec.json.decode(answer.read(), type=list[Frozen])
    except (OSError, msgspec.MsgspecError) as error:
        reason = error.read().decode("utf-8", "replace")[:300] if isinstance(error, urllib.error.HTTPError) else error
        raise Unavailable(
            mark("The recorder does not freeze the telemetry store: {reason}."),
            remedy=mark("Look at gongfu status: the recorder has to run."),
            reason=reason,
        ) from error


def copy(collector: Collector, frozen: list[Frozen]) -> list[TableCopy]:
    """Add every part."""
    copies = []
    for table in frozen:
        folder = Path(table.folder)
        parts = sorted(path for path in folder.iterdir() if path.is_dir()) if table.folder and folder.is_dir() else []
        files = [(part, path) for part in parts for path in sorted(part.rglob("*")) if path.is_file()]
        collector.expect("store", sum(path.stat().st_size for _, path in files))
        for part, path in files:
            collector.add(path, f"{PREFIX}{table.name}/{part.name}/{path.relative_to(part).as_posix()}")
        copies.append(TableCopy(table.name, table.statement, [part.name for part in parts]))
    return copies


def hold_files(home: Path, staging: Path) -> None:
    """Hard links of what lies beside the engine (months in Parquet files), so that it stays while the copy is made.

    Called before and after :func:`freeze`: whatever the frozen tables say lies in a file has a link then.
    """
    top = home / FOLDER
    # os.walk, because folders come and go meanwhile; the engine's own are frozen by :func:`freeze`.
    for folder, folders, files in os.walk(top):
        here = Path(folder)
        if here == top:
            folders[:] = [name for name in folders if name != "engine"]
        for path in (here / name for name in files):
            if path == top / "lock" or path.is_symlink() or not path.is_file():
                continue
            link = staging / FOLDER / path.relative_to(top)
            link.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                os.link(path, link)


def thaw(settings: Settings) -> None:
    """The frozen copy is no longer needed."""
    freezing.thaw(settings.home / FOLDER)


def restore(folder: Path, tables: list[TableCopy], parts: Path) -> None:
    """Build a store in ``folder`` from the parts that lie in ``parts``; raises :class:`StoreFailure`."""
    shutil.rmtree(folder / "engine", ignore_errors=True)
    engine = EmbeddedEngine(folder)
    try:
        freezing.build(engine, [Frozen(one.name, one.statement, str(parts / one.name)) for one in tables])
    finally:
        engine.close()
