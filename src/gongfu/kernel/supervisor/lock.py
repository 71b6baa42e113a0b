"""One supervisor for one home, also after the last one was killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from gongfu.kernel.errors import Conflict
from gongfu.kernel.i18n import mark
from gongfu.kernel.supervisor.status import ProcessStatus


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold ``path`` locked while the block runs; raises :class:`Conflict` when another process does.

    The operating system lets go of the lock when the holder dies, however it dies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise Conflict(
                mark("Another gongfu up (pid {pid}) already runs on {home}."),
                remedy=mark("Stop that one first, or set GONGFU_HOME to another directory."),
                pid=file.read().strip() or "?",
                home=path.parents[1],
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def end_leftovers(status_file: Path, patience: float = 5.0) -> list[str]:
    """End the processes that a killed supervisor left; returns their names.

    They were told to stop by the kernel when it died; those still there after ``patience`` seconds are killed.
    A process id counts only together with its start time, because ids are used again.
    """
    try:
        known = msgspec.json.decode(status_file.read_bytes(), type=list[ProcessStatus])
    except (OSError, msgspec.DecodeError):
        return []
    leftovers: dict[psutil.Process, str] = {}
    for status in known:
        if status.pid is None or status.created is None:
            continue
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(status.pid)
            if abs(process.create_time() - status.created) < 1:
                process.send_signal(signal.SIGTERM)
                leftovers[process] = status.name
    _, alive = psutil.wait_procs(list(leftovers), timeout=patience)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=2)
    return sorted(leftovers.values())
