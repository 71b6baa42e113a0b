"""Tables on the terminal."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gongfu.kernel.doctor import Finding, Level
from gongfu.kernel.i18n import mark, translate
from gongfu.kernel.supervisor.status import ProcessStatus, State

if TYPE_CHECKING:
    from gongfu.identity.handle.client import Resolution
    from gongfu.identity.recursion.paths import Path

_STATES = {
    State.WAITING: (mark("waiting"), "dim"),
    State.STARTING: (mark("starting"), "cyan"),
    State.READY: (mark("ready"), "green"),
    State.UNREADY: (mark("not ready"), "yellow"),
    State.RESTARTING: (mark("restarting"), "red"),
    State.STOPPED: (mark("stopped"), "dim"),
}
_VERDICTS = {Level.OK: ("✓", "green"), Level.WARN: ("!", "yellow"), Level.FAIL: ("✗", "red")}


def state_text(state: State) -> str:
    """A state in the current language."""
    return translate(_STATES[state][0])


def processes(statuses: list[ProcessStatus]) -> None:
    """One row a process; below, what is not as it should be."""
    table = Table()
    for title in (mark("Process"), mark("State"), mark("Since"), mark("pid"), mark("Port")):
        table.add_column(translate(title), no_wrap=True)
    for title in (mark("Memory"), mark("Processor"), mark("Restarts")):
        table.add_column(translate(title), justify="right", no_wrap=True)
    notes = []
    for status in statuses:
        table.add_row(
            status.name,
            Text(state_text(status.state), style=_STATES[status.state][1]),
            duration(time.time() - status.since),
            str(status.pid or "-"),
            str(status.port),
            f"{status.memory_bytes / 1e6:.0f} MB",
            f"{status.cpu_percent:.0f} %",
            str(status.restarts),
        )
        notes += [f"{status.name}: {name}: {c.detail}" for name, c in status.conditions.items() if not c.ok]
        if status.last_exit:
            text = translate(mark("{process}: last ended with {exit}"))
            notes.append(text.format(process=status.name, exit=status.last_exit))
    console = Console()
    console.print(table)
    for note in notes:
        console.print(note, markup=False, highlight=False)


def duration(seconds: float) -> str:
    """Such as ``3 d 4 h``, ``5 min``, ``12 s``."""
    whole = max(0, int(seconds))
    if whole >= 86_400:
        return f"{whole // 86_400} d {whole % 86_400 // 3600} h"
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def findings(found: list[Finding]) -> None:
    """One line a check; what it means and what to do below those that are not well."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in found:
        sign, style = _VERDICTS[finding.level]
        table.add_row(Text(sign, style=style), finding.check, Text(finding.found))
        for line in (finding.meaning, finding.remedy):
            if line:
                table.add_row("", "", Text(line, style=style))
    Console().print(table)


def resolution(answer: Resolution) -> None:
    """The values of an identifier, and who said so."""
    table = Table()
    table.add_column(translate(mark("Index")), justify="right")
    table.add_column(translate(mark("Type")))
    table.add_column(translate(mark("Value")), overflow="fold")
    table.add_column(translate(mark("TTL")), justify="right")
    for value in answer.values:
        table.add_row(str(value.index), value.type, Text(value.text), str(value.ttl))
    console = Console()
    console.print(table)
    console.print(f"{answer.server} {answer.transport.upper()}, {answer.took * 1000:.1f} ms", markup=False)


def path(found: Path) -> None:
    """Whom a resolution asked, in their order, and what it brought."""
    from gongfu.identity.recursion import trace

    table = Table()
    for title in (mark("Hop"), mark("Asked for"), mark("Whom"), mark("Prefix served there"), mark("Answer")):
        table.add_column(translate(title), overflow="fold", justify="right" if title == "Hop" else "left")
    table.add_column(translate(mark("Took")), justify="right", no_wrap=True)
    for number, hop in enumerate(found.trace.hops, 1):
        answer = trace.problem_text(hop.problem) or trace.code_text(hop.code)
        style = "red" if hop.problem.value else "yellow" if hop.stale else "dim" if hop.cached else ""
        took = f"{hop.took_ms:.2f} ms"
        if hop.stale or hop.cached:
            took = translate(mark("old answer") if hop.stale else mark("remembered"))
        cells = (str(number), hop.asked, hop.server, hop.service or "—", answer, took)
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console = Console()
    if found.trace.hops:
        console.print(table)
    for value in found.values:
        console.print(Text(f"{value.index:>5} {value.type}  {value.text}"))
    text = translate(mark("{handle}: {result} in {took} ms"))
    result = trace.code_text(found.trace.code)
    if found.trace.stale:
        result += translate(mark(" (old answer: nobody gives a newer one)"))
    summary = text.format(handle=found.trace.handle, result=result, took=f"{found.trace.took_ms:.1f}")
    console.print(Text(f"{summary}  {found.trace.resolver}".rstrip()))
