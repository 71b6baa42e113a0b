"""A node for the drill: a home of its own, free ports, real processes that can be killed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import SIMULATOR_PORTS, Settings, load
from gongfu.kernel.supervisor import status
from gongfu.kernel.supervisor.status import State

READY_WITHIN: Final = 120.0
CODE: Final = "drill"
"""Of the organisation that the load belongs to."""
DEVICES: Final = 8


class DrillNode:
    """``gongfu up`` in ``home``; the environment is the same before and after the disaster."""

    def __init__(self, home: Path) -> None:
        self.home = home
        names = [name for name in Settings.__struct_fields__ if name.endswith("_port") and name != "http_ingest_port"]
        names.sort(key=lambda name: name == "simulator_base_port")  # last: it needs a whole block
        first = _free_block(len(names) + SIMULATOR_PORTS)
        own = {f"GONGFU_{name.upper()}": str(first + at) for at, name in enumerate(names)}
        own |= {"GONGFU_HOME": str(home), "GONGFU_DEMONSTRATION": "true", "GONGFU_LOG_LEVEL": "warning"}
        own["GONGFU_LANGUAGE"] = os.environ.get("GONGFU_LANGUAGE", "zh-hans")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GONGFU_", "DJANGO_"))}
        self.environment = kept | own
        self.settings = load(own)
        self._up: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        """``gongfu …`` as a command line."""
        return [sys.executable, "-m", "gongfu.cli", *arguments]

    def run(self, *arguments: str) -> str:
        """``gongfu …`` for this node; its output. Raises :class:`Unavailable` with what it said when it fails."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(
                mark("gongfu {command} failed in the drill: {reason}"),
                remedy=mark("What it says is what to mend; run the drill again then."),
                command=arguments[0],
                reason=(done.stderr or done.stdout).strip()[-500:],
            )
        return done.stdout

    def start(self) -> float:
        """Start it; returns the seconds until every process was ready. Raises :class:`Unavailable`."""
        began = time.monotonic()
        with (self.home.parent / "up.log").open("ab") as out:
            self._up = subprocess.Popen(self.command("up"), env=self.environment, stdout=out, stderr=out)
        while time.monotonic() - began < READY_WITHIN and self._up.poll() is None:
            with contextlib.suppress(GongfuError):
                if all(one.state is State.READY for one in status.fetch(self.settings)):
                    return time.monotonic() - began
            time.sleep(0.1)
        raise Unavailable(mark("The node of the drill did not become ready."), remedy=mark("See up.log in its folder."))

    def kill(self) -> int:
        """``kill -9`` of every process at once; returns how many."""
        pids = [one.pid for one in status.fetch(self.settings) if one.pid]
        assert self._up is not None
        for pid in (self._up.pid, *pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._up.wait()
        self._up = None
        _until_gone(pids)
        return len(pids) + 1

    def stop(self) -> None:
        """End it properly, if it runs."""
        if self._up is None:
            return
        self._up.terminate()
        try:
            self._up.wait(20)
        except subprocess.TimeoutExpired:
            self._up.kill()
            self._up.wait()
        self._up = None


def _until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(_lives(pid) for pid in pids):
        time.sleep(0.02)


def _lives(pid: int) -> bool:
    try:
        with Path(f"/proc/{pid}/stat").open(encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _free_block(size: int) -> int:
    """First of ``size`` neighbouring ports on which nobody listens."""
    while True:
        first = random.randrange(20_000, 32_000 - size)  # noqa: S311 - below the ports that systems give out themselves
        try:
            for port in range(first, first + size):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
