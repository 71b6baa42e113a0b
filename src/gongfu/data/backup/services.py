"""What console and API ask about backups; administrators of the platform only: a backup holds everybody's data."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import dataclass

from gongfu.data.backup import history, work
from gongfu.data.backup.history import Run
from gongfu.data.backup.wire import Mark
from gongfu.kernel.accounts.models import User
from gongfu.kernel.accounts.permissions import is_platform_admin
from gongfu.kernel.audit import services as audit
from gongfu.kernel.errors import Forbidden, GongfuError, unpacked
from gongfu.kernel.i18n import mark
from gongfu.kernel.settings import Settings, settings
from gongfu.kernel.tasks.services import Progress, job

LATE: float = 2.0
"""A backup is late when it is older than so many times its interval."""


@dataclass(frozen=True)
class Standing:
    """How things stand. ``age`` in seconds is what would be lost now; None while there is no backup."""

    place: str
    every_minutes: int
    begun: bool
    last: Run | None
    age: float | None
    late: bool
    next_at: dt.datetime | None
    verified: Run | None
    failed: Run | None
    """The newest failure, if nothing went well since."""
    problem: str
    runs: list[Run]


def require_admin(user: User) -> None:
    """Raises :class:`Forbidden`."""
    if not is_platform_admin.test(user):
        raise Forbidden(
            mark("Backups hold the data of all organisations."),
            remedy=mark("Ask an administrator of the platform."),
        )


def standing(user: User) -> Standing:
    """Last backup, its age, what is next, what went wrong. Raises :class:`Forbidden`."""
    require_admin(user)
    node = settings()
    begun, problem = _begun(node)
    last = history.last(node.home, "backup", good=True)
    failed = history.last(node.home, "backup", good=False)
    if failed and last and failed.at <= last.at:
        failed = None
    now = dt.datetime.now(dt.UTC).timestamp()
    age = max(0.0, now - last.moment / 1e9) if last else None
    interval = node.backup_every_minutes * 60
    following = dt.datetime.fromtimestamp((last.at if last else now) + interval, dt.UTC)
    return Standing(
        place=work.place_of(node, ""),
        every_minutes=node.backup_every_minutes,
        begun=begun,
        last=last,
        age=age,
        late=bool(node.backup_to) and age is not None and age > LATE * interval,
        next_at=following if node.backup_to and begun else None,
        verified=history.last(node.home, "verify"),
        failed=failed,
        problem=problem or (unpacked(failed.error) if failed else ""),
        runs=history.runs(node.home)[::-1],
    )


def marks(user: User) -> list[Mark]:
    """The snapshots that are there, newest first. Raises :class:`Forbidden`, :class:`NotFound`, :class:`Damaged`."""
    require_admin(user)
    with work.own(settings(), "") as opened:
        return opened.marks()[::-1]


def begin(user: User) -> str:
    """Found the repository; returns the recovery text, which is shown this once."""
    require_admin(user)
    text = work.begin(settings(), "")
    audit.record(user, "backup_begun", user, reason=work.place_of(settings(), ""))
    return text


@job(attempts=1)
def back_up(progress: Progress) -> None:
    """A backup in the background, as a process of its own: it may end without taking the worker along."""
    _command(progress, "backup")


@job(attempts=1)
def verify(progress: Progress) -> None:
    """Look at every hash, likewise."""
    _command(progress, "backup", "verify")


def _command(progress: Progress, *arguments: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gongfu.cli", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        while True:
            try:
                printed, _ = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                progress.report(50)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode:
        raise GongfuError(mark("{output}"), output=printed.strip()[-1500:])


def _begun(node: Settings) -> tuple[bool, str]:
    if not node.backup_to:
        return False, ""
    try:
        return work.is_begun(node, ""), ""
    except (GongfuError, OSError) as error:
        return False, error.text() if isinstance(error, GongfuError) else str(error)
