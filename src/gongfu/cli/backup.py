"""``gongfu backup`` and ``gongfu restore``. Without Django: a broken node has no database."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from gongfu.cli import node_settings
from gongfu.cli.show import duration
from gongfu.data.backup import keeping, work
from gongfu.data.backup.keeping import Policy
from gongfu.data.backup.wire import Mark
from gongfu.kernel.errors import NotFound
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.settings import Settings

_PARTS = {
    "files": mark("Files"),
    "bus": mark("Bus"),
    "records": mark("People's records"),
    "identifiers": mark("Identifiers"),
    "store": mark("Telemetry store"),
    "packs": mark("Writing"),
}


_ELSEWHERE = mark("Not in it: what lay behind {setting}. Restore that with its own tools.")


class Taken(msgspec.Struct, frozen=True):
    """What ``gongfu backup --json`` prints. Octets of all files and what was new; seconds."""

    number: int
    octets: int
    added: int
    files: int
    took_s: float
    place: str


class Back(msgspec.Struct, frozen=True):
    """What ``gongfu restore --json`` prints."""

    number: int
    home: str
    moment: int
    files: int
    took_s: float


def back_up(place: str, recovery_file: Path | None, *, json: bool, prune: bool, found: bool = True) -> None:
    """Take a snapshot; the first time found the repository and show its recovery text."""
    settings = node_settings()
    started = time.monotonic()
    if found and not work.is_begun(settings, place):
        _tell_text(work.begin(settings, place), recovery_file, json=json)
    with _bar(quiet=json) as report:
        made = work.back_up(settings, place, report)
    if prune:
        work.prune(settings, place)
    taken = Taken(
        made.number,
        made.octets,
        made.added,
        made.files,
        round(time.monotonic() - started, 2),
        work.place_of(settings, place),
    )
    if json:
        sys.stdout.write(msgspec.json.encode(taken).decode() + "\n")
        return
    _say(
        mark("Snapshot {number} is complete: {files} files, {size}, of which {added} were new, in {took} s."),
        number=taken.number,
        files=taken.files,
        size=_size(taken.octets),
        added=_size(taken.added),
        took=taken.took_s,
    )


def restore(place: str, home: Path | None, number: int, recovery_file: Path | None, *, json: bool) -> None:
    """Restore into ``home``, by default GONGFU_HOME."""
    settings = node_settings()
    target = (home or settings.home).expanduser().absolute()
    text = _text(recovery_file)
    started = time.monotonic()
    with _bar(quiet=json) as report:
        done = work.restore(settings, place, text, number, target, report)
    snapshot = done.snapshot
    for name in snapshot.elsewhere:
        sys.stderr.write(translate(_ELSEWHERE).format(setting=name) + "\n")
    if done.left_out:
        told = translate(mark("Not restored: tables of the database that this program does not make: {names}."))
        sys.stderr.write(told.format(names=", ".join(done.left_out)) + "\n")
    took = round(time.monotonic() - started, 2)
    if json:
        found = Back(snapshot.number, str(target), snapshot.moment, len(snapshot.files), took)
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    _say(
        mark("Snapshot {number} of {moment} stands in {home} ({took} s). Start it: GONGFU_HOME={home} gongfu up"),
        number=snapshot.number,
        moment=_moment(snapshot.moment, settings),
        home=target,
        took=took,
    )


def show(place: str, *, json: bool) -> None:
    """Every snapshot with its age."""
    settings = node_settings()
    with work.own(settings, place) as opened:
        marks = opened.marks()
    if json:
        sys.stdout.write(msgspec.json.encode(marks).decode() + "\n")
        return
    table = Table()
    for title in (mark("Snapshot"), mark("Age"), mark("Files"), mark("Size"), mark("Newly written")):
        table.add_column(translate(title), justify="right", no_wrap=True)
    table.add_column(translate(mark("Moment")), no_wrap=True)
    for one in marks:
        table.add_row(*_row(one), _moment(one.moment, settings))
    Console().print(table)


def verify(place: str, *, deep: bool) -> None:
    """Look at everything; exit code 1 when something is damaged."""
    settings = node_settings()
    with _bar(quiet=False) as report:
        verdict = work.verify(settings, place, lambda done, known: report("packs", done, known), deep=deep)
    for number, why in sorted(verdict.damaged_snapshots.items()):
        _say(mark("Snapshot {number}: {why}"), number=number, why=why)
    for pack in verdict.damaged_packs:
        _say(mark("Damaged: pack {pack}"), pack=pack)
    if not verdict.good:
        _say(mark("Back up again now: what is damaged is written anew."))
        sys.exit(1)
    _say(
        mark("All {snapshots} snapshots are intact: {packs} packs, {size}."),
        snapshots=verdict.snapshots,
        packs=verdict.packs,
        size=_size(verdict.octets),
    )


def prune(place: str, last: int | None, days: int | None) -> None:
    """Remove what need not stay."""
    settings = node_settings()
    policy = Policy(
        settings.backup_keep_last if last is None else last, settings.backup_keep_days if days is None else days
    )
    done = work.prune(settings, place, policy)
    _say(
        mark("{snapshots} snapshots and {packs} packs ({size}) were removed."),
        snapshots=len(done.snapshots),
        packs=done.packs,
        size=_size(done.octets),
    )


def _tell_text(text: str, recovery_file: Path | None, *, json: bool) -> None:
    if recovery_file is not None:
        with os.fdopen(os.open(recovery_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text + "\n")
        return
    message = translate(mark("Recovery text, shown only this once; without it nobody can restore: {recovery}"))
    (sys.stderr if json else sys.stdout).write(message.format(recovery=text) + "\n")


def _text(recovery_file: Path | None) -> str:
    if recovery_file is not None:
        try:
            return recovery_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(
                mark("{file} cannot be read: {reason}."),
                remedy=mark("Name the file with the recovery text, or leave it out and type the text."),
                file=recovery_file,
                reason=error,
            ) from error
    return str(typer.prompt(translate(mark("Recovery text"))))


@contextlib.contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    if quiet or not sys.stderr.isatty():
        yield lambda part, done, known: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda part, done, known: bar.update(
            task, description=translate(_PARTS.get(part, part)), completed=done, total=known or None
        )


def _row(one: Mark) -> tuple[str, ...]:
    return str(one.number), duration(keeping.age(one)), f"{one.files:,}", _size(one.octets), _size(one.added)


def _size(octets: int) -> str:
    size, unit = float(octets), "B"
    for unit in ("B", "kB", "MB", "GB", "TB", "PB"):
        if size < 1000 or unit == "PB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _moment(nanoseconds: int, settings: Settings) -> str:
    return f"{datetime.fromtimestamp(nanoseconds / 1e9, ZoneInfo(settings.timezone)):%Y-%m-%d %H:%M:%S}"


def _say(text: str, **values: object) -> None:
    sys.stdout.write(translate(text).format(**values) + "\n")
