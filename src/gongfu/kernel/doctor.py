"""What a node needs from its machine, each with a verdict, what it means, and what to do.

A check never raises for what it is there to find: it returns a :class:`Finding`. Checks that need a
higher room, such as the database, are added by the command line.
"""

from __future__ import annotations

import asyncio
import ctypes
import datetime as dt
import os
import platform
import resource
import shutil
import sqlite3
import stat
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from enum import StrEnum

import msgspec
import psutil

from gongfu.kernel import bus, nats_server
from gongfu.kernel.errors import GongfuError, Unavailable
from gongfu.kernel.i18n import locale_paths, mark, translate
from gongfu.kernel.settings import Settings
from gongfu.kernel.supervisor import ports
from gongfu.kernel.supervisor.status import fetch

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37)
LITTLE_DISK = 2_000_000_000
"""Below this a node may fill the disk within hours, bytes."""
LITTLE_MEMORY = 1_500_000_000
"""What an idle demonstration node needs, bytes."""
FEW_FILES = 4096
"""Open files and connections of one process; every device and every browser needs one."""
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised


class Level(StrEnum):
    """Verdict of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True):
    """``check``, ``meaning`` and ``remedy`` are marked texts; ``found`` is data such as a version or a path."""

    check: str
    level: Level
    found: str
    meaning: str = ""
    remedy: str = ""

    def translated(self) -> Finding:
        """In the current language."""
        return Finding(translate(self.check), self.level, self.found, translate(self.meaning), translate(self.remedy))


Check = Callable[[Settings], Finding]


def examine(settings: Settings, further: Iterable[Check] = ()) -> list[Finding]:
    """All findings, in the current language."""
    return [check(settings).translated() for check in (*CHECKS, *further)]


def running(settings: Settings) -> bool:
    """Whether a node answers on this home's supervisor port."""
    try:
        fetch(settings)
    except Unavailable:
        return False
    return True


def python(_: Settings) -> Finding:
    """The interpreter."""
    name = mark("Python")
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Finding(name, Level.FAIL, found, mark("Too old."), mark("Install Python 3.11 or newer."))
    return Finding(name, Level.OK, found)


def sqlite(_: Settings) -> Finding:
    """The SQLite library this interpreter is linked with."""
    name = mark("SQLite")
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Finding(
            name,
            Level.FAIL,
            sqlite3.sqlite_version,
            mark("Too old for strict tables and concurrent readers."),
            mark("Use a Python linked with SQLite 3.37 or newer, or set GONGFU_DATABASE_URL to a PostgreSQL."),
        )
    return Finding(name, Level.OK, sqlite3.sqlite_version)


def nats(settings: Settings) -> Finding:
    """The program that is the bus."""
    name = mark("nats-server")
    if settings.bus_url:
        return Finding(name, Level.OK, bus.url(settings))
    try:
        program = nats_server.find(settings)
        version = ".".join(map(str, nats_server.version(program)))
    except GongfuError as error:
        return Finding(name, Level.FAIL, "", error.text(), "")
    return Finding(name, Level.OK, f"{version} ({program})")


def free_ports(settings: Settings) -> Finding:
    """Ports are free, or this node itself holds them."""
    name = mark("Ports")
    needed = ports.needed(settings)
    if running(settings):
        return Finding(name, Level.OK, translate(mark("in use by the running node")))
    try:
        ports.check(needed)
    except GongfuError as error:
        return Finding(name, Level.FAIL, "", error.text(), "")
    return Finding(name, Level.OK, ", ".join(sorted({str(port.number) for port in needed}, key=int)))


def disk(settings: Settings) -> Finding:
    """Home can be written and has room."""
    name = mark("Disk")
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe = settings.home / f".doctor.{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
        free = shutil.disk_usage(settings.home).free
    except OSError as error:
        return Finding(
            name,
            Level.FAIL,
            f"{settings.home}: {error.strerror}",
            mark("The node cannot keep its state."),
            mark("Make the directory writable, or set GONGFU_HOME to another one."),
        )
    found = f"{settings.home}: {free / 1e9:.1f} GB"
    if free < LITTLE_DISK:
        return Finding(
            name,
            Level.WARN,
            found,
            mark("Little room: when the disk is full, new readings are refused, and devices keep them."),
            mark("Free some room, or move GONGFU_HOME to a larger disk."),
        )
    return Finding(name, Level.OK, found)


def memory(_: Settings) -> Finding:
    """Memory that programs can still have."""
    name = mark("Memory")
    available = psutil.virtual_memory().available
    found = f"{available / 1e9:.1f} GB"
    if available < LITTLE_MEMORY:
        return Finding(
            name,
            Level.WARN,
            found,
            mark("Less than an idle node with its demonstration plant needs."),
            mark("Stop other programs, or leave GONGFU_DEMONSTRATION off."),
        )
    return Finding(name, Level.OK, found)


def clock(_: Settings) -> Finding:
    """The clock is plausible, steady and disciplined by somebody."""
    name = mark("Clock")
    now = dt.datetime.now(dt.UTC)
    found = now.isoformat(timespec="seconds")
    wrong = mark("Readings without a source time would be stored under a wrong one.")
    if not 2025 <= now.year < 2100:
        return Finding(name, Level.FAIL, found, wrong, mark("Set the clock, for example with chrony."))
    wall, steady = time.time(), time.monotonic()
    time.sleep(0.2)
    drift = abs((time.time() - wall) - (time.monotonic() - steady))
    if drift > 0.05:
        return Finding(
            name, Level.WARN, f"{found}, {drift * 1000:.0f} ms", mark("The clock jumps."), mark("Look at what sets it.")
        )
    if synchronised() is False:
        return Finding(
            name,
            Level.WARN,
            found,
            mark("The operating system says that nothing keeps the clock right."),
            mark("Run chrony or systemd-timesyncd on the machine."),
        )
    return Finding(name, Level.OK, found)


class _Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("rest", ctypes.c_long * 64)]


def synchronised() -> bool | None:
    """Whether the kernel believes its clock (adjtimex); ``None`` where it cannot be asked."""
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR


def languages(_: Settings) -> Finding:
    """Every catalogue is compiled and newer than its source."""
    name = mark("Languages")
    sources = [path / "zh_Hans" / "LC_MESSAGES" / "django.po" for path in locale_paths()]
    sources = [source for source in sources if source.exists()]
    stale = [
        source.parents[3].name
        for source in sources
        if not (compiled := source.with_suffix(".mo")).exists() or compiled.stat().st_mtime < source.stat().st_mtime
    ]
    if stale:
        return Finding(
            name,
            Level.WARN,
            ", ".join(stale),
            mark("Some texts appear in English."),
            mark("Run gongfu messages, or install the package again."),
        )
    return Finding(name, Level.OK, f"zh-hans ({len(sources)}), en")


def permissions(settings: Settings) -> Finding:
    """What holds passwords can be read by its owner only."""
    name = mark("Secrets")
    folder = settings.home / "secrets"
    paths = [folder, *(folder.iterdir() if folder.is_dir() else ()), nats_server.users_file(settings.home)]
    loose = [str(path) for path in paths if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077]
    if loose:
        return Finding(
            name,
            Level.FAIL,
            ", ".join(loose),
            mark("Other users of this machine can read passwords."),
            mark("chmod go-rwx these files, and consider the passwords known."),
        )
    return Finding(name, Level.OK, str(folder))


def files(_: Settings) -> Finding:
    """Limit of open files."""
    name = mark("Open files")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = f"{soft} / {hard}"
    if soft < FEW_FILES:
        return Finding(
            name,
            Level.WARN,
            found,
            mark("Enough for some hundred devices."),
            mark("Raise it: ulimit -n 65536, or LimitNOFILE= in the systemd unit."),
        )
    return Finding(name, Level.OK, found)


def exposure(settings: Settings) -> Finding:
    """A console that others can reach is encrypted."""
    name = mark("Encryption")
    if settings.host in ("127.0.0.1", "::1", "localhost") or settings.url.startswith("https://"):
        return Finding(name, Level.OK, settings.url)
    return Finding(
        name,
        Level.WARN,
        settings.url,
        mark("Passwords and sessions cross the network readable by everyone on it."),
        mark("Put a TLS proxy before the console and set GONGFU_PUBLIC_URL=https://…"),
    )


def bus_answers(settings: Settings) -> Finding:
    """The bus lets us in and keeps messages."""
    name = mark("Bus")
    if not settings.bus_url and not running(settings):
        return Finding(name, Level.OK, translate(mark("not running")))

    async def ask() -> str:
        client = await bus.connect(settings, "doctor", wait=False)
        try:
            account = await client.jetstream(timeout=2).account_info()
        finally:
            await client.close()
        return f"{bus.url(settings)}: {account.storage / 1e6:.1f} MB, {account.streams} streams"

    try:
        return Finding(name, Level.OK, asyncio.run(ask()))
    except GongfuError as error:
        return Finding(name, Level.FAIL, "", error.text(), "")
    except Exception as error:
        return Finding(
            name,
            Level.FAIL,
            f"{bus.url(settings)}: {type(error).__name__}",
            mark("The bus answers, but its storage (JetStream) does not."),
            mark("Look at log/nats-server.log in GONGFU_HOME; the disk may be full."),
        )


def store_answers(settings: Settings) -> Finding:
    """The telemetry store answers."""
    name = mark("Telemetry store")
    if not settings.store_url and not running(settings):
        return Finding(name, Level.OK, translate(mark("not running")))
    scheme, _, rest = (settings.store_url or f"http://127.0.0.1:{settings.store_port}").partition("://")
    host = rest.rpartition("@")[2].partition("/")[0]
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{scheme}://{host}/ping", timeout=3) as answer:
            return Finding(name, Level.OK, f"{host}: {answer.read(20).decode(errors='replace').strip()}")
    except (OSError, urllib.error.URLError, ValueError) as error:
        return Finding(
            name,
            Level.FAIL,
            f"{host}: {error}",
            mark("History cannot be shown; readings wait on the bus."),
            mark("Look at log/recorder.log in GONGFU_HOME, or correct GONGFU_STORE_URL."),
        )


CHECKS: tuple[Check, ...] = (
    python,
    sqlite,
    nats,
    free_ports,
    disk,
    memory,
    clock,
    languages,
    permissions,
    files,
    exposure,
    bus_answers,
    store_answers,
)
