"""``gongfu plan``: the capacity model's arithmetic, or the cluster's DDL."""

from __future__ import annotations

import sys

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gongfu.data.cluster import ddl
from gongfu.data.cluster.capacity import Costs, Plan, Server, Step, Wish, plan
from gongfu.kernel.i18n import mark, translate

_NAMES = {
    "rate": mark("Rate"),
    "peak rate": mark("Peak rate"),
    "readings kept": mark("Readings kept"),
    "disk of readings": mark("Disk of readings"),
    "points of a sensor a day": mark("Points of a sensor a day"),
    "roll-ups of a sensor a day": mark("Roll-ups of a sensor a day"),
    "roll-ups kept": mark("Roll-ups kept"),
    "disk of roll-ups": mark("Disk of roll-ups"),
    "disk of one copy": mark("Disk of one copy"),
    "disk of all copies": mark("Disk of all copies"),
    "cores to store": mark("Cores to store"),
    "cores to roll up": mark("Cores to roll up"),
    "cores to write": mark("Cores to write"),
    "memory of indexes": mark("Memory of indexes"),
    "memory of latest values": mark("Memory of latest values"),
    "memory of one copy": mark("Memory of one copy"),
    "network at the peak": mark("Network at the peak"),
    "shards by disk": mark("Shards by disk"),
    "shards by cores": mark("Shards by cores"),
    "shards by memory": mark("Shards by memory"),
    "shards": mark("Shards"),
    "servers": mark("Servers"),
    "first backup of a server": mark("First backup of a server"),
}
_UNITS = ("", "k", "M", "G", "T", "P", "E")


def run(wish: Wish, server: Server, costs: Costs, *, json: bool) -> None:
    """Print the plan."""
    made = plan(wish, server, costs)
    if json:
        sys.stdout.write(msgspec.json.encode(made).decode() + "\n")
    else:
        _show(made)


def show_ddl(cluster: str) -> None:
    """Print the statements."""
    sys.stdout.write(";\n\n".join(ddl.statements(cluster)) + ";\n")


def _show(made: Plan) -> None:
    table = Table()
    table.add_column(translate(mark("Quantity reckoned")), no_wrap=True)
    table.add_column(translate(mark("Arithmetic")), overflow="fold")
    table.add_column("=", justify="right", no_wrap=True)
    for step in made.steps:
        table.add_row(translate(_NAMES[step.what]), Text(step.formula), Text(shown(step)))
    console = Console()
    console.print(table)
    text = translate(mark("{servers} servers: {shards} shards of {replicas} replicas"))
    replicas = made.servers // made.shards
    console.print(text.format(servers=made.servers, shards=made.shards, replicas=replicas), style="bold")


def shown(step: Step) -> str:
    """A value with its unit, such as ``3.2 TB``."""
    if step.unit == "s":
        hours, seconds = divmod(step.value, 3600)
        return f"{hours:,.0f} h {seconds / 60:.0f} min"
    size, at = step.value, 0
    while abs(size) >= 1000 and at < len(_UNITS) - 1 and (step.unit or step.value >= 1e6):
        size, at = size / 1000, at + 1
    number = f"{size:,.0f}" if size == int(size) or size >= 100 else f"{size:,.2f}"
    return f"{number} {_UNITS[at]}{step.unit.removeprefix('1')}".rstrip()
