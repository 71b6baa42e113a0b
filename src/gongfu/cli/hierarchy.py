"""``gongfu hierarchy``: top, secondary, enterprise and recursive as four processes on this machine, and a path."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gongfu.cli import show
from gongfu.identity.handle import site
from gongfu.identity.handle.names import parse
from gongfu.identity.handle.wire import Value
from gongfu.identity.recursion import paths
from gongfu.identity.recursion.endpoints import Endpoint
from gongfu.identity.registry import delegations
from gongfu.identity.registry.records import Record
from gongfu.identity.registry.store import FOLDER, IdentifierStore
from gongfu.kernel.errors import Unavailable
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.process import end_with_parent
from gongfu.kernel.settings import Settings

HOST = "127.0.0.1"
EXAMPLE = "88.118.1/CNC-0001"
PORTS = 13
"""How many ports the four of them use, from the first one on."""
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_TITLES = {
    "top": mark("Top node"),
    "secondary": mark("Secondary node"),
    "enterprise": mark("Enterprise node"),
    "recursive": mark("Recursive node"),
}


@dataclass(frozen=True)
class Member:
    """One of the four: what it is, where it listens, what it answers for."""

    role: str
    home: Path
    port: int
    health: int
    http_port: int
    prefix: str
    recursive_port: int
    root: str

    def environment(self, settings: Settings) -> dict[str, str]:
        """What it is told; nothing of this node's own settings but the language."""
        own = {key: value for key, value in os.environ.items() if not key.startswith("GONGFU_")}
        return own | {
            "GONGFU_HOME": str(self.home),
            "GONGFU_NODE": self.role,
            "GONGFU_LANGUAGE": settings.language,
            "GONGFU_HOST": HOST,
            "GONGFU_ROLES": self.role,
            "GONGFU_ROOTS": self.root,
            "GONGFU_HANDLE_PORT": str(self.port),
            "GONGFU_RESOLVER_PORT": str(self.health),
            "GONGFU_HANDLE_HTTP_PORT": str(self.http_port),
            "GONGFU_RECURSIVE_PORT": str(self.recursive_port),
            "GONGFU_LOG_LEVEL": "warning",
        }


def members(folder: Path, first: int) -> list[Member]:
    """The four, on the ports from ``first`` on."""
    prefixes = {"top": "88", "secondary": "88.118", "enterprise": "88.118.1", "recursive": ""}
    root = f"{HOST}:{first}"
    return [
        Member(role, folder / role, first + number, first + 5 + number, first + 9 + number, prefix, first + 4, root)
        for number, (role, prefix) in enumerate(prefixes.items())
    ]


def run(settings: Settings, folder: Path, first: int, *, once: bool) -> int:
    """Start the four, show the path to an identifier, run until Ctrl-C or, if ``once``, end; returns the exit code."""
    four = members(folder, first)
    prepare(four)
    console = Console()
    with started(four, settings) as processes:
        console.print(_table(four, processes))
        endpoint = Endpoint(HOST, first + 4, first + 4)
        for _ in range(2):  # once through all of them, once from what was remembered
            show.path(paths.told(EXAMPLE, endpoint))
        if once:
            return 0
        console.print(translate(mark("Pages of a node show the path when it is started with")), markup=False)
        console.print(f"    GONGFU_RECURSIVE={endpoint} gongfu up", markup=False, highlight=False)
        console.print(translate(mark("Ctrl-C ends all four.")), markup=False)
        return _wait(four, processes)


def prepare(four: list[Member]) -> None:
    """Write what each answers for: delegations in the upper two, an example in the enterprise's."""
    now = int(time.time())
    for member, below in zip(four, [*four[1:3], None, None], strict=True):
        member.home.mkdir(parents=True, exist_ok=True)
        store = IdentifierStore(member.home / FOLDER)
        try:
            if member.prefix:
                store.home(member.prefix)
            if below is not None:
                delegations.put(store, below.prefix, site.single(HOST, below.port), actor="hierarchy")
            if member.role == "enterprise" and store.get(parse(EXAMPLE)) is None:
                values = (Value(1, "URL", b"https://example.com/cnc-0001"), Value(2, "NAME", "五轴加工中心".encode()))
                store.put(Record(parse(EXAMPLE), values, now, now), actor="hierarchy")
        finally:
            store.close()


@contextlib.contextmanager
def started(four: list[Member], settings: Settings) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes, ready; ended when the block ends. Raises :class:`Unavailable` when one does not start."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for member in four:
            processes.append(
                subprocess.Popen(
                    (sys.executable, "-m", "gongfu.cli", "resolver"),
                    env=member.environment(settings),
                    preexec_fn=end_with_parent,  # noqa: PLW1509 - one thread only
                )
            )
        for member, process in zip(four, processes, strict=True):
            _ready(member, process)
        yield processes
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            process.kill()
            process.wait()


def _ready(member: Member, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://{HOST}:{member.health}/readyz", timeout=2),
        ):
            return
        time.sleep(0.05)
    raise Unavailable(
        mark("The {role} node did not start on port {port}."),
        remedy=mark("Choose other ports with --port; what it said stands above."),
        role=member.role,
        port=member.port,
    )


def _wait(four: list[Member], processes: list[subprocess.Popen[bytes]]) -> int:
    told: set[str] = set()
    with contextlib.suppress(KeyboardInterrupt):
        while len(told) < len(four):
            time.sleep(0.5)
            for member, process in zip(four, processes, strict=True):
                if process.poll() is not None and member.role not in told:
                    told.add(member.role)
                    text = translate(mark("{role} ended with {code}; the others run on."))
                    Console().print(text.format(role=translate(_TITLES[member.role]), code=process.returncode))
    return 0 if len(told) < len(four) else 1


def _table(four: list[Member], processes: list[subprocess.Popen[bytes]]) -> Table:
    table = Table(title=translate(mark("Four roles, four processes")), title_justify="left")
    for title in (mark("Node role"), mark("Prefix"), mark("Address"), mark("pid"), mark("State in")):
        table.add_column(translate(title), overflow="fold")
    for member, process in zip(four, processes, strict=True):
        port = member.recursive_port if member.role == "recursive" else member.port
        table.add_row(
            translate(_TITLES[member.role]), member.prefix or "—", f"{HOST}:{port}", str(process.pid), str(member.home)
        )
    return table
