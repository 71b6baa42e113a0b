"""``gongfu drill``: what it found as a table or as JSON."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from gongfu.cli import node_settings
from gongfu.data.backup.drill import running
from gongfu.data.backup.drill.running import Outcome
from gongfu.kernel.i18n import mark, translate

_STEPS = {
    "start": mark("A demonstration node starts in a temporary folder"),
    "backup": mark("Back up under load"),
    "destroy": mark("kill -9 of every process, and the folder is removed"),
    "restore": mark("Restore into a new home"),
    "count": mark("Count what was acknowledged"),
}
_KINDS = {"reading": mark("Readings"), "identifier": mark("Identifiers"), "record": mark("People's records")}


def run(folder: Path | None, seconds: float, place: str, *, json: bool) -> None:
    """Exit code 1 when something that was acknowledged before the last backup is missing or doubled."""
    node_settings()

    def tell(step: str) -> None:
        if not json:
            sys.stderr.write(translate(_STEPS[step]) + "\n")

    outcome = running.drill(folder, seconds, place, tell)
    if json:
        sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
    else:
        _show(outcome)
    sys.exit(0 if outcome.good else 1)


def _show(outcome: Outcome) -> None:
    console = Console()
    table = Table()
    table.add_column(translate(mark("What was acknowledged")), no_wrap=True)
    for title in (mark("Before the last backup"), mark("Missing"), mark("After it"), mark("Lost with the node")):
        table.add_column(translate(title), justify="right")
    for one in outcome.counted:
        cells = (one.before, one.lost, one.after, one.gone)
        table.add_row(translate(_KINDS[one.kind]), *(f"{number:,}" for number in cells))
    console.print(table)
    lines = (
        translate(mark("RPO {rpo} s: age of the last backup when {killed} processes were killed")).format(
            rpo=outcome.rpo_s, killed=outcome.killed
        ),
        translate(mark("RTO {rto} s: restored in {restore} s, ready after another {start} s, then counted")).format(
            rto=outcome.rto_s, restore=outcome.restore_s, start=outcome.start_s
        ),
    )
    for line in lines:
        console.print(line, markup=False)
    if not outcome.good:
        console.print(translate(mark("Something that was acknowledged is missing or doubled:")), style="red")
        for name in outcome.missing:
            console.print(name, markup=False)
