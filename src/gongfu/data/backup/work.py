"""The work as commands and the clock ask for it: open, do, remember what became of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from gongfu.data.backup import checking, history, keeping, repository, restoring, taking
from gongfu.data.backup.checking import Verdict
from gongfu.data.backup.collecting import Progress
from gongfu.data.backup.errors import Busy, Damaged
from gongfu.data.backup.history import Kind, Run
from gongfu.data.backup.keeping import Policy, Pruned
from gongfu.data.backup.repository import Repository
from gongfu.data.backup.restoring import Restored
from gongfu.data.backup.targets.opening import open_target
from gongfu.data.backup.wire import Mark
from gongfu.identity.escrow import recovery
from gongfu.identity.peers import jws, keys
from gongfu.kernel.errors import GongfuError, NotFound, packed
from gongfu.kernel.i18n import mark
from gongfu.kernel.secrets import secret
from gongfu.kernel.settings import FILE_NAME, Settings

SECRET: Final = "backup-key"  # noqa: S105 - a name
"""In ``secrets``: the data key of this node's backups. It is in every backup, and wrapped for the recovery text."""


def place_of(settings: Settings, place: str) -> str:
    """``place``, or the one of the settings."""
    return place or settings.backup_to


def begin(settings: Settings, place: str) -> str:
    """Found this node's repository at ``place``; returns the recovery text, shown this once. :class:`Conflict`."""
    _require_node(settings)
    target = open_target(place_of(settings, place), settings)
    made, text = repository.found(
        target, node=settings.node, owner=keys.node_id(settings.home), data_key=_data_key(settings.home)
    )
    made.close()
    return text


def is_begun(settings: Settings, place: str) -> bool:
    """Whether there are backups at ``place``, of whomever."""
    target = open_target(place_of(settings, place), settings)
    try:
        return repository.exists(target)
    finally:
        target.close()


@contextlib.contextmanager
def own(settings: Settings, place: str) -> Iterator[Repository]:
    """This node's repository at ``place``; raises :class:`NotFound`, :class:`Forbidden`."""
    target = open_target(place_of(settings, place), settings)
    try:
        yield repository.open_own(target, owner=keys.node_id(settings.home), data_key=_data_key(settings.home))
    finally:
        target.close()


def back_up(settings: Settings, place: str, progress: Progress) -> Mark:
    """Take a snapshot, then let go of those that need not stay; both are remembered."""
    _require_node(settings)
    with own(settings, place) as opened:
        with _remembered(settings, "backup", opened.target.address) as done:
            made = taking.take(settings, opened, progress)
            done(number=made.number, moment=made.moment, octets=made.octets, added=made.added)
        return made


def prune(settings: Settings, place: str, policy: Policy | None = None) -> Pruned:
    """Remove what need not stay. Raises :class:`Busy` while a backup runs."""
    wanted = policy or Policy(settings.backup_keep_last, settings.backup_keep_days)
    with own(settings, place) as opened, taking.alone(settings):
        with _remembered(settings, "prune", opened.target.address) as done:
            opened.load_index()
            pruned = keeping.prune(opened, wanted, ZoneInfo(settings.timezone))
            done(octets=pruned.octets)
        return pruned


def verify(settings: Settings, place: str, progress: Callable[[int, int], None], *, deep: bool) -> Verdict:
    """Look at everything there; what is wrong is remembered and returned."""
    with own(settings, place) as opened, _remembered(settings, "verify", opened.target.address) as done:
        verdict = checking.verify(opened, progress, deep=deep)
        done(octets=verdict.octets, notes=[f"{n}: {why}"[:300] for n, why in verdict.damaged_snapshots.items()][:20])
        if not verdict.good:
            done(error=packed(_not_good(verdict)))
            if verdict.damaged_packs:
                with taking.alone(settings):
                    keeping.disown(opened, set(verdict.damaged_packs))
        return verdict


def _not_good(verdict: Verdict) -> Damaged:
    return Damaged(
        mark("{snapshots} snapshots and {packs} packs are damaged."),
        remedy=mark("Back up again now: what is damaged is written anew. Then find out what is wrong with that disk."),
        snapshots=len(verdict.damaged_snapshots),
        packs=len(verdict.damaged_packs),
    )


def restore(settings: Settings, place: str, text: str, number: int, home: Path, progress: Progress) -> Restored:
    """Restore into ``home`` by the recovery ``text``. Raises :class:`WrongKey` and what :mod:`.restoring` raises."""
    key = recovery.read(text)
    target = open_target(place, settings)
    try:
        opened, _ = repository.open_with(target, key)
        return restoring.restore(opened, number, home, settings, progress)
    finally:
        target.close()


@contextlib.contextmanager
def _remembered(settings: Settings, kind: Kind, place: str) -> Iterator[Callable[..., None]]:
    started, wall = time.monotonic(), time.time()
    known: dict[str, object] = {}
    try:
        yield known.update
    except Busy:
        raise  # the other one will tell
    except (GongfuError, OSError) as error:
        known["error"] = packed(error)
        raise
    finally:
        if "error" in known or known:
            run = Run(kind=kind, place=place, at=wall, took=round(time.monotonic() - started, 2), **known)  # type: ignore[arg-type]
            history.note(settings.home, run)


def _require_node(settings: Settings) -> None:
    if not settings.database_url and not (settings.home / "db.sqlite3").exists():
        raise NotFound(
            mark("There is no node in {home}."),
            remedy=mark("Set GONGFU_HOME to the folder of the node; {file} and the database lie in it."),
            home=settings.home,
            file=FILE_NAME,
        )


def _data_key(home: Path) -> bytes:
    return jws.decode64(secret(home, SECRET))
